//! Aligned tables: as wide as they must be, cut at the terminal's edge.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{BOLD, Look, escape};

/// Space between columns.
const GAP: &str = "  ";

/// A table with a heading.
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// One field of a table: a line of plain text, and how to show it.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Makes a cell with a style. Terminal controls in the text are escaped.
    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self { text: escape::line(text).into_owned(), style }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::styled(text, Style::new())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl Table {
    /// Starts a table with its heading.
    pub(crate) fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self { rows: vec![heading.iter().map(|text| Cell::styled(text, BOLD)).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// Makes the text. The last column is cut where the terminal ends.
    pub(crate) fn render(&self, look: &Look) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.text.width()).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut used = 0;
            for (column, cell) in row.iter().enumerate() {
                let last = column + 1 == row.len();
                let shown = match look.width {
                    Some(width) if last => cut(&cell.text, width.saturating_sub(used)),
                    _ => cell.text.clone(),
                };
                let style = cell.style;
                text.push_str(&format!("{style}{shown}{style:#}"));
                if !last {
                    let padding = widths[column] - cell.text.width();
                    text.push_str(&" ".repeat(padding));
                    text.push_str(GAP);
                    used += widths[column] + GAP.len();
                }
            }
            while text.ends_with(' ') {
                text.pop();
            }
            text.push('\n');
        }
        text
    }
}

/// Cuts a text to so many columns, and shows that it was cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let mut kept = String::new();
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_last_is_cut() {
        let mut table = Table::new(["NAME", "NOTE"]);
        table.row(["日本".into(), "a\nb".into()]);
        table.row(["long-name".into(), "much more than fits".into()]);
        let look = Look { width: Some(20), ..Look::fixed() };
        let text = anstream::adapter::strip_str(&table.render(&look)).to_string();
        assert_eq!(text, "NAME       NOTE\n日本       a\\nb\nlong-name  much mor…\n");
    }
}
