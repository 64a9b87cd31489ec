//! Secrets taken out of what comes back: placeholders stand in their places.
//!
//! Owns the forms in which a value is looked for: as it is, in base64 at any alignment, in hexadecimal,
//! percent-encoded, and as JSON, HTML and forms write it. It is a net for what is said by mistake: a guest
//! that wants to learn what a server sends back can have the server send it in a form that nobody knows.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use errand_core::SecretName;
use memchr::memmem;
use zeroize::Zeroizing;

/// What a secret is. The memory is wiped when the last that has it lets go.
pub(crate) type Value = Arc<Zeroizing<Vec<u8>>>;

/// Looks for a set of secrets.
pub(crate) struct Cover {
    forms: Vec<Form>,
    /// The length of the longest form.
    longest: usize,
}

struct Form {
    bytes: Zeroizing<Vec<u8>>,
    placeholder: Arc<str>,
}

impl Cover {
    /// Returns what looks for these; nothing where there are none.
    pub(crate) fn new(secrets: &[(SecretName, Value)]) -> Option<Self> {
        let mut forms: Vec<Form> = Vec::new();
        for (name, value) in secrets {
            let placeholder: Arc<str> = name.placeholder().into();
            for bytes in forms_of(value) {
                if !forms.iter().any(|form| *form.bytes == *bytes) {
                    forms.push(Form { bytes, placeholder: Arc::clone(&placeholder) });
                }
            }
        }
        // Of two that begin at the same place, the longer.
        forms.sort_by_key(|form| std::cmp::Reverse(form.bytes.len()));
        let longest = forms.first()?.bytes.len();
        Some(Self { forms, longest })
    }

    /// Returns the bytes with placeholders; nothing where there is no secret in them.
    pub(crate) fn cover(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut covered = Vec::new();
        let (end, found) = self.cover_until(bytes, bytes.len(), &mut covered);
        debug_assert_eq!(end, bytes.len());
        found.then_some(covered)
    }

    /// Covers what begins before a place, and returns where that ends, and whether there was any.
    fn cover_until(&self, bytes: &[u8], until: usize, covered: &mut Vec<u8>) -> (usize, bool) {
        let finders: Vec<_> =
            self.forms.iter().map(|form| memmem::Finder::new(&**form.bytes)).collect();
        let find = |index: usize, from: usize| {
            finders[index].find(&bytes[from..]).map_or(usize::MAX, |at| at + from)
        };
        let mut next: Vec<usize> = (0..finders.len()).map(|index| find(index, 0)).collect();
        let (mut at, mut found) = (0, false);
        while let Some((index, start)) =
            next.iter().copied().enumerate().min_by_key(|(_, start)| *start)
            && start < until
        {
            let form = &self.forms[index];
            covered.extend(&bytes[at..start]);
            covered.extend(form.placeholder.as_bytes());
            (at, found) = (start + form.bytes.len(), true);
            for (index, next) in next.iter_mut().enumerate().filter(|(_, next)| **next < at) {
                *next = find(index, at);
            }
        }
        if at < until {
            covered.extend(&bytes[at..until]);
            at = until;
        }
        (at, found)
    }
}

/// Covers what comes in pieces. It holds back as much as may be the beginning of a secret.
pub(crate) struct Stream {
    cover: Arc<Cover>,
    held: Zeroizing<Vec<u8>>,
}

impl Stream {
    pub(crate) fn new(cover: Arc<Cover>) -> Self {
        Self { cover, held: Zeroizing::default() }
    }

    /// Returns what can be said after another piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend(piece);
        // Whatever begins before this place is whole, the longest form too.
        let until = (self.held.len() + 1).saturating_sub(self.cover.longest);
        self.take(until)
    }

    /// Returns the rest.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.take(self.held.len())
    }

    fn take(&mut self, until: usize) -> Vec<u8> {
        let mut covered = Vec::new();
        let (end, _) = self.cover.cover_until(&self.held, until, &mut covered);
        self.held.drain(..end);
        covered
    }
}

/// Returns the forms of a value.
fn forms_of(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = vec![
        value.to_vec(),
        percent(value, false, b"-._~", b'%'),
        percent(value, true, b"-._~", b'%'),
        // As forms have it, and `encodeURIComponent`.
        percent(value, true, b"-._*", b'+'),
        percent(value, true, b"-._~!*'()", b'%'),
        hexadecimal(value, false),
        hexadecimal(value, true),
    ];
    for alphabet in [&STANDARD, &URL_SAFE] {
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        forms.extend((0..3).map(|before| base64_core(&engine, value, before)));
    }
    if let Ok(text) = std::str::from_utf8(value) {
        forms.extend([false, true].map(|ascii| json(text, ascii, false)));
        forms.extend([false, true].map(|ascii| json(text, ascii, true)));
        forms.push(html(text));
    }
    forms.into_iter().map(Zeroizing::new).collect()
}

/// Returns what is the same of a value in base64 whatever stands before and after it, with so many bytes
/// before it in its group of three.
fn base64_core(engine: &GeneralPurpose, value: &[u8], before: usize) -> Vec<u8> {
    let padded = Zeroizing::new([&vec![0; before][..], value].concat());
    let encoded = Zeroizing::new(engine.encode(&*padded));
    let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded.as_bytes()[first..last].to_vec()
}

