//! Bytes from a thread that writes them to one that reads them. An end that was not said is an error, so
//! that nobody takes a part for the whole.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Pieces on the way: one is written while another is read.
const PIECES: usize = 2;

/// The writing end.
pub(super) struct Writer(SyncSender<Vec<u8>>);

/// The reading end.
pub(super) struct Reader {
    pieces: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

pub(super) fn pipe() -> (Writer, Reader) {
    let (sender, pieces) = sync_channel(PIECES);
    (Writer(sender), Reader { pieces, piece: Vec::new(), at: 0, ended: false })
}

impl Writer {
    /// Says that this is all.
    pub(super) fn finish(self) -> io::Result<()> {
        self.0.send(Vec::new()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.0.send(bytes.to_vec()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !self.ended {
            self.piece = self.pieces.recv().map_err(|_| {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the writer went away")
            })?;
            self.at = 0;
            self.ended = self.piece.is_empty();
        }
        let read = (self.piece.len() - self.at).min(buffer.len());
        buffer[..read].copy_from_slice(&self.piece[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_comes_and_a_part_is_an_error() {
        let (mut writer, mut reader) = pipe();
        let writing = std::thread::spawn(move || {
            for _ in 0..100 {
                writer.write_all(&[7; 1_000]).unwrap();
            }
            writer.finish().unwrap();
        });
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [7; 100_000]);
        writing.join().unwrap();

        let (mut writer, mut reader) = pipe();
        writer.write_all(b"part").unwrap();
        drop(writer);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

        let (mut writer, reader) = pipe();
        drop(reader);
        assert!(writer.write_all(b"for nobody").is_err());
    }
}
