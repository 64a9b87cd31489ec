//! The room that is left on the disk on which workspaces lie.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// After so many bytes that workspaces grew by, the disk is looked at again.
const LOOK_BYTES: u64 = 1 << 20;

/// Tells the bytes that are free.
type Measure = dyn Fn() -> io::Result<u64> + Send + Sync;

/// The room on a disk above a reserve, which is not for workspaces. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Room {
    measure: Arc<Measure>,
    reserve_bytes: u64,
    /// Bytes since the last look; from [`LOOK_BYTES`] on the next one is due.
    grown: Arc<AtomicU64>,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("reserve_bytes", &self.reserve_bytes).finish_non_exhaustive()
    }
}

impl Room {
    /// The room on the disk of a directory, which must be there.
    pub fn beside(directory: &Path, reserve_bytes: u64) -> Self {
        let directory = directory.to_owned();
        let measure = move || {
            let disk = rustix::fs::statvfs(&directory)?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        };
        Self::measured_by(measure, reserve_bytes)
    }

    /// The room that a function measures.
    pub fn measured_by(
        measure: impl Fn() -> io::Result<u64> + Send + Sync + 'static,
        reserve_bytes: u64,
    ) -> Self {
        Self {
            measure: Arc::new(measure),
            reserve_bytes,
            grown: Arc::new(AtomicU64::new(LOOK_BYTES)),
        }
    }

    /// Tells whether there is room to grow by so many bytes, going by a look that was not long ago.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        if self.reserve_bytes == 0 {
            return true;
        }
        let grown = self.grown.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if grown < LOOK_BYTES {
            return true;
        }
        // Where it can't be measured, the write itself will tell.
        let free = (self.measure)().unwrap_or(u64::MAX);
        let has = free >= self.reserve_bytes;
        // While there is none, each write looks: it goes on as soon as there is some again.
        self.grown.store(if has { 0 } else { LOOK_BYTES }, Ordering::Relaxed);
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_stops_at_the_reserve_and_goes_on_when_there_is_room_again() {
        let free = Arc::new(AtomicU64::new(100 << 20));
        let measured = Arc::clone(&free);
        let room = Room::measured_by(move || Ok(measured.load(Ordering::Relaxed)), 10 << 20);
        assert!(room.has(1));
        free.store(1 << 20, Ordering::Relaxed);
        assert!(room.has(1), "the last look was not long ago");
        assert!(!room.has(LOOK_BYTES));
        assert!(!room.has(1));
        free.store(10 << 20, Ordering::Relaxed);
        assert!(room.has(1));
    }

    #[test]
    fn a_disk_is_measured_where_its_directory_is() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Room::beside(dir.path(), 1).has(1));
        assert!(!Room::beside(dir.path(), u64::MAX).has(1));
        assert!(Room::beside(&dir.path().join("none"), u64::MAX).has(1));
    }
}
