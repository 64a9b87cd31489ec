//! Blobs that live and die with the process.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use errand_core::{BlobError, Blobs, BoxFuture, Digest};

use super::{BlobFiles, io_error, off_thread};

/// Blobs in memory, for tests and for programs that keep nothing.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs {
    blobs: Arc<Mutex<HashMap<Digest, Bytes>>>,
}

impl MemoryBlobs {
    fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn insert(&self, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, bytes);
        digest
    }
}

impl BlobFiles for MemoryBlobs {
    fn store(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        Ok(self.insert(Bytes::copy_from_slice(bytes)))
    }

    fn load(&self, digest: &Digest) -> Result<Bytes, BlobError> {
        self.get(digest).ok_or(BlobError::Missing(*digest))
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Digest, BlobError>> {
        let digest = self.insert(bytes);
        Box::pin(async move { Ok(digest) })
    }

    fn put_reader(
        &self,
        mut reader: Box<dyn Read + Send>,
    ) -> BoxFuture<'_, Result<(Digest, u64), BlobError>> {
        let blobs = self.clone();
        Box::pin(off_thread(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(|error| io_error("read a blob", &error))?;
            let size = bytes.len() as u64;
            Ok((blobs.insert(bytes.into()), size))
        }))
    }

    fn size(&self, digest: Digest) -> BoxFuture<'_, Result<Option<u64>, BlobError>> {
        let size = self.get(&digest).map(|bytes| bytes.len() as u64);
        Box::pin(async move { Ok(size) })
    }

    fn read(
        &self,
        digest: Digest,
        offset: u64,
        length: usize,
    ) -> BoxFuture<'_, Result<Bytes, BlobError>> {
        let bytes = self.get(&digest).ok_or(BlobError::Missing(digest));
        Box::pin(async move {
            let bytes = bytes?;
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            Ok(bytes.slice(start..start.saturating_add(length).min(bytes.len())))
        })
    }
}
