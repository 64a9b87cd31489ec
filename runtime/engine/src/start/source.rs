//! A blob, read in order by a thread that may block.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use errand_core::{BlobError, Blobs, Digest};
use tokio::runtime::Handle;

/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// Reads a blob from its beginning to its end.
pub(super) struct BlobReader {
    blobs: Arc<dyn Blobs>,
    digest: Digest,
    runtime: Handle,
    at: u64,
    read: Bytes,
}

impl BlobReader {
    pub(super) fn new(blobs: Arc<dyn Blobs>, digest: Digest, runtime: Handle) -> Self {
        Self { blobs, digest, runtime, at: 0, read: Bytes::new() }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read.is_empty() {
            let read = self.blobs.read(self.digest, self.at, READ_BYTES);
            self.read = self
                .runtime
                .block_on(read)
                .map_err(|error: BlobError| io::Error::other(error.to_string()))?;
            self.at += self.read.len() as u64;
        }
        let read = self.read.len().min(buffer.len());
        self.read.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}
