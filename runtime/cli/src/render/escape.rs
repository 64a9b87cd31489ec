//! Text of strangers on the way to a terminal: what would steer it is shown instead of obeyed.

use std::borrow::Cow;
use std::fmt::Write;

/// Escapes what steers a terminal; line ends and tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape(text, |character| matches!(character, '\n' | '\t'))
}

/// Escapes what steers a terminal, line ends and tabs too: for what must stay on one line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

fn escape(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    let steers =
        |character: char| !stays(character) && (character.is_control() || turns(character));
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            // The line end of other systems moves no text.
            '\r' if rest.peek() == Some(&'\n') && stays('\n') => {}
            '\n' | '\r' | '\t' if steers(character) => escaped.extend(character.escape_default()),
            _ if steers(character) && character.is_ascii() => {
                // Writing to a string can't fail.
                let _ = write!(escaped, "\\x{:02x}", u32::from(character));
            }
            _ if steers(character) => escaped.extend(character.escape_unicode()),
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Tells whether a character turns the direction of what follows.
fn turns(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_and_not_obeyed() {
        assert_eq!(text("a\x1b[2J\x07b\u{9b}1m\u{202e}c"), "a\\x1b[2J\\x07b\\u{9b}1m\\u{202e}c");
        assert_eq!(text("50 %\rdone"), "50 %\\rdone");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        assert!(matches!(text("größer\n\tals"), Cow::Borrowed(_)));
        assert_eq!(text("a\r\nb"), "a\nb");
        assert_eq!(line("a\nb\tc"), "a\\nb\\tc");
    }
}
