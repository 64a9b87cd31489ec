//! Names as git writes them into patches.

/// Returns a name after a prefix, quoted as in C if it has what git quotes.
pub(super) fn quoted(prefix: &str, name: &str) -> String {
    if !name.bytes().any(is_special) {
        return format!("{prefix}{name}");
    }
    let mut text = format!("\"{prefix}");
    for byte in name.bytes() {
        let letter = match byte {
            b'"' | b'\\' => byte,
            0x07 => b'a',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            _ if is_special(byte) => {
                text.push_str(&format!("\\{byte:03o}"));
                continue;
            }
            _ => {
                text.push(byte.into());
                continue;
            }
        };
        text.push('\\');
        text.push(letter.into());
    }
    text.push('"');
    text
}

/// Returns a name as it stands after `---` and `+++`.
///
/// A tab ends one with a space, where other programs expect a date.
pub(super) fn label(prefix: &str, name: &str) -> String {
    let mut text = quoted(prefix, name);
    if text.contains(' ') {
        text.push('\t');
    }
    text
}

fn is_special(byte: u8) -> bool {
    !(0x20..0x7f).contains(&byte) || matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_git_does_it() {
        assert_eq!(quoted("a/", "src/x y.rs"), "a/src/x y.rs");
        assert_eq!(quoted("a/", "a\tb"), r#""a/a\tb""#);
        assert_eq!(quoted("", "é\"\\\n\u{1b}\u{7f}"), r#""\303\251\"\\\n\033\177""#);
        assert_eq!(label("b/", "x"), "b/x");
        assert_eq!(label("b/", "x y"), "b/x y\t");
        assert_eq!(label("b/", "x \"y"), "\"b/x \\\"y\"\t");
    }
}
