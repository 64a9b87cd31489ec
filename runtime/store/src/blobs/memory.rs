//! Blobs that live and die with the process.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use errand_core::{BlobError, Blobs, BoxFuture, Clock, CollectedBlobs, Digest, UnixMillis};

use super::{BlobFiles, io_error, off_thread};

/// Blobs in memory, for tests and for programs that keep nothing.
#[derive(Clone)]
pub struct MemoryBlobs {
    blobs: Arc<Mutex<HashMap<Digest, Blob>>>,
    clock: Arc<dyn Clock>,
}

struct Blob {
    bytes: Bytes,
    used_at: UnixMillis,
}

/// The machine's clock.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        Self::with_clock(Arc::new(WallClock))
    }
}

impl MemoryBlobs {
    /// Makes an empty one, which notes by this clock when blobs were used.
    pub(crate) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { blobs: Arc::default(), clock }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Blob>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.all().get(digest).map(|blob| blob.bytes.clone())
    }

    fn insert(&self, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        let used_at = self.clock.now();
        self.all().insert(digest, Blob { bytes, used_at });
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

    fn sweep(
        &self,
        unused_since: UnixMillis,
        needed: &dyn Fn(&Digest) -> bool,
    ) -> Result<CollectedBlobs, BlobError> {
        let mut collected = CollectedBlobs::default();
        self.all().retain(|digest, blob| {
            let stays = blob.used_at >= unused_since || needed(digest);
            if !stays {
                collected.count += 1;
                collected.bytes += blob.bytes.len() as u64;
            }
            stays
        });
        Ok(collected)
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

    fn touch(&self, digest: Digest) -> BoxFuture<'_, Result<bool, BlobError>> {
        let now = self.clock.now();
        let there = self.all().get_mut(&digest).map(|blob| blob.used_at = now).is_some();
        Box::pin(async move { Ok(there) })
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
