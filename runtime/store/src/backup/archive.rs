//! The tar format (POSIX ustar), as much of it as a backup needs: plain files with short names.

use std::io::{self, Read, Write};

use super::End;

const BLOCK: usize = 512;
/// The largest size that eleven octal digits can say; above it the size is binary, as GNU tar does it.
const OCTAL_MAX: u64 = (1 << 33) - 1;
const COPY_BYTES: usize = 256 << 10;

/// Writes an archive, and keeps count and digest of what it has written.
pub(super) struct Writer<W> {
    out: W,
    hasher: blake3::Hasher,
    bytes: u64,
    files: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, hasher: blake3::Hasher::new(), bytes: 0, files: 0 }
    }

    /// Writes a file of exactly `size` bytes.
    pub(super) fn file(&mut self, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
        self.put(&header(name, size))?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut left = size;
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match content.read(&mut buffer[..most])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    self.put(&buffer[..read])?;
                    left -= read as u64;
                }
            }
        }
        self.put(&[0; BLOCK][..padding(size)])?;
        self.files += 1;
        Ok(())
    }

    /// Returns what the archive's end has to say of what was written so far.
    pub(super) fn summary(&self) -> End {
        let blake3 = self.hasher.finalize().to_hex().to_string();
        End { files: self.files, bytes: self.bytes, blake3 }
    }

    /// Writes the end of the archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.put(&[0; 2 * BLOCK])?;
        self.out.flush()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// Reads an archive file by file, and keeps count and digest of what it has read.
pub(super) struct Reader<R> {
    input: R,
    hasher: blake3::Hasher,
    bytes: u64,
    files: u64,
    /// What is left of the present file, and of the block after it.
    left: u64,
    padding: usize,
}

/// Why an archive can't be read on.
#[derive(Debug)]
pub(super) enum ReadError {
    /// What is there is no header of a file.
    NoHeader,
    /// It ends too early.
    Truncated,
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io(error),
        }
    }
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        let hasher = blake3::Hasher::new();
        Self { input, hasher, bytes: 0, files: 0, left: 0, padding: 0 }
    }

    /// Returns what the archive's end has to say of what was read so far, to be asked between two files.
    pub(super) fn summary(&self) -> End {
        let blake3 = self.hasher.finalize().to_hex().to_string();
        End { files: self.files, bytes: self.bytes, blake3 }
    }

    /// Goes to the next file, and returns its name and size. The one before must be read to its end.
    pub(super) fn next(&mut self) -> Result<(String, u64), ReadError> {
        let mut block = [0; BLOCK];
        self.take(&mut block)?;
        let (name, size) = read_header(&block).ok_or(ReadError::NoHeader)?;
        (self.left, self.padding) = (size, padding(size));
        Ok((name, size))
    }

    /// Reads on in the present file; nothing at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.take(&mut buffer[..most])?;
        self.left -= most as u64;
        if self.left == 0 && self.padding > 0 {
            let mut padding = [0; BLOCK];
            let length = std::mem::take(&mut self.padding);
            self.take(&mut padding[..length])?;
        }
        if most == 0 {
            self.files += 1;
        }
        Ok(most)
    }

    fn take(&mut self, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.input.read_exact(buffer)?;
        self.hasher.update(buffer);
        self.bytes += buffer.len() as u64;
        Ok(())
    }
}

/// Returns how many zeros follow a file of this size.
fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000600");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    if size <= OCTAL_MAX {
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum = checksum(&block);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Reads a header exactly as [`header`] writes it; nothing where it differs.
fn read_header(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let length = block[..100].iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&block[..length]).ok()?.to_owned();
    let size = if block[124] == 0x80 {
        u64::from_be_bytes(block[128..136].try_into().ok()?)
    } else {
        u64::from_str_radix(std::str::from_utf8(&block[124..135]).ok()?, 8).ok()?
    };
    (header(&name, size) == *block).then_some((name, size))
}

/// Sums a header's bytes, its own checksum taken as blanks.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    sum - own + 8 * u32::from(b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_a_changed_one_does_not() {
        for size in [0, 1, 512, OCTAL_MAX, OCTAL_MAX + 1, u64::MAX / 2] {
            let block = header("blobs/ab/cd", size);
            assert_eq!(read_header(&block), Some(("blobs/ab/cd".into(), size)));
            for at in 0..BLOCK {
                let mut changed = block;
                changed[at] ^= 4;
                assert_ne!(read_header(&changed), Some(("blobs/ab/cd".into(), size)), "{at}");
            }
        }
    }
}
