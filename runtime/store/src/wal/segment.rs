//! Segments: the files of the write-ahead log, `segment-<first LSN>`.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use errand_core::StoreError;

use crate::durable::{list_numbered, sync_dir};
use crate::failure;

pub(super) const PREFIX: &str = "segment-";
const MAGIC: &[u8; 8] = b"errandw1";
/// Magic, first LSN, checksum of both.
pub(super) const HEADER: usize = 20;
/// How far ahead of the frames a segment is filled with zeros, so that most syncs have no new length
/// and no new blocks to write: 8,000 syncs a second instead of 5,000 on the machine where it was
/// measured.
const ZEROS_AHEAD: u64 = 1 << 20;

/// A segment that grows.
pub(super) struct SegmentWriter {
    file: File,
    path: PathBuf,
    len: u64,
    zeroed: u64,
}

impl SegmentWriter {
    /// Creates a segment, in place of one of the same name in which no frame is.
    pub(super) fn create(dir: &Path, first_lsn: u64) -> Result<Self, StoreError> {
        let path = dir.join(name(first_lsn));
        let failed = failure::at("begin the write-ahead log's segment", &path);
        let options = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = options.map_err(&failed)?;
        file.write_all_at(&header(first_lsn), 0).map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        sync_dir(dir).map_err(&failed)?;
        Ok(Self { file, path: path.clone(), len: HEADER as u64, zeroed: HEADER as u64 })
    }

    /// Returns where the next frame will begin.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Writes a frame, not synced yet.
    pub(super) fn append(&mut self, frame: &[u8]) -> Result<(), StoreError> {
        let end = self.len + frame.len() as u64;
        let written = if end > self.zeroed {
            let zeroed = end + ZEROS_AHEAD;
            let mut bytes = frame.to_vec();
            bytes.resize((zeroed - self.len) as usize, 0);
            let written = self.file.write_all_at(&bytes, self.len);
            self.zeroed = zeroed;
            written
        } else {
            self.file.write_all_at(frame, self.len)
        };
        written.map_err(failure::at("write to", &self.path))?;
        self.len = end;
        Ok(())
    }

    /// Waits until the disk has what was written.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(failure::at("sync", &self.path))
    }
}

fn name(first_lsn: u64) -> String {
    format!("{PREFIX}{first_lsn:016x}")
}

fn header(first_lsn: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&first_lsn.to_le_bytes());
    let sum = crc32fast::hash(&header[..16]);
    header[16..].copy_from_slice(&sum.to_le_bytes());
    header
}

/// Tells whether a segment begins as it should.
pub(super) fn header_is_whole(bytes: &[u8], first_lsn: u64) -> bool {
    bytes.starts_with(&header(first_lsn))
}

/// Returns the segments of a directory with their first LSNs, in order.
pub(super) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    list_numbered(dir, PREFIX)
}

/// Returns the segments with frames after number `after`, and those that may yet get some.
pub(super) fn after(dir: &Path, after: u64) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let mut segments = list(dir)?;
    let skip = segments.windows(2).take_while(|pair| pair[1].0 <= after + 1).count();
    segments.drain(..skip);
    Ok(segments)
}

/// Cuts a segment off after its last good frame, or removes it where it has not even a header.
pub(super) fn cut(dir: &Path, path: &Path, len: u64) -> Result<(), StoreError> {
    let failed = failure::at("cut off the torn end of", path);
    if len < HEADER as u64 {
        fs::remove_file(path).map_err(&failed)?;
        return sync_dir(dir).map_err(&failed);
    }
    let file = OpenOptions::new().write(true).open(path).map_err(&failed)?;
    file.set_len(len).and_then(|()| file.sync_all()).map_err(&failed)
}

/// Removes the segments that end before or at a frame.
pub(super) fn remove_through(dir: &Path, lsn: u64) -> Result<(), StoreError> {
    let segments = list(dir)?;
    for pair in segments.windows(2) {
        let ((_, path), (next_first, _)) = (&pair[0], &pair[1]);
        if *next_first <= lsn + 1 {
            fs::remove_file(path).map_err(failure::at("remove", path))?;
        }
    }
    sync_dir(dir).map_err(failure::at("sync", dir))
}
