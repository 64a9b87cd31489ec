//! The write-ahead log: the truth of a durable store, append-only, checksummed, synced.
//!
//! One frame holds one group's writes, key by key (physical redo: applying a frame twice, or again
//! after later ones up to the end, changes nothing). Frames are numbered without holes (LSN, from 1)
//! and lie in segments of bounded size. A snapshot holds all keys as they were at some LSN, or a little
//! after it; with one on the disk, older segments are removed.
//!
//! Frame *n + 1* is written only after frame *n* was synced. So at most the last frame can be torn, and
//! whatever is damaged before a good frame is damage, not a torn tail.

#![expect(clippy::disallowed_methods, reason = "it owns the write-ahead log's files")]

mod files;
mod frame;
mod replay;
mod segment;
mod snapshot;

use std::path::{Path, PathBuf};

use errand_core::StoreError;

pub(crate) use files::{Extent, Segment, WalFiles, frames_end};
pub(crate) use replay::{Replayed, check, replay};
pub(crate) use snapshot::{load_newest as load_newest_snapshot, write as write_snapshot};

use crate::kv::Batch;
use segment::SegmentWriter;

/// How large a segment gets before the next is begun, unless it is said otherwise.
pub(crate) const SEGMENT_BYTES: u64 = 64 << 20;

/// The end of the write-ahead log, where it grows.
pub(crate) struct Wal {
    dir: PathBuf,
    segment: SegmentWriter,
    segment_bytes: u64,
    next_lsn: u64,
    frame: Vec<u8>,
    sync: bool,
}

impl Wal {
    /// Begins a new segment after the last frame there is.
    pub(crate) fn begin(
        dir: &Path,
        last_lsn: u64,
        segment_bytes: u64,
        sync: bool,
    ) -> Result<Self, StoreError> {
        let next_lsn = last_lsn + 1;
        let segment = SegmentWriter::create(dir, next_lsn)?;
        let dir = dir.to_owned();
        Ok(Self { dir, segment, segment_bytes, next_lsn, frame: Vec::new(), sync })
    }

    /// Writes and syncs a frame; returns its number and how many bytes it took.
    pub(crate) fn append(&mut self, batch: &Batch) -> Result<(u64, u64), StoreError> {
        if self.segment.len() >= self.segment_bytes {
            self.segment = SegmentWriter::create(&self.dir, self.next_lsn)?;
        }
        frame::encode(&mut self.frame, self.next_lsn, batch.iter());
        self.segment.append(&self.frame)?;
        if self.sync {
            self.segment.sync()?;
        }
        let lsn = self.next_lsn;
        self.next_lsn += 1;
        Ok((lsn, self.frame.len() as u64))
    }
}
