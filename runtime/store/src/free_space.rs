//! How much is free on the disk that a store lies on; tests say it themselves.

use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::sync::Arc;

type Measure = dyn Fn(&Path) -> io::Result<u64> + Send + Sync + UnwindSafe + RefUnwindSafe;

/// Tells how many bytes are free on the disk of a directory.
#[derive(Clone)]
pub struct FreeSpace(Arc<Measure>);

impl FreeSpace {
    /// Asks a function instead of the system.
    pub fn measured_by<M>(measure: M) -> Self
    where
        M: Fn(&Path) -> io::Result<u64> + Send + Sync + UnwindSafe + RefUnwindSafe + 'static,
    {
        Self(Arc::new(measure))
    }

    /// Tells whether so many bytes are free beside a file or a directory.
    pub(crate) fn is_at_least(&self, bytes: u64, directory: &Path) -> bool {
        // Where it can't be measured, the write itself will tell.
        self.0(directory).map_or(true, |free| free >= bytes)
    }
}

impl Default for FreeSpace {
    fn default() -> Self {
        Self::measured_by(|directory| {
            let disk = rustix::fs::statvfs(directory)?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        })
    }
}

impl std::fmt::Debug for FreeSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FreeSpace")
    }
}
