//! Standard streams: seen live through the host, and kept (bounded) for the task's output.
//!
//! A line goes to the host when it is complete, and so do 8 KiB without a line's end: nobody who watches
//! waits for a buffer, and small writes don't each become a host call.

use crate::host::{Host, Stream};

/// How much of each stream the output holds. The default limit of a whole output is 1 MiB.
pub(crate) const KEPT_BYTES: usize = 256 * 1024;
/// A stream's share of the output's JSON, where escapes could make 256 KiB several times as long.
const ENCODED_BYTES: usize = 320 * 1024;
/// What waits for the end of its line at most.
const LINE_BYTES: usize = 8 * 1024;

/// Writes to one stream, and keeps the beginning of what was written.
#[derive(Debug)]
pub(crate) struct Tee {
    stream: Stream,
    kept: Vec<u8>,
    /// Not yet handed over.
    pending: Vec<u8>,
    written_bytes: u64,
}

impl Tee {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, kept: Vec::new(), pending: Vec::new(), written_bytes: 0 }
    }

    /// Takes what the program wrote.
    pub(crate) fn write(&mut self, bytes: &[u8], host: &dyn Host) {
        self.written_bytes += bytes.len() as u64;
        let room = KEPT_BYTES - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let (lines, rest) = bytes.split_at(whole);
        if !lines.is_empty() {
            if self.pending.is_empty() {
                host.write(self.stream, lines);
            } else {
                self.pending.extend_from_slice(lines);
                self.flush(host);
            }
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() >= LINE_BYTES {
            self.flush(host);
        }
    }

    /// Hands over what waits for the end of its line.
    pub(crate) fn flush(&mut self, host: &dyn Host) {
        if !self.pending.is_empty() {
            host.write(self.stream, &self.pending);
            self.pending.clear();
        }
    }

    /// Returns what was kept, as text, saying so if it isn't all.
    pub(crate) fn text(&self) -> String {
        let mut is_cut = self.written_bytes > self.kept.len() as u64;
        let kept = if is_cut { without_broken_end(&self.kept) } else { &self.kept[..] };
        let mut text = String::from_utf8_lossy(kept).into_owned();
        while text.len() > ENCODED_BYTES / 6 && encoded_bytes(&text) > ENCODED_BYTES {
            let half = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at));
            text.truncate(half.unwrap_or(0));
            is_cut = true;
        }
        if is_cut {
            text.push_str(&format!("\n[truncated: {} bytes were written]\n", self.written_bytes));
        }
        text
    }
}

/// Returns the length of a text's JSON.
fn encoded_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..0x20 => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

/// Drops the first bytes of a character whose rest was cut off.
fn without_broken_end(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut_in_the_middle() {
        assert_eq!(without_broken_end("aé".as_bytes()), "aé".as_bytes());
        assert_eq!(without_broken_end(&"aé".as_bytes()[..2]), b"a");
        assert_eq!(without_broken_end(b"a\xff"), b"a\xff", "that was never a character");
    }

    #[test]
    fn the_length_of_a_texts_json_is_known() {
        for text in ["", "plain", "\"\\\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}é🦀"] {
            let encoded = serde_json::to_string(text).expect("a text is JSON");
            assert_eq!(encoded_bytes(text), encoded.len(), "{text:?}");
        }
    }
}
