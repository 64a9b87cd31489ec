//! What the writer writes through: the write-ahead log, and what follows from its growing.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use errand_core::StoreError;

use super::files::{self, Checkpoint};
use super::keeper::Keeper;
use crate::kv::{Batch, SledKv};
use crate::wal::{Wal, WalFiles};
use crate::writer::Log;
use crate::{FreeSpace, failure};

/// How long a look at the free space is good for. At 100 MB/s the disk loses 20 MB meanwhile, well
/// below the reserve.
const FREE_SPACE_AGE: Duration = Duration::from_millis(200);

pub(super) struct DurableLog {
    pub(super) dir: PathBuf,
    pub(super) wal: Wal,
    pub(super) files: Arc<WalFiles>,
    pub(super) keeper: Keeper,
    pub(super) sled: Arc<SledKv>,
    pub(super) reserve_bytes: u64,
    pub(super) measured: FreeSpace,
    pub(super) free_space: Option<(Instant, bool)>,
    pub(super) last_lsn: u64,
    /// Held as long as anything may be written.
    pub(super) _lock: Arc<File>,
}

impl Log for DurableLog {
    fn append(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        self.keeper.check()?;
        let (lsn, bytes) = self.wal.append(batch)?;
        self.files.synced(lsn);
        self.keeper.shared.wal_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(lsn)
    }

    fn has_room(&mut self) -> bool {
        if let Some((looked, has_room)) = self.free_space
            && looked.elapsed() < FREE_SPACE_AGE
        {
            return has_room;
        }
        let has_room = self.measured.is_at_least(self.reserve_bytes, &self.dir);
        let had_room = self.free_space.is_none_or(|(_, had_room)| had_room);
        if had_room != has_room {
            let reserve_bytes = self.reserve_bytes;
            match has_room {
                true => tracing::info!("there is room on the disk again"),
                false => tracing::warn!(
                    reserve_bytes,
                    "the disk is full, down to the reserve: new work is refused, and no task is started"
                ),
            }
        }
        self.free_space = Some((Instant::now(), has_room));
        has_room
    }

    fn applied(&mut self, lsn: u64) {
        self.last_lsn = lsn;
        self.keeper.applied(lsn);
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.keeper.stop();
        self.keeper.check()?;
        self.sled.flush()?;
        let index = self.dir.join(super::open::INDEX);
        files::sync_tree(&index).map_err(failure::at("sync", &index))?;
        let boot = files::boot_id();
        Checkpoint { lsn: self.last_lsn, boot, clean: true }.write(&self.dir)
    }
}
