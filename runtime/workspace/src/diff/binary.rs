//! Binary patches: a whole content, compressed, in git's own base 85.

use std::fmt;
use std::io::{self, Read, Write};

use errand_core::Digest;
use flate2::Compression;
use flate2::read::ZlibEncoder;
use sha1::{Digest as _, Sha1};

use super::{Contents, wrong_size};

/// How much of a content is held in memory.
const READ_BYTES: usize = 64 << 10;
/// What git puts into one line.
const LINE_BYTES: usize = 52;
const DIGITS: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// A content that a patch says in full.
pub(super) enum Literal<'a> {
    /// In memory.
    Held(&'a [u8]),
    /// Read whenever it is needed.
    Stored { contents: &'a dyn Contents, blake3: &'a Digest, size_bytes: u64 },
}

impl Literal<'_> {
    /// Computes the id that git has for it.
    pub(super) fn id(&self) -> io::Result<BlobId> {
        let mut sha1 = BlobId::start(self.size_bytes());
        let mut content = self.open()?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => return Ok(BlobId::end(sha1)),
                Ok(read) => sha1.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes it as one half of a binary patch.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "literal {}", self.size_bytes())?;
        let mut compressed = ZlibEncoder::new(self.open()?, Compression::default());
        let mut line = Vec::with_capacity(LINE_BYTES);
        loop {
            line.clear();
            (&mut compressed).take(LINE_BYTES as u64).read_to_end(&mut line)?;
            if line.is_empty() {
                return writeln!(out);
            }
            write_line(&line, out)?;
        }
    }

    fn size_bytes(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Stored { size_bytes, .. } => *size_bytes,
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        match *self {
            Self::Held(bytes) => Ok(Box::new(bytes)),
            Self::Stored { contents, blake3, size_bytes } => {
                // One byte more, to notice what has grown.
                let content = contents.open(blake3)?.take(size_bytes + 1);
                Ok(Box::new(Whole { content, left: size_bytes, blake3 }))
            }
        }
    }
}

/// Writes up to 52 bytes: a letter for how many, and five digits for each four.
fn write_line(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::with_capacity(2 + LINE_BYTES / 4 * 5);
    let count = bytes.len() as u8;
    line.push(if count <= 26 { b'A' + count - 1 } else { b'a' + count - 27 });
    for four in bytes.chunks(4) {
        let mut padded = [0; 4];
        padded[..four.len()].copy_from_slice(four);
        let mut rest = u32::from_be_bytes(padded);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(rest % 85) as usize];
            rest /= 85;
        }
        line.extend(digits);
    }
    line.push(b'\n');
    out.write_all(&line)
}

/// The id that git has for a content: a SHA-1, which is no promise of anything here.
#[derive(Clone, Copy)]
pub(super) struct BlobId([u8; 20]);

impl BlobId {
    /// What stands where there is no file.
    pub(super) const NONE: Self = Self([0; 20]);

    /// Computes the id of bytes in memory.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::end(Self::start(bytes.len() as u64).chain_update(bytes))
    }

    fn start(size_bytes: u64) -> Sha1 {
        Sha1::new_with_prefix(format!("blob {size_bytes}\0"))
    }

    fn end(sha1: Sha1) -> Self {
        Self(sha1.finalize().into())
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads a content that must have the size that was said before it.
struct Whole<'a> {
    content: io::Take<Box<dyn Read + 'a>>,
    left: u64,
    blake3: &'a Digest,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) if read > 0 || left == 0 || buffer.is_empty() => {
                self.left = left;
                Ok(read)
            }
            _ => Err(wrong_size(self.blake3)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_lines_are_those_of_git() {
        assert_eq!(BlobId::of(b"").to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(BlobId::of(b"x\n").to_string(), "587be6b4c3f93f93c489c0111bba5596147a26cb");
        let mut line = Vec::new();
        // What git writes for an empty file.
        write_line(&[0x78, 0x01, 0x03, 0, 0, 0, 0, 0x01], &mut line).unwrap();
        assert_eq!(line, b"HcmV?d00001\n");
    }
}
