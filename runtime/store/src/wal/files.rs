//! The files of the write-ahead log while it grows: which of them make up the store as it is now, for
//! whoever copies them, and removing those that a snapshot made superfluous.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use errand_core::StoreError;

use super::{frame, segment, snapshot};
use crate::failure;

/// The files that an open store's log consists of.
pub(crate) struct WalFiles {
    dir: PathBuf,
    /// The number of the last frame that is on the disk.
    synced_lsn: AtomicU64,
    /// Held while files are removed, or found and opened.
    files: Mutex<()>,
}

/// Open files that hold the store as it was at one moment.
pub(crate) struct Extent {
    /// The number of the last frame.
    pub(crate) last_lsn: u64,
    pub(crate) snapshot: Option<(PathBuf, File)>,
    /// The segments after it.
    pub(crate) segments: Vec<Segment>,
}

/// An open segment, and the numbers of its frames.
pub(crate) struct Segment {
    pub(crate) first: u64,
    /// One less than the first where there is none yet.
    pub(crate) last: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

impl WalFiles {
    pub(crate) fn new(dir: PathBuf, last_lsn: u64) -> Self {
        Self { dir, synced_lsn: AtomicU64::new(last_lsn), files: Mutex::default() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Hears that a frame is on the disk.
    pub(crate) fn synced(&self, lsn: u64) {
        self.synced_lsn.store(lsn, Ordering::Release);
    }

    /// Removes what a snapshot at `lsn` makes superfluous: segments whose frames it has all, and older
    /// snapshots.
    pub(crate) fn remove_older_than(&self, lsn: u64) -> Result<(), StoreError> {
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot::remove_before(&self.dir, lsn)?;
        segment::remove_through(&self.dir, lsn)
    }

    /// Opens the files that make up the store as it is now. They can be read even once they are removed.
    pub(crate) fn extent(&self) -> Result<Extent, StoreError> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |path: &PathBuf| File::open(path).map_err(failure::at("read", path));
        let snapshot = snapshot::newest_whole(&self.dir)?;
        let from = snapshot.as_ref().map_or(0, |(lsn, _)| *lsn);
        let mut segments = Vec::new();
        for (first, path) in segment::after(&self.dir, from)? {
            let file = open(&path)?;
            segments.push(Segment { first, last: 0, path, file });
        }
        if let Some(gap) = segments.first().filter(|segment| segment.first > from + 1) {
            return Err(super::replay::damaged(&gap.path, 0, from + 1));
        }
        let snapshot = match snapshot {
            Some((_, path)) => Some((path.clone(), open(&path)?)),
            None => None,
        };
        drop(files);
        // Only now: a snapshot may hold some of what came after its number, and all of that must be in
        // the frames. What it can hold was on the disk before the snapshot was found.
        let mut last_lsn = self.synced_lsn.load(Ordering::Acquire);
        // Segments that were begun since are not needed.
        if let Some(newest) = segments.last() {
            let begun =
                segment::list(&self.dir)?.into_iter().find(|(first, _)| *first > newest.first);
            last_lsn = begun.map_or(last_lsn, |(first, _)| last_lsn.min(first - 1));
        }
        let mut last = last_lsn;
        for segment in segments.iter_mut().rev() {
            (segment.last, last) = (last, segment.first - 1);
        }
        Ok(Extent { last_lsn, snapshot, segments })
    }
}

/// Returns where the frames of a segment end that are numbered `first` to `last`.
///
/// # Errors
/// [`StoreError::Corrupt`], naming file and offset, where one of them is damaged or missing.
pub(crate) fn frames_end(
    bytes: &[u8],
    path: &Path,
    first: u64,
    last: u64,
) -> Result<usize, StoreError> {
    if !segment::header_is_whole(bytes, first) {
        return Err(super::replay::damaged(path, 0, first));
    }
    let mut offset = segment::HEADER;
    for lsn in first..=last {
        let frame = frame::read(bytes, offset).filter(|frame| frame.lsn == lsn);
        offset = frame.ok_or_else(|| super::replay::damaged(path, offset, lsn))?.end;
    }
    Ok(offset)
}
