//! Finding secrets: texts of the kinds in `kinds`, if they are random, and stand for nothing else.

use crate::entropy::bits_per_char;
use crate::finding::Finding;
use crate::kinds::{Files, KINDS, Kind};
use crate::text::Text;
use aho_corasick::AhoCorasick;
use findings::Rule;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

/// How much of a secret is told.
const SHOWN_BYTES: usize = 4;

/// What a value has that only stands for a secret.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your",
    "xxxx",
    "****",
    "....",
    "dummy",
    "redacted",
    "insert",
    "replace",
    "todo",
    "fixme",
    "errand-secret",
    "process.env",
    "os.environ",
    "getenv",
    "secrets.",
    "vault:",
    "${",
    "{{",
    "%(",
    "$(",
];
/// Passwords that only documents have.
const SPOKEN_OF: &[&[u8]] = &[b"pass", b"passwd", b"password", b"pwd", b"secret"];
/// What lines have in which random texts are digests and the like.
const DIGESTS: &[&str] = &[
    "sha1",
    "sha256",
    "sha384",
    "sha512",
    "sha-",
    "blake",
    "md5",
    "digest",
    "checksum",
    "integrity",
    "hash",
    "commit",
    "etag",
    "fingerprint",
    "public",
    "signature",
    "uuid",
    "alphabet",
    "charset",
    "base64,",
];

pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    KINDS.iter().map(|kind| &kind.rule)
}

/// Finds secrets. Patterns are read when a file first has a mark of theirs.
pub(crate) struct Scanner {
    marks: AhoCorasick,
    /// Which kind each mark is of.
    of_mark: Vec<usize>,
    patterns: Vec<OnceLock<Regex>>,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        let (mut marks, mut of_mark) = (Vec::<&str>::new(), Vec::new());
        for (index, kind) in KINDS.iter().enumerate() {
            marks.extend(kind.marks);
            of_mark.extend(kind.marks.iter().map(|_| index));
        }
        let marks = AhoCorasick::builder().ascii_case_insensitive(true).build(marks);
        Self {
            marks: marks.expect("the marks are few and short"),
            of_mark,
            patterns: KINDS.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    pub(crate) fn scan(&self, text: &Text<'_>) -> Vec<Finding> {
        let mut kinds: BTreeSet<usize> =
            (0..KINDS.len()).filter(|index| KINDS[*index].marks.is_empty()).collect();
        let marks = self.marks.find_overlapping_iter(text.bytes);
        kinds.extend(marks.map(|mark| self.of_mark[mark.pattern().as_usize()]));
        // In their order, so that what has a name of its own is told by it alone.
        let mut taken: Vec<Range<usize>> = Vec::new();
        let mut found = Vec::new();
        for kind in kinds {
            let of = &KINDS[kind];
            if !of.files.has(text.name) {
                continue;
            }
            let pattern = self.patterns[kind].get_or_init(|| compiled(of.pattern));
            for captures in pattern.captures_iter(text.bytes) {
                let Some(secret) = captures.get(1) else { continue };
                let overlaps =
                    |one: &Range<usize>| one.start < secret.end() && secret.start() < one.end;
                if taken.iter().any(overlaps)
                    || !of.is_secret(text, secret.start(), secret.as_bytes())
                {
                    continue;
                }
                taken.push(secret.range());
                let message = format!("{}: {}", of.what, told(of, secret.as_bytes()));
                let place = text.place(secret.start());
                found.push(Finding::new(&of.rule, text.name, place, message));
            }
        }
        found
    }
}

impl Kind {
    fn is_secret(&self, text: &Text<'_>, at: usize, secret: &[u8]) -> bool {
        if bits_per_char(secret) < self.min_bits {
            return false;
        }
        let has = |line: &[u8], words: &[&str]| {
            let line = line.to_ascii_lowercase();
            words.iter().any(|word| line.windows(word.len()).any(|part| part == word.as_bytes()))
        };
        if self.min_bits > 0.0 && (has(secret, PLACEHOLDERS) || repeats(secret)) {
            return false;
        }
        match self.rule.id {
            "url-password" => !SPOKEN_OF.iter().any(|word| secret.eq_ignore_ascii_case(word)),
            "hard-coded-secret" | "secret-in-settings" => is_made(secret),
            "random-text" => {
                let line = text.line(text.place(at).0);
                is_mixed(secret) && !has(line, DIGESTS)
            }
            _ => true,
        }
    }
}

impl Files {
    fn has(self, name: &str) -> bool {
        let file = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| file.ends_with(ending));
        match self {
            Self::All => true,
            Self::Settings => {
                file.starts_with(".env")
                    || ends(&[
                        ".env",
                        ".ini",
                        ".cfg",
                        ".conf",
                        ".properties",
                        ".yaml",
                        ".yml",
                        ".toml",
                        ".npmrc",
                        ".pypirc",
                        ".netrc",
                        ".tfvars",
                    ])
            }
            Self::Written => {
                !ends(&[".lock", "-lock.json", ".min.js", ".map", ".sum", ".svg", ".ipynb"])
            }
        }
    }
}

fn compiled(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).unicode(false).build().expect("the rules' patterns are tested")
}

/// Tells a secret by how it begins.
fn told(kind: &Kind, secret: &[u8]) -> String {
    if kind.rule.id == "private-key" {
        return String::from_utf8_lossy(secret).into_owned();
    }
    // A password is short: its beginning may be half of it.
    let shown = if secret.len() >= 16 { &secret[..SHOWN_BYTES] } else { &[] };
    format!("`{}…`, {} characters", String::from_utf8_lossy(shown), secret.len())
}

/// Tells whether a text is one piece again and again, or goes up step by step.
fn repeats(text: &[u8]) -> bool {
    let steps = text.windows(2).filter(|two| two[1] == two[0].wrapping_add(1)).count();
    (1..=4).any(|length| text.len() > 2 * length && text[length..] == text[..text.len() - length])
        || steps * 2 > text.len()
}

/// Tells whether a value was made, and is no word, name, path or number.
fn is_made(value: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| value.iter().filter(|byte| is(byte)).count();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let is_random = match count(u8::is_ascii_digit) {
        0 => false,
        // One digit is a name's number, but not where letters are of both cases throughout.
        1 => upper >= 3 && lower >= 3,
        _ => upper + lower >= 2,
    };
    let is_url = value.windows(3).any(|part| part == b"://");
    is_random && !(value.starts_with(b"/") || value.starts_with(b"./") || is_url)
}

/// Tells whether a text has letters of both cases and digits, as random ones do.
fn is_mixed(text: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| text.iter().filter(|byte| is(byte)).count() >= 3;
    has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}
