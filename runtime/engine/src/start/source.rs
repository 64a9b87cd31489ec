//! What lies in blobs, read in order by a thread that may block.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use errand_core::{BlobError, Blobs, Digest, Manifest, Node, Snapshot};
use errand_workspace::{Bases, Contents, Workspace};
use tokio::runtime::Handle;

/// How much is read at a time.
const READ_BYTES: u64 = 1 << 20;

/// Reads a blob from its beginning to its end, or a part of it.
pub(crate) struct BlobReader {
    blobs: Arc<dyn Blobs>,
    digest: Digest,
    runtime: Handle,
    at: u64,
    left: u64,
    read: Bytes,
}

impl BlobReader {
    pub(crate) fn new(blobs: Arc<dyn Blobs>, digest: Digest, runtime: Handle) -> Self {
        Self { blobs, digest, runtime, at: 0, left: u64::MAX, read: Bytes::new() }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read.is_empty() && self.left > 0 {
            let length = self.left.min(READ_BYTES) as usize;
            let read = self.blobs.read(self.digest, self.at, length);
            self.read = self
                .runtime
                .block_on(read)
                .map_err(|error: BlobError| io::Error::other(error.to_string()))?;
            self.at += self.read.len() as u64;
            self.left -= self.read.len() as u64;
        }
        let read = self.read.len().min(buffer.len());
        self.read.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}

/// The contents of snapshots, and of the source that they are of.
pub(super) struct Stored<'a> {
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) runtime: Handle,
    pub(super) snapshots: Vec<&'a Snapshot>,
    pub(super) source: Source,
}

/// Where the contents of a source lie.
pub(super) enum Source {
    /// In the snapshots there is all that is wanted.
    NotWanted,
    /// Among those that workspaces share.
    Bases(Arc<Bases>),
    /// In a workspace that starts as the source, at these paths.
    Workspace(Arc<Workspace>, HashMap<Digest, String>),
}

impl Source {
    /// Takes a workspace for the source.
    pub(super) fn workspace(workspace: Arc<Workspace>, manifest: &Manifest) -> Self {
        let path = |entry: &errand_core::Entry| match entry.node {
            Node::File { blake3, .. } => Some((blake3, entry.path.clone())),
            _ => None,
        };
        Self::Workspace(workspace, manifest.entries().iter().filter_map(path).collect())
    }
}

impl Contents for Stored<'_> {
    fn open(&self, blake3: &Digest) -> io::Result<Box<dyn Read + '_>> {
        let known = self.snapshots.iter().find_map(|snapshot| snapshot.content(blake3));
        if let Some((content, blob)) = known.and_then(|content| Some((content, content.blob?))) {
            let mut reader = BlobReader::new(self.blobs.clone(), blob, self.runtime.clone());
            (reader.at, reader.left) = (content.offset, content.size_bytes);
            return Ok(Box::new(reader));
        }
        match &self.source {
            Source::NotWanted => Err(io::ErrorKind::NotFound.into()),
            Source::Bases(bases) => Ok(Box::new(bases.content(blake3)?)),
            Source::Workspace(workspace, paths) => {
                let path = paths.get(blake3).ok_or(io::ErrorKind::NotFound)?;
                Ok(Box::new(workspace.open_nofollow(path)?))
            }
        }
    }
}
