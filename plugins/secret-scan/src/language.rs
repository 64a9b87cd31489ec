//! Which language a file is in, and what in it is comment and text.

use std::ops::Range;

/// A language whose risky calls are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    JavaScript,
    Shell,
    Go,
    Java,
    Php,
    Ruby,
}

impl Language {
    /// Tells a file's language by its ending.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        Some(match ending.as_str() {
            "py" | "pyi" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "mts" | "cts" => Self::JavaScript,
            "sh" | "bash" | "zsh" => Self::Shell,
            "go" => Self::Go,
            "java" | "kt" => Self::Java,
            "php" => Self::Php,
            "rb" => Self::Ruby,
            _ => return None,
        })
    }

    fn has_hash_comments(self) -> bool {
        matches!(self, Self::Python | Self::Shell | Self::Php | Self::Ruby)
    }

    fn has_slash_comments(self) -> bool {
        matches!(self, Self::JavaScript | Self::Go | Self::Java | Self::Php)
    }

    fn has_backtick_texts(self) -> bool {
        matches!(self, Self::JavaScript | Self::Go)
    }
}

/// A file's code with its comments blanked, and the same with its texts blanked as well. Both have the
/// file's length, so that places are the same.
pub(crate) struct Code {
    pub(crate) with_texts: Vec<u8>,
    pub(crate) bare: Vec<u8>,
}

/// Tells code from comments and texts.
///
/// It knows no regular expressions of JavaScript, no here-documents and no nesting in templates; what it
/// takes wrongly for a text or for code ends at the line's end, where texts of one line end.
pub(crate) fn code(bytes: &[u8], language: Language) -> Code {
    let mut code = Code { with_texts: bytes.to_vec(), bare: bytes.to_vec() };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if let Some(length) = comment(bytes, at, language) {
            blank(&mut code.with_texts[at..at + length]);
            blank(&mut code.bare[at..at + length]);
            at + length
        } else if let Some(Quoted { inner, length }) = quoted(rest, language) {
            blank(&mut code.bare[at + inner.start..at + inner.end]);
            at + length
        } else {
            at + 1
        };
        at = end;
    }
    code
}

/// Returns the length of a comment that begins here.
fn comment(bytes: &[u8], at: usize, language: Language) -> Option<usize> {
    let rest = &bytes[at..];
    let to_line_end = || rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    // In a shell `$#` and `a#b` are none.
    let begins_word = at == 0 || bytes[at - 1].is_ascii_whitespace() || language != Language::Shell;
    if language.has_hash_comments() && rest[0] == b'#' && begins_word {
        return Some(to_line_end());
    }
    if language.has_slash_comments() {
        if rest.starts_with(b"//") {
            return Some(to_line_end());
        }
        if rest.starts_with(b"/*") {
            let end = rest[2..].windows(2).position(|two| two == b"*/");
            return Some(end.map_or(rest.len(), |end| end + 4));
        }
    }
    None
}

/// A text with its quotes.
struct Quoted {
    inner: Range<usize>,
    length: usize,
}

/// Returns the text that begins here.
fn quoted(rest: &[u8], language: Language) -> Option<Quoted> {
    for triple in [&b"\"\"\""[..], b"'''"] {
        if language == Language::Python && rest.starts_with(triple) {
            let end = rest[3..].windows(3).position(|three| three == triple);
            let end = end.map_or(rest.len(), |end| end + 3);
            return Some(Quoted { inner: 3..end, length: rest.len().min(end + 3) });
        }
    }
    let quote = rest[0];
    let is_long = quote == b'`' && language.has_backtick_texts();
    if !(is_long || matches!(quote, b'"' | b'\'')) {
        return None;
    }
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' if !is_long => break,
            byte if *byte == quote => break,
            _ => {}
        }
        at += 1;
    }
    let end = at.min(rest.len());
    let is_closed = rest.get(end) == Some(&quote);
    Some(Quoted { inner: 1..end, length: end + usize::from(is_closed) })
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str, language: Language) -> String {
        let code = code(text.as_bytes(), language);
        assert_eq!(code.bare.len(), text.len());
        String::from_utf8(code.bare).expect("blanks are text")
    }

    #[test]
    fn comments_and_texts_are_blank_and_places_stay() {
        assert_eq!(bare("a = 'x' # y\nb", Language::Python), "a = ' '    \nb");
        assert_eq!(bare("\"\"\"eval(\n\"\"\"\nc", Language::Python), "\"\"\"     \n\"\"\"\nc");
        assert_eq!(bare("f('it\\'s', \"#\") //z", Language::JavaScript), "f('     ', \" \")    ");
        assert_eq!(bare("/* a\n */ b `x\ny`", Language::JavaScript), "    \n    b ` \n `");
        assert_eq!(bare("echo $# a#b # c", Language::Shell), "echo $# a#b    ");
        assert_eq!(bare("x = 'open\neval(y)", Language::Python), "x = '    \neval(y)");
    }

    #[test]
    fn what_never_ends_ends_with_the_file() {
        for text in ["/*", "'''", "\"", "'\\", "`", "#", "//", "/*/"] {
            for language in [Language::Python, Language::JavaScript, Language::Shell] {
                let _ = bare(text, language);
            }
        }
    }
}
