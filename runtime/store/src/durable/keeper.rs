//! The keeper: a thread that keeps the write-ahead log short. It flushes sled now and then, so that a
//! start has little to redo, and takes snapshots, so that old segments can go.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use errand_core::StoreError;

use super::files::{self, Checkpoint};
use crate::kv::SledKv;
use crate::wal::{self, WalFiles};

/// The writer's side.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    /// One wish is enough: more would ask for the same.
    wake: Option<SyncSender<()>>,
    woken_at: u64,
    checkpoint_bytes: u64,
    thread: Option<JoinHandle<()>>,
}

/// What writer and keeper tell each other.
#[derive(Default)]
pub(super) struct Shared {
    /// Bytes of frames written since the store was opened.
    pub(super) wal_bytes: AtomicU64,
    applied_lsn: AtomicU64,
    failed: OnceLock<StoreError>,
}

/// What the keeper works with.
pub(super) struct Work {
    pub(super) dir: PathBuf,
    pub(super) sled: Arc<SledKv>,
    pub(super) files: Arc<WalFiles>,
    /// Bytes of frames since the last snapshot, at open.
    pub(super) wal_bytes: u64,
    pub(super) last_snapshot_bytes: u64,
    pub(super) checkpoint_bytes: u64,
    pub(super) snapshot_bytes: u64,
}

impl Keeper {
    pub(super) fn start(work: Work, applied_lsn: u64) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        shared.applied_lsn.store(applied_lsn, Ordering::Release);
        let (wake, woken) = sync_channel(1);
        let checkpoint_bytes = work.checkpoint_bytes;
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new().name("store-keeper".into()).spawn(move || {
                let run = std::panic::AssertUnwindSafe(|| run(work, &shared, &woken));
                let failed = match std::panic::catch_unwind(run) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error,
                    Err(_) => StoreError::Io("the store's keeper panicked".into()),
                };
                let _ = shared.failed.set(failed);
            })
        };
        let thread =
            thread.map_err(|error| crate::failure::io("start the store's keeper", &error))?;
        let (wake, thread) = (Some(wake), Some(thread));
        Ok(Self { shared, wake, woken_at: 0, checkpoint_bytes, thread })
    }

    /// Hears that a frame is applied.
    pub(super) fn applied(&mut self, lsn: u64) {
        self.shared.applied_lsn.store(lsn, Ordering::Release);
        let written = self.shared.wal_bytes.load(Ordering::Relaxed);
        if written - self.woken_at >= self.checkpoint_bytes
            && self.wake.as_ref().is_some_and(|wake| wake.try_send(()).is_ok())
        {
            self.woken_at = written;
        }
    }

    /// Answers what the keeper failed with, if it did.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.shared.failed.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Waits until the keeper has ended.
    pub(super) fn stop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was caught and noted.
            let _ = thread.join();
        }
    }
}

fn run(mut work: Work, shared: &Shared, woken: &Receiver<()>) -> Result<(), StoreError> {
    let mut snapshot_at = 0;
    while woken.recv().is_ok() {
        let lsn = shared.applied_lsn.load(Ordering::Acquire);
        work.sled.flush()?;
        Checkpoint { lsn, boot: files::boot_id(), clean: false }.write(&work.dir)?;
        let written = shared.wal_bytes.load(Ordering::Relaxed);
        let since_snapshot = written - snapshot_at + work.wal_bytes;
        if since_snapshot >= work.snapshot_bytes.max(work.last_snapshot_bytes) {
            match snapshot(&work) {
                Ok(size) => {
                    work.last_snapshot_bytes = size;
                    work.wal_bytes = 0;
                }
                // The write-ahead log is whole without it. The next try is due when it has grown as
                // much again.
                Err(StoreError::NoSpace) => {
                    tracing::warn!("there is no room for a snapshot; the write-ahead log grows on");
                }
                Err(error) => return Err(error),
            }
            snapshot_at = written;
        }

        fn snapshot(work: &Work) -> Result<u64, StoreError> {
            let lsn = work.sled.applied_lsn()?.unwrap_or(0);
            let size = wal::write_snapshot(work.files.dir(), &*work.sled, lsn)?;
            work.files.remove_older_than(lsn)?;
            Ok(size)
        }
    }
    Ok(())
}
