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
    ///
    /// # Errors
    /// When a path is none that an archive can have.
    pub(super) fn size(&self) -> Result<u64, Problem> {
        let mut bytes = END.len() as u64;
        for artifact in self.files() {
            let header = header(artifact).map_err(Problem::internal)?;
            bytes += header.len() as u64 + artifact.size_bytes;
            bytes += padding(artifact.size_bytes) as u64;
        }
        Ok(bytes)
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
            let header = header(&file.artifact)
                .map_err(|error| ServiceError::Internal { message: error.to_string() })?;
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

/// Returns what stands before a file.
fn header(Artifact { path, size_bytes, .. }: &Artifact) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(*size_bytes);
    let mut archive = tar::Builder::new(Vec::new());
    // What is in the file is sent after it.
    archive.append_data(&mut header, path, io::empty())?;
    Ok(archive.get_ref().clone())
}

/// Returns how many zeros follow a file of this size.
fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_sizes_of_any_length_are_said() {
        let path = format!("{}/ñ", "d".repeat(200));
        let artifact = Artifact {
            path: path.clone(),
            size_bytes: 9 << 30,
            blake3: Digest::of(b""),
            media_type: String::new(),
            description: None,
        };
        let header = header(&artifact).unwrap();
        assert_eq!(header.len() % BLOCK, 0);
        let mut archive = tar::Archive::new(&header[..]);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!((&*entry.path_bytes(), entry.size()), (path.as_bytes(), 9 << 30));
    }
}