fn percent(value: &[u8], upper: bool, kept: &[u8], space: u8) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(value.len() * 3);
    for byte in value {
        match byte {
            b' ' if space == b'+' => encoded.push(b'+'),
            byte if byte.is_ascii_alphanumeric() || kept.contains(byte) => encoded.push(*byte),
            byte => {
                encoded.push(b'%');
                encoded.extend(digits(*byte, upper));
            }
        }
    }
    encoded
}

fn hexadecimal(value: &[u8], upper: bool) -> Vec<u8> {
    value.iter().flat_map(|byte| digits(*byte, upper)).collect()
}

fn digits(byte: u8, upper: bool) -> [u8; 2] {
    let digits = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// Returns a text as it stands in a JSON string, all in ASCII or not, with slashes escaped or not.
fn json(text: &str, ascii: bool, slashes: bool) -> Vec<u8> {
    let mut encoded = String::with_capacity(text.len() * 6);
    for char in text.chars() {
        match char {
            '"' | '\\' => encoded.extend(['\\', char]),
            '/' if slashes => encoded.push_str("\\/"),
            '\t' => encoded.push_str("\\t"),
            '\n' => encoded.push_str("\\n"),
            '\r' => encoded.push_str("\\r"),
            char if char < ' ' || (ascii && !char.is_ascii()) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    encoded.push_str(&format!("\\u{unit:04x}"));
                }
            }
            char => encoded.push(char),
        }
    }
    encoded.into_bytes()
}

fn html(text: &str) -> Vec<u8> {
    let mut encoded = String::with_capacity(text.len() * 6);
    for char in text.chars() {
        match char {
            '&' => encoded.push_str("&amp;"),
            '<' => encoded.push_str("&lt;"),
            '>' => encoded.push_str("&gt;"),
            '"' => encoded.push_str("&quot;"),
            '\'' => encoded.push_str("&#39;"),
            char => encoded.push(char),
        }
    }
    encoded.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr/t \"ké+y\"&<end>";

    fn cover(secrets: &[(&str, &str)]) -> Arc<Cover> {
        let secrets: Vec<(SecretName, Value)> = secrets
            .iter()
            .map(|(name, value)| {
                let value = Arc::new(Zeroizing::new(value.as_bytes().to_vec()));
                (SecretName::new(name).unwrap(), value)
            })
            .collect();
        Arc::new(Cover::new(&secrets).unwrap())
    }

    fn covered(cover: &Cover, text: &str) -> String {
        cover
            .cover(text.as_bytes())
            .map_or_else(|| text.to_owned(), |covered| String::from_utf8(covered).unwrap())
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let cover = cover(&[("key", SECRET)]);
        let standard = base64::engine::general_purpose::STANDARD;
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        for form in [
            SECRET.to_owned(),
            "s3cr%2ft%20%22k%c3%a9%2by%22%26%3cend%3e".to_owned(),
            "s3cr%2Ft%20%22k%C3%A9%2By%22%26%3Cend%3E".to_owned(),
            "s3cr%2Ft+%22k%C3%A9%2By%22%26%3Cend%3E".to_owned(),
            serde_json::to_string(SECRET).unwrap(),
            r#""s3cr\/t \"k\u00e9+y\"&<end>""#.to_owned(),
            "s3cr/t &quot;ké+y&quot;&amp;&lt;end&gt;".to_owned(),
            "733363722f7420226bc3a92b7922263c656e643e".to_owned(),
        ] {
            let said = covered(&cover, &format!("a {form} b"));
            let said = said.replace('"', "");
            assert_eq!(said, "a <errand-secret:key> b", "{form}");
        }
        for before in ["", "x", "xx", "user:"] {
            for after in ["", "y", "yy"] {
                let clear = format!("{before}{SECRET}{after}");
                for encoded in [standard.encode(&clear), url.encode(&clear)] {
                    let said = covered(&cover, &encoded);
                    assert!(said.contains("<errand-secret:key>"), "{clear}: {said}");
                    let left = said.len() - "<errand-secret:key>".len();
                    assert!(left <= (before.len() + after.len()) * 4 / 3 + 8, "{clear}: {said}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_secret_is_left() {
        let cover = cover(&[("key", SECRET)]);
        assert_eq!(cover.cover(b"nothing here"), None);
        assert_eq!(cover.cover(b""), None);
        assert!(Cover::new(&[]).is_none());
    }

    #[test]
    fn of_two_secrets_the_longer_is_taken_and_none_is_left_over() {
        let cover = cover(&[("short", "abcdef"), ("long", "abcdefghi"), ("tail", "ghixyz")]);
        let said = covered(&cover, "abcdef abcdefghi abcdefghixyz ghixyz");
        assert_eq!(
            said,
            "<errand-secret:short> <errand-secret:long> <errand-secret:long>xyz <errand-secret:tail>"
        );
    }

    #[test]
    fn a_secret_is_found_wherever_what_comes_is_cut() {
        let cover = cover(&[("short", "abcdef"), ("long", "abcdefghi")]);
        let text = "abc abcdef abcdefg abcdefghi abcdeabcdefgh abcdef";
        let whole = covered(&cover, text);
        for length in 1..text.len() {
            let mut stream = Stream::new(Arc::clone(&cover));
            let mut said = Vec::new();
            for piece in text.as_bytes().chunks(length) {
                said.extend(stream.push(piece));
                assert!(stream.held.len() < cover.longest);
            }
            said.extend(stream.finish());
            assert_eq!(String::from_utf8(said).unwrap(), whole, "{length}");
        }
    }
}
