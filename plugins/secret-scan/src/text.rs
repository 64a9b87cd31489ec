//! A file's text, with its lines.

/// What is looked at to tell text from other files.
const HEAD_BYTES: usize = 8 * 1024;

/// A file that is text, or near it.
pub(crate) struct Text<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
    /// Where each line begins.
    starts: Vec<usize>,
}

/// Tells whether a file is no text: git's rule.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(HEAD_BYTES)].contains(&0)
}

impl<'a> Text<'a> {
    pub(crate) fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { name, bytes, starts }
    }

    /// Returns how many lines there are.
    pub(crate) fn lines(&self) -> usize {
        let ends_in_line = self.starts.last().is_some_and(|start| *start < self.bytes.len());
        self.starts.len() - usize::from(!ends_in_line)
    }

    /// Returns line and column of a byte, both from 1.
    pub(crate) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        (line, at - self.starts[line - 1] + 1)
    }

    /// Returns a line, from 1; nothing of one that is not there.
    pub(crate) fn line(&self, number: usize) -> &'a [u8] {
        let Some(start) = number.checked_sub(1).and_then(|index| self.starts.get(index)) else {
            return &[];
        };
        let end = self.starts.get(number).map_or(self.bytes.len(), |next| next - 1);
        &self.bytes[*start..end]
    }

    /// Tells whether a line says something, or the one before, where that says nothing else but it.
    pub(crate) fn says_near(&self, line: usize, what: &[u8]) -> bool {
        let says = |line: &[u8]| line.windows(what.len()).any(|part| part == what);
        let is_comment = |line: &[u8]| {
            let begin = line.trim_ascii_start();
            [&b"#"[..], b"//", b"/*", b"--", b"<!--", b";"]
                .iter()
                .any(|mark| begin.starts_with(mark))
        };
        let before = line.checked_sub(1).map_or(&[][..], |before| self.line(before));
        says(self.line(line)) || is_comment(before) && says(before)
    }
}
