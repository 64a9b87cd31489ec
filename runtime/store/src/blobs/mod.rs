//! Content-addressed bytes behind `core::Blobs`: in a directory, or in memory for tests.
//!
//! Owns the files of blobs. What refers to a blob is the records' to say; [`DirBlobs::sweep`] is told.

#![expect(clippy::disallowed_methods, reason = "it owns the blobs' files")]

mod dir;
mod memory;

use bytes::Bytes;
use errand_core::{BlobError, CollectedBlobs, Digest, UnixMillis};

pub use dir::DirBlobs;
pub use memory::MemoryBlobs;

/// Blobs as the store itself uses them, from threads that may block.
pub(crate) trait BlobFiles: Send + Sync {
    /// Stores bytes; they are durable when this returns.
    fn store(&self, bytes: &[u8]) -> Result<Digest, BlobError>;

    /// Loads a whole blob, checked against its digest.
    fn load(&self, digest: &Digest) -> Result<Bytes, BlobError>;

    /// Removes blobs for which `needed` says no and that were not written or used since a moment.
    fn sweep(
        &self,
        unused_since: UnixMillis,
        needed: &dyn Fn(&Digest) -> bool,
    ) -> Result<CollectedBlobs, BlobError>;
}

/// Runs what may block away from the threads that run tasks, where there are such.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => match runtime.spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down: nobody waits for the answer any more.
                Err(_) => std::future::pending().await,
            },
        },
        Err(_) => work(),
    }
}

fn io_error(what: &str, error: &std::io::Error) -> BlobError {
    match crate::failure::io(what, error) {
        errand_core::StoreError::NoSpace => BlobError::NoSpace,
        other => BlobError::Io(other.to_string()),
    }
}
