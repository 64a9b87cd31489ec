//! A line of a patch on a terminal.

use anstyle::{AnsiColor, Style};

use super::escape;

/// Paints a line by what it says, with controls in it escaped.
pub(crate) fn line(text: &str) -> String {
    let style = style(text);
    format!("{style}{}{style:#}", escape::text(text))
}

fn style(text: &str) -> Style {
    const HEADS: [&str; 8] =
        ["diff ", "--- ", "+++ ", "new file ", "deleted file ", "rename ", "similarity ", "index "];
    if HEADS.iter().any(|head| text.starts_with(head)) {
        return Style::new().bold();
    }
    match text.as_bytes().first() {
        Some(b'+') => AnsiColor::Green.on_default(),
        Some(b'-') => AnsiColor::Red.on_default(),
        Some(b'@') => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_colours_that_people_know() {
        assert_eq!(line("+new"), "\u{1b}[32m+new\u{1b}[0m");
        assert_eq!(line("-old"), "\u{1b}[31m-old\u{1b}[0m");
        assert_eq!(line(" same"), " same");
        assert!(line("--- a/x").starts_with("\u{1b}[1m"));
        assert!(!line("+\u{1b}[2J").contains("\u{1b}[2J"), "a guest wrote it");
    }
}
