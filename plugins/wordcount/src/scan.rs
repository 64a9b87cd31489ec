//! Taking a text apart: words with their places, sentences, lines and paragraphs.

use std::str::CharIndices;

/// A word in its text.
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: u32,
    /// From 1, in characters.
    pub(crate) column: u32,
    /// Whether a sentence ended between the word before and this one.
    pub(crate) begins_sentence: bool,
}

/// The words of a text, in their order.
pub(crate) fn words(text: &str) -> Words<'_> {
    Words { text, chars: text.char_indices(), line: 1, column: 0, ended: true }
}

pub(crate) struct Words<'a> {
    text: &'a str,
    chars: CharIndices<'a>,
    line: u32,
    column: u32,
    ended: bool,
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let (start, char) = self.step()?;
            if !is_letter(char) {
                self.ended |= matches!(char, '.' | '!' | '?' | '…');
                continue;
            }
            let (line, column) = (self.line, self.column);
            let mut end = start + char.len_utf8();
            while let Some(length) = letters(&self.text[end..]) {
                for _ in self.text[end..end + length].chars() {
                    self.step();
                }
                end += length;
            }
            let begins_sentence = std::mem::take(&mut self.ended);
            return Some(Word { text: &self.text[start..end], line, column, begins_sentence });
        }
    }
}

impl Words<'_> {
    fn step(&mut self) -> Option<(usize, char)> {
        let (at, char) = self.chars.next()?;
        // A line feed is the last character of its line.
        if at > 0 && self.text.as_bytes()[at - 1] == b'\n' {
            self.line += 1;
            self.column = 0;
        }
        self.column += 1;
        Some((at, char))
    }
}

/// How many bytes of a word that has begun come next: a letter, or an apostrophe before one.
fn letters(rest: &str) -> Option<usize> {
    let mut chars = rest.chars();
    let first = chars.next()?;
    if is_letter(first) {
        return Some(first.len_utf8());
    }
    let second = chars.next().filter(|_| matches!(first, '\'' | '’'))?;
    is_letter(second).then(|| first.len_utf8() + second.len_utf8())
}

fn is_letter(char: char) -> bool {
    match char {
        '\0'..='\u{7f}' => char.is_ascii_alphanumeric(),
        '\u{80}'..='\u{bf}' | '×' | '÷' => false,
        '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' => false,
        _ => true,
    }
}

/// The lines of a text, without their ends; none of an empty one.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}

/// The paragraphs of a text: what blank lines part.
pub(crate) fn paragraphs(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut start = None;
    for line in lines(text) {
        if line.trim_ascii().is_empty() {
            found.extend(start.take().map(|start| &text[start..at]));
        } else {
            start.get_or_insert(at);
        }
        at += line.len();
    }
    found.extend(start.map(|start| &text[start..]));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_apostrophes_inside_and_places() {
        let found: Vec<_> = words("Don’t stop.\n 'Été' x-1")
            .map(|word| (word.text, word.line, word.column, word.begins_sentence))
            .collect();
        let expected = [
            ("Don’t", 1, 1, true),
            ("stop", 1, 7, false),
            ("Été", 2, 3, true),
            ("x", 2, 8, false),
            ("1", 2, 10, false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        assert_eq!(paragraphs("\n a\nb\n \n\nc"), [" a\nb\n", "c"]);
        assert!(paragraphs(" \n").is_empty());
    }
}
