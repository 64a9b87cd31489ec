//! All files that a task left behind as one tar archive, made while it is sent.
//!
//! The same files make the same archive, byte by byte: sorted by path, without times and owners. Its size
//! is known before any of it is read. An archive that can't be made to its end breaks off without one.

use std::io;

use axum::body::Body;
use bytes::Bytes;
use errand_core::{Artifact, Digest};
use errand_scheduler::{ArtifactReader, ServiceError};
use futures_util::{StreamExt, stream};

use super::artifacts::piece;
use crate::problem::Problem;

/// What everything in an archive is a multiple of.
const BLOCK: usize = 512;
/// What the two blocks at the end of an archive are.
const END: &[u8] = &[0; 2 * BLOCK];
/// The longest name that a header has room for.
const NAME_BYTES: usize = 100;
/// The largest size that a header says in octal digits.
const OCTAL_MAX: u64 = 0o777_7777_7777;

/// An archive, as far as it is not sent.
pub(super) struct Archive {
    rest: std::vec::IntoIter<ArtifactReader>,
    /// The file that is being sent, and how much of it was.
    open: Option<(ArtifactReader, u64)>,
    has_end: bool,
}

impl Archive {
    pub(super) fn of(mut files: Vec<ArtifactReader>) -> Self {
        files.sort_by(|a, b| a.artifact.path.cmp(&b.artifact.path));
        Self { rest: files.into_iter(), open: None, has_end: false }
    }

    /// Names what it will be.
    pub(super) fn etag(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"tar 1");
        for Artifact { path, size_bytes, blake3, .. } in self.files() {
            hasher.update(&(path.len() as u64).to_le_bytes()).update(path.as_bytes());
            hasher.update(&size_bytes.to_le_bytes()).update(blake3.as_bytes());
        }
        format!("\"{}\"", Digest::from(hasher.finalize()))
    }

    /// Returns its size in bytes.
    pub(super) fn size(&self) -> u64 {
        let entry = |artifact: &Artifact| {
            let size = artifact.size_bytes;
            (header(artifact).len() + padding(size)) as u64 + size
        };
        self.files().map(entry).sum::<u64>() + END.len() as u64
    }

    fn files(&self) -> impl Iterator<Item = &Artifact> {
        self.rest.as_slice().iter().map(|file| &file.artifact)
    }

    /// Sends it. Its beginning is read first, so that an archive that can't even begin is an error, and
    /// not half an answer.
    pub(super) async fn send(mut self) -> Result<Body, Problem> {
        let mut begun: Vec<io::Result<Bytes>> = Vec::new();
        while begun.len() < 2
            && let Some(piece) = self.next().await?
        {
            begun.push(Ok(piece));
        }
        let rest = stream::try_unfold(self, |mut archive| async {
            let piece = archive.next().await.map_err(|error| {
                tracing::error!(%error, "an archive of artifacts broke off");
                io::Error::other("the archive broke off")
            })?;
            Ok(piece.map(|piece| (piece, archive)))
        });
        Ok(Body::from_stream(stream::iter(begun).chain(rest)))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        if let Some((file, at)) = &mut self.open {
            let size = file.artifact.size_bytes;
            if *at < size {
                let piece = piece(file, *at, size).await?;
                *at += piece.len() as u64;
                return Ok(Some(piece));
            }
            self.open = None;
            if padding(size) > 0 {
                return Ok(Some(Bytes::from_static(&END[..padding(size)])));
            }
        }
        if let Some(file) = self.rest.next() {
            let header = header(&file.artifact);
            self.open = Some((file, 0));
            return Ok(Some(header.into()));
        }
        if self.has_end {
            return Ok(None);
        }
        self.has_end = true;
        Ok(Some(Bytes::from_static(END)))
    }
}

/// Returns what stands before a file: where a plain header has no room, in the words of POSIX (pax).
fn header(Artifact { path, size_bytes, .. }: &Artifact) -> Vec<u8> {
    let mut header = Vec::new();
    let is_plain = path.is_ascii() && path.len() <= NAME_BYTES;
    if !is_plain || *size_bytes > OCTAL_MAX {
        let mut records = record("path", path);
        if *size_bytes > OCTAL_MAX {
            records += &record("size", &size_bytes.to_string());
        }
        header.extend_from_slice(&block(b"pax", b'x', records.len() as u64));
        header.extend_from_slice(records.as_bytes());
        header.resize(header.len().next_multiple_of(BLOCK), 0);
    }
    let name = if is_plain { path.as_bytes() } else { b"file" };
    header.extend_from_slice(&block(name, b'0', (*size_bytes).min(OCTAL_MAX)));
    header
}

/// Writes a record, which begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while format!("{length}{rest}").len() != length {
        length = format!("{length}{rest}").len();
    }
    format!("{length}{rest}")
}

fn block(name: &[u8], kind: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{size:011o}\x0000000000000\0        ").as_bytes());
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Returns how many zeros follow a file of this size.
fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_begins_with_its_own_length() {
        assert_eq!(record("path", "x"), "9 path=x\n");
        for length in [1, 50, 88, 89, 90, 91, 92, 93, 985, 990, 991, 992, 993, 4_000] {
            let text = record("path", &"x".repeat(length));
            let said: usize = text.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(said, text.len());
        }
    }

    #[test]
    fn a_size_that_no_header_says_is_said_before_it() {
        let artifact = |size_bytes| Artifact {
            path: "a".to_owned(),
            size_bytes,
            blake3: Digest::of(b""),
            media_type: String::new(),
            description: None,
        };
        assert_eq!(header(&artifact(OCTAL_MAX)).len(), BLOCK);
        let large = header(&artifact(OCTAL_MAX + 1));
        assert_eq!(large.len(), 3 * BLOCK);
        assert!(large[BLOCK..].starts_with(b"9 path=a\n19 size=8589934592\n"));
    }
}
