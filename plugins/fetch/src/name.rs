//! How a file is named after where it is.

use percent_encoding::percent_decode_str;
use url::Url;

/// Longer names are no names.
const MAX_NAME_BYTES: usize = 120;

/// The endings of media types that pages and their parts have; others are in their URLs.
const ENDINGS: [(&str, &str); 12] = [
    ("text/html", "html"),
    ("application/xhtml+xml", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
    ("text/csv", "csv"),
    ("application/json", "json"),
    ("application/xml", "xml"),
    ("text/xml", "xml"),
    ("application/pdf", "pdf"),
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/svg+xml", "svg"),
];

/// Names a file after its URL's last part, with an ending of its media type where that has none.
///
/// What is no letter, digit, `.`, `_` or `-` becomes `-`, so that the name is one on every system.
pub fn file_name(url: &Url, media: Option<&str>) -> String {
    let last = url.path_segments().and_then(|parts| parts.rev().find(|part| !part.is_empty()));
    let decoded = percent_decode_str(last.unwrap_or_default()).decode_utf8_lossy();
    let kept = |letter: char| {
        if letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-') { letter } else { '-' }
    };
    let name: String = decoded.chars().map(kept).collect();
    let mut name = name.trim_matches(['.', '-']).to_owned();
    while name.len() > MAX_NAME_BYTES {
        name.pop();
    }
    if name.is_empty() {
        name.push_str("index");
    }
    let ending = ENDINGS.iter().find(|(known, _)| Some(*known) == media);
    match ending {
        Some((_, ending)) if !name.contains('.') => format!("{name}.{ending}"),
        _ => name,
    }
}
