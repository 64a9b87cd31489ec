//! What a guest wrote, gathered into `log` events.
//!
//! Offsets count raw bytes. A character that was written in two pieces is held until it is whole; bytes
//! that are no UTF-8 are replaced in the text.

use errand_core::{Level, LogLine, LogOffsets, Stream};

/// Most raw bytes of one `log` event.
const MAX_LINE_BYTES: usize = 32 << 10;
/// What a piece of its own costs beside its bytes, so that a guest that changes the stream with each
/// byte meets the same bounds as others.
const PIECE_COST_BYTES: usize = 256;

/// What was written and is not in an event yet.
pub(super) struct Logs {
    /// Where each stream's next byte goes in the task's log.
    offsets: LogOffsets,
    /// What this run has written.
    written: LogOffsets,
    /// What this run writes first and is in the log already.
    said: LogOffsets,
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
    /// Goes on behind what is in the log, and passes over what an earlier run has said.
    pub(super) fn new(offsets: LogOffsets, said: LogOffsets) -> Self {
        let held = std::array::from_fn(|_| (Vec::new(), Level::Info));
        let written = LogOffsets::default();
        Self { offsets, written, said, pieces: Vec::new(), held, cost_bytes: 0 }
    }

    /// Returns what the run has written so far.
    pub(super) fn written(&self) -> LogOffsets {
        self.written
    }

    /// Takes what was written. Answers what it costs in bytes.
    pub(super) fn write(&mut self, stream: Stream, level: Level, bytes: &[u8]) -> usize {
        let before = self.cost_bytes;
        let written = self.written.of_mut(stream);
        let repeated = self.said.of(stream).saturating_sub(*written);
        *written += bytes.len() as u64;
        let repeated = usize::try_from(repeated).unwrap_or(usize::MAX).min(bytes.len());
        let mut rest = &bytes[repeated..];
        while !rest.is_empty() {
            let room = match self.pieces.last() {
                Some(last) if last.stream == stream && last.level == level => {
                    MAX_LINE_BYTES.saturating_sub(last.bytes.len())
                }
                _ => 0,
            };
            if room == 0 {
                let offset = self.offsets.of(stream);
                self.pieces.push(Piece { stream, level, offset, bytes: Vec::new() });
                self.cost_bytes += PIECE_COST_BYTES;
                continue;
            }
            let (taken, left) = rest.split_at(room.min(rest.len()));
            if let Some(last) = self.pieces.last_mut() {
                last.bytes.extend_from_slice(taken);
            }
            *self.offsets.of_mut(stream) += taken.len() as u64;
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
                lines.push(line(stream, level, offset, bytes));
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
                let offset = self.offsets.of(stream) - bytes.len() as u64;
                lines.push(line(stream, *level, offset, bytes));
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

fn line(stream: Stream, level: Level, offset: u64, bytes: Vec<u8>) -> LogLine {
    let (text, length_bytes) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let bytes = error.as_bytes();
            let text = String::from_utf8_lossy(bytes).into_owned();
            let length_bytes = (text.len() != bytes.len()).then_some(bytes.len() as u64);
            (text, length_bytes)
        }
    };
    LogLine { stream, level, offset, text, length_bytes }
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

    fn fresh() -> Logs {
        Logs::new(LogOffsets::default(), LogOffsets::default())
    }

    fn write(logs: &mut Logs, stream: Stream, bytes: &[u8]) {
        logs.write(stream, Level::Info, bytes);
    }

    fn shown(lines: &[LogLine]) -> Vec<(Stream, u64, &str)> {
        lines.iter().map(|line| (line.stream, line.offset, line.text.as_str())).collect()
    }

    #[test]
    fn a_character_in_two_pieces_is_one_character() {
        let mut logs = fresh();
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
        let mut logs = fresh();
        write(&mut logs, Stream::Stdout, b"a\xFFb");
        write(&mut logs, Stream::Stdout, b"\xE2\x82");
        assert_eq!(shown(&logs.take()), [(Stream::Stdout, 0, "a\u{FFFD}b")]);
        assert_eq!(shown(&logs.take_all()), [(Stream::Stdout, 3, "\u{FFFD}")]);
        write(&mut logs, Stream::Stdout, b"c");
        assert_eq!(shown(&logs.take_all()), [(Stream::Stdout, 5, "c")]);
    }

    #[test]
    fn what_an_earlier_run_said_is_passed_over_to_the_byte() {
        let recorded = LogOffsets { stdout: 10, stderr: 2, log: 0 };
        let said = LogOffsets { stdout: 3, stderr: 0, log: 0 };
        let mut logs = Logs::new(recorded, said);
        write(&mut logs, Stream::Stdout, b"ab");
        assert_eq!(shown(&logs.take()), []);
        write(&mut logs, Stream::Stdout, b"cde");
        write(&mut logs, Stream::Stderr, b"x");
        assert_eq!(shown(&logs.take()), [(Stream::Stdout, 10, "de"), (Stream::Stderr, 2, "x")]);
        assert_eq!(logs.written(), LogOffsets { stdout: 5, stderr: 1, log: 0 });
    }

    #[test]
    fn a_line_knows_how_many_bytes_it_was() {
        let mut logs = fresh();
        write(&mut logs, Stream::Stdout, b"a\xFFb");
        write(&mut logs, Stream::Stderr, b"plain");
        let lengths: Vec<u64> = logs.take_all().iter().map(LogLine::stream_bytes).collect();
        assert_eq!(lengths, [3, 5]);
    }

    #[test]
    fn long_output_is_cut_into_events_without_a_gap() {
        let mut logs = fresh();
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
        let mut logs = fresh();
        for _ in 0..100 {
            write(&mut logs, Stream::Stdout, b".");
            write(&mut logs, Stream::Stderr, b".");
        }
        assert_eq!(logs.cost_bytes(), 200 * (1 + PIECE_COST_BYTES));
        assert_eq!(logs.take().len(), 200);
    }
}
