//! What a guest wrote, gathered into `log` events.
//!
//! Offsets count raw bytes. A character that was written in two pieces is held until it is whole; bytes
//! that are no UTF-8 are replaced in the text.

use errand_core::{Level, LogLine, Stream};

/// Most raw bytes of one `log` event.
const MAX_LINE_BYTES: usize = 32 << 10;
/// What a piece of its own costs beside its bytes, so that a guest that changes the stream with each
/// byte meets the same bounds as others.
const PIECE_COST_BYTES: usize = 256;

/// Bytes written to each stream in a task so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Offsets([u64; 3]);

impl Offsets {
    /// Goes past a recorded line. Where bytes of it were replaced, its text may be longer than they
    /// were: the next offset is then higher than it must be, and still behind the line.
    pub(super) fn pass(&mut self, line: &LogLine) {
        let end = line.offset + line.text.len() as u64;
        let offset = self.of(line.stream);
        *offset = end.max(*offset);
    }

    fn of(&mut self, stream: Stream) -> &mut u64 {
        &mut self.0[index(stream)]
    }
}

/// What was written and is not in an event yet.
pub(super) struct Logs {
    offsets: Offsets,
    pieces: Vec<Piece>,
    /// The beginning of a character, by stream, with the level that it was written at.
    held: [(Vec<u8>, Level); 3],
    cost_bytes: usize,
}

struct Piece {
    stream: Stream,
    level: Level,
    offset: u64,
    bytes: Vec<u8>,
}

impl Logs {
    pub(super) fn new(offsets: Offsets) -> Self {
        let held = std::array::from_fn(|_| (Vec::new(), Level::Info));
        Self { offsets, pieces: Vec::new(), held, cost_bytes: 0 }
    }

    /// Takes what was written. Answers what it costs in bytes.
    pub(super) fn write(&mut self, stream: Stream, level: Level, bytes: &[u8]) -> usize {
        let before = self.cost_bytes;
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = match self.pieces.last() {
                Some(last) if last.stream == stream && last.level == level => {
                    MAX_LINE_BYTES.saturating_sub(last.bytes.len())
                }
                _ => 0,
            };
            if room == 0 {
                let offset = *self.offsets.of(stream);
                self.pieces.push(Piece { stream, level, offset, bytes: Vec::new() });
                self.cost_bytes += PIECE_COST_BYTES;
                continue;
            }
            let (taken, left) = rest.split_at(room.min(rest.len()));
            if let Some(last) = self.pieces.last_mut() {
                last.bytes.extend_from_slice(taken);
            }
            *self.offsets.of(stream) += taken.len() as u64;
            self.cost_bytes += taken.len();
            rest = left;
        }
        self.cost_bytes - before
    }

    /// Returns what is waiting, in bytes and what they cost beside.
    pub(super) fn cost_bytes(&self) -> usize {
        self.cost_bytes
    }

    /// Makes lines of all whole characters written so far.
    pub(super) fn take(&mut self) -> Vec<LogLine> {
        self.cost_bytes = 0;
        let pieces = std::mem::take(&mut self.pieces);
        let mut lines = Vec::with_capacity(pieces.len());
        for Piece { stream, level, offset, bytes } in pieces {
            let (held, held_level) = &mut self.held[index(stream)];
            let offset = offset - held.len() as u64;
            let mut bytes = if held.is_empty() {
                bytes
            } else {
                let mut joined = std::mem::take(held);
                joined.extend_from_slice(&bytes);
                joined
            };
            let whole = bytes.len() - unfinished_bytes(&bytes);
            *held = bytes.split_off(whole);
            *held_level = level;
            if !bytes.is_empty() {
                lines.push(LogLine { stream, level, offset, text: text(bytes) });
            }
        }
        lines
    }

    /// Makes lines of all that is left, unfinished characters too.
    pub(super) fn take_all(&mut self) -> Vec<LogLine> {
        let mut lines = self.take();
        for stream in [Stream::Stdout, Stream::Stderr, Stream::Log] {
            let (held, level) = &mut self.held[index(stream)];
            if !held.is_empty() {
                let bytes = std::mem::take(held);
                let offset = *self.offsets.of(stream) - bytes.len() as u64;
                lines.push(LogLine { stream, level: *level, offset, text: text(bytes) });
            }
        }
        lines
    }
}

/// Returns what a line costs on its way to the disk.
pub(super) fn cost_bytes(line: &LogLine) -> usize {
    line.text.len() + PIECE_COST_BYTES
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
        Stream::Log => 2,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Returns how many bytes at the end are the beginning of a character whose rest may follow.
fn unfinished_bytes(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let needed = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        return if needed > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(logs: &mut Logs, stream: Stream, bytes: &[u8]) {
        logs.write(stream, Level::Info, bytes);
    }

    fn shown(lines: &[LogLine]) -> Vec<(Stream, u64, &str)> {
        lines.iter().map(|line| (line.stream, line.offset, line.text.as_str())).collect()
    }

    #[test]
    fn a_character_in_two_pieces_is_one_character() {
        let mut logs = Logs::new(Offsets::default());
        write(&mut logs, Stream::Stdout, &"aé".as_bytes()[..2]);
        assert_eq!(shown(&logs.take()), [(Stream::Stdout, 0, "a")]);
        write(&mut logs, Stream::Stderr, b"x");
        write(&mut logs, Stream::Stdout, &"é€".as_bytes()[1..4]);
        assert_eq!(shown(&logs.take()), [(Stream::Stderr, 0, "x"), (Stream::Stdout, 1, "é")]);
        write(&mut logs, Stream::Stdout, &"€".as_bytes()[2..]);
        assert_eq!(shown(&logs.take_all()), [(Stream::Stdout, 3, "€")]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_offsets_count_what_was_written() {
        let mut logs = Logs::new(Offsets::default());
        write(&mut logs, Stream::Stdout, b"a\xFFb");
        write(&mut logs, Stream::Stdout, b"\xE2\x82");
        assert_eq!(shown(&logs.take()), [(Stream::Stdout, 0, "a\u{FFFD}b")]);
        assert_eq!(shown(&logs.take_all()), [(Stream::Stdout, 3, "\u{FFFD}")]);
        write(&mut logs, Stream::Stdout, b"c");
        assert_eq!(shown(&logs.take_all()), [(Stream::Stdout, 5, "c")]);
    }

    #[test]
    fn long_output_is_cut_into_events_without_a_gap() {
        let mut logs = Logs::new(Offsets::default());
        write(&mut logs, Stream::Stdout, "é".repeat(40_000).as_bytes());
        let lines = logs.take_all();
        let mut offset = 0;
        for line in &lines {
            assert_eq!(line.offset, offset);
            assert!(line.text.len() <= MAX_LINE_BYTES + 3);
            offset += line.text.len() as u64;
        }
        assert_eq!((lines.len(), offset), (3, 80_000));
    }

    #[test]
    fn a_change_of_stream_costs_more_than_its_byte() {
        let mut logs = Logs::new(Offsets::default());
        for _ in 0..100 {
            write(&mut logs, Stream::Stdout, b".");
            write(&mut logs, Stream::Stderr, b".");
        }
        assert_eq!(logs.cost_bytes(), 200 * (1 + PIECE_COST_BYTES));
        assert_eq!(logs.take().len(), 200);
    }
}
