//! The durable store of one machine: the write-ahead log is the truth, sled is queue and index over it.
//!
//! | in the data directory | |
//! | --- | --- |
//! | `lock` | held while a process has the store open |
//! | `wal/` | segments and snapshots |
//! | `index/` | sled |
//! | `checkpoint` | up to which frame sled's files are complete, under which boot of the machine |
//! | `blobs/` | large values, uploads, artifacts |

#![expect(clippy::disallowed_methods, reason = "it owns the store's directory")]

mod files;
mod keeper;
mod log;
mod open;
mod options;
mod verify;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use errand_core::StoreError;

use crate::backup::{self, Source};
use crate::blobs::{DirBlobs, off_thread};
use crate::embedded::{Embedded, delegate_store};
use crate::wal::WalFiles;

pub(crate) use files::{list_numbered, make_dir, sync_dir, sync_tree};
pub use options::{OpenError, SledOptions, Syncing, Trust};
pub use verify::{Finding, Part};

/// Tasks that survive the process, the machine's power and sled.
pub struct SledStore {
    embedded: Embedded,
    blobs: DirBlobs,
    files: Arc<WalFiles>,
    /// Released when the writer has let go of it too.
    _lock: Arc<File>,
}

impl SledStore {
    /// Opens the store in a directory, made where it is missing. Reads and writes files: not for a
    /// thread that runs tasks.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where another process has it open; [`OpenError::Corrupt`] where the
    /// write-ahead log is damaged, naming file and offset.
    ///
    /// # Examples
    /// ```
    /// # let dir = std::env::temp_dir().join("errand-store-example");
    /// use errand_store::{SledOptions, SledStore};
    /// let store = SledStore::open(&dir, SledOptions::default())?;
    /// # drop(store);
    /// # Ok::<(), errand_store::OpenError>(())
    /// ```
    pub fn open(dir: &Path, options: SledOptions) -> Result<Self, OpenError> {
        let open::Opened { embedded, blobs, files, lock } = open::open(dir, &options)?;
        Ok(Self { embedded, blobs, files, _lock: lock })
    }

    /// Returns the blobs that lie beside the tasks.
    pub fn blobs(&self) -> &DirBlobs {
        &self.blobs
    }

    /// Waits until the store has ended, through a failure or [`SledStore::close`], and says why. After
    /// a failure the process should stop: the next start recovers.
    pub async fn closed(&self) -> StoreError {
        self.embedded.writer.shared.health.closed().await
    }

    /// Writes what is under way, ends the store and leaves it so that the next start is quick.
    ///
    /// # Errors
    /// When the store failed, before or now. What was acknowledged is safe even then.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.embedded.writer.close().await
    }

    /// Checks everything that has a checksum, folds every log and compares records and indexes with it.
    ///
    /// To be run while nothing writes, or what is written meanwhile may be found inconsistent.
    ///
    /// # Errors
    /// When something can't even be read.
    pub async fn verify(&self) -> Result<Vec<Finding>, StoreError> {
        self.embedded.writer.shared.health.check()?;
        let (view, blobs) = (self.embedded.view.clone(), self.blobs.clone());
        let files = self.files.clone();
        off_thread(move || verify::verify(&view, &blobs, files.dir())).await
    }
}

delegate_store!(
    SledStore,
    fn backup(
        &self,
        out: Box<dyn std::io::Write + Send>,
    ) -> errand_core::BoxFuture<'_, Result<(), StoreError>> {
        let source = Source { wal: self.files.clone(), blobs: self.blobs.clone() };
        Box::pin(off_thread(move || backup::write(&source, out)))
    }
);
