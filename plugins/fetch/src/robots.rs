//! What a site says to robots: RFC 9309.
//!
//! Rules of the group that names the robot, of all such groups together, or else of those for `*`. The
//! longest rule that matches counts, and of equally long ones the one that allows.

/// What is read of a `robots.txt`: RFC 9309 wants 500 KiB at least.
pub(crate) const MAX_BYTES: usize = 500 * 1024;

/// The rules of a site for one robot.
#[derive(Debug, Clone, Default)]
pub struct Robots {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    allows: bool,
    /// Percent-encoded in one way, so that equal paths are equal texts.
    pattern: String,
}

/// Whom the rules that follow are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Nobody,
    Everybody,
    Us,
}

impl Robots {
    /// Reads a `robots.txt` for a robot of this name.
    ///
    /// What is no line of the standard's is skipped, as it says.
    pub fn for_robot(text: &[u8], token: &str) -> Self {
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_BYTES)]);
        let text = text.trim_start_matches('\u{feff}');
        let (mut ours, mut everybodys, mut are_we_named) = (Vec::new(), Vec::new(), false);
        let mut group = Group::Nobody;
        let mut began = false;
        for line in text.split(['\n', '\r']) {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let (key, value) = (key.trim(), value.trim());
            if key.eq_ignore_ascii_case("user-agent") {
                // Several of them in a row are for one group.
                let named = named(value, token);
                group = if began { group.max(named) } else { named };
                began = true;
                are_we_named |= named == Group::Us;
                continue;
            }
            let allows = key.eq_ignore_ascii_case("allow");
            if !allows && !key.eq_ignore_ascii_case("disallow") {
                // Other lines, such as where the sitemap is, end no group.
                continue;
            }
            began = false;
            // A rule without a path matches nothing.
            if value.is_empty() {
                continue;
            }
            let rule = Rule { allows, pattern: normal(value) };
            match group {
                Group::Us => ours.push(rule),
                Group::Everybody => everybodys.push(rule),
                Group::Nobody => {}
            }
        }
        Self { rules: if are_we_named { ours } else { everybodys } }
    }

    /// Tells whether a path, with its query, may be asked for.
    pub fn allows(&self, path: &str) -> bool {
        if path == "/robots.txt" {
            return true;
        }
        let path = normal(path);
        let matching = self.rules.iter().filter(|rule| matches(&rule.pattern, &path));
        matching.max_by_key(|rule| (rule.pattern.len(), rule.allows)).is_none_or(|rule| rule.allows)
    }
}

impl Group {
    /// Returns the closer of both.
    fn max(self, other: Self) -> Self {
        match (self, other) {
            (Self::Us, _) | (_, Self::Us) => Self::Us,
            (Self::Everybody, _) | (_, Self::Everybody) => Self::Everybody,
            _ => Self::Nobody,
        }
    }
}

/// Tells whom a line of `user-agent` names. What follows the name there, such as a version, is skipped.
fn named(value: &str, token: &str) -> Group {
    if value.starts_with('*') {
        return Group::Everybody;
    }
    let is_part = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '-' | '_');
    let end = value.find(|letter| !is_part(letter)).unwrap_or(value.len());
    if value[..end].eq_ignore_ascii_case(token) { Group::Us } else { Group::Nobody }
}

/// Writes a path in one way: what is not ASCII percent-encoded, and what is percent-encoded in capitals, or
/// plain where that needs no encoding.
fn normal(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut text = String::with_capacity(path.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |offset: usize| Some((*bytes.get(at + offset)? as char).to_digit(16)? as u8);
        let encoded = digit(1).zip(digit(2)).map(|(high, low)| high << 4 | low);
        let (byte, was_encoded) = match (bytes[at], encoded) {
            (b'%', Some(byte)) => (byte, true),
            (byte, _) => (byte, false),
        };
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_plain || !was_encoded && byte.is_ascii_graphic() {
            text.push(byte as char);
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        at += if was_encoded { 3 } else { 1 };
    }
    text
}

/// Tells whether a path begins as a pattern says: `*` is anything, and `$` at the end is the end.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, is_whole) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return !is_whole || rest.is_empty();
    }
    // The earliest place of each part leaves the most for those after it.
    while let Some(part) = parts.next() {
        if parts.peek().is_none() && is_whole {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}
