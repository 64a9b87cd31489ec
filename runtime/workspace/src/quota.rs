//! How much lies in a workspace, counted as the guest changes it.
//!
//! Every change that a guest makes goes through one file-system host, so counting growth there is exact
//! and needs no scan. A file that was unlinked while open still takes room until its last handle is
//! closed, and is counted until then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::Room;

/// What an entry takes up on a disk, about.
const ENTRY_BYTES: u64 = 4 << 10;

/// Identifies a file while it exists: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
}

/// A bound of the workspace that would be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the workspace may hold {value} {unit}", unit = if *.limit == "workspace_bytes" { "bytes" } else { "files" })]
pub struct Exceeded {
    /// `workspace_bytes` or `workspace_files`.
    pub limit: &'static str,
    /// Its value.
    pub value: u64,
}

/// Why a workspace may not grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A bound of its own would be exceeded.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The disk that it lies on is full, down to the reserve. No fault of whoever grows it.
    #[error("the host's disk is full")]
    DiskFull,
}

/// The account of one workspace. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Quota {
    limit_bytes: u64,
    limit_files: u64,
    room: Option<Room>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    files: u64,
    /// Files with an open handle, or whose size changed while one was open.
    open: HashMap<FileId, Open>,
}

#[derive(Debug, Default)]
struct Open {
    handles: u32,
    /// Bytes to give back when the last handle is closed: it was unlinked.
    unlinked_bytes: Option<u64>,
}

impl Quota {
    /// Opens an account for an empty workspace.
    pub fn new(limit_bytes: u64, limit_files: u64) -> Self {
        Self { limit_bytes, limit_files, room: None, state: Arc::default() }
    }

    /// Lets it grow only while there is room on its disk too.
    #[must_use]
    pub fn within(self, room: Room) -> Self {
        Self { room: Some(room), ..self }
    }

    /// Returns the bytes that lie in the workspace.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Returns the files, directories and links that lie in the workspace.
    pub fn files(&self) -> u64 {
        self.lock().files
    }

    /// Counts that a file changes its size. Call it before the change where it grows.
    ///
    /// # Errors
    /// When the workspace would hold too many bytes, or there is no room; nothing is counted then.
    pub fn resize(&self, from_bytes: u64, to_bytes: u64) -> Result<(), Refused> {
        let mut state = self.lock();
        let bytes = state.bytes.saturating_sub(from_bytes).saturating_add(to_bytes);
        if to_bytes > from_bytes && bytes > self.limit_bytes {
            return Err(Exceeded { limit: "workspace_bytes", value: self.limit_bytes }.into());
        }
        if to_bytes > from_bytes && !self.has_room(to_bytes - from_bytes) {
            return Err(Refused::DiskFull);
        }
        state.bytes = bytes;
        Ok(())
    }

    /// Counts a new directory entry. Call it before it is made.
    ///
    /// # Errors
    /// When the workspace would hold too many entries, or there is no room; nothing is counted then.
    pub fn add_entry(&self) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.files >= self.limit_files {
            return Err(Exceeded { limit: "workspace_files", value: self.limit_files }.into());
        }
        if !self.has_room(ENTRY_BYTES) {
            return Err(Refused::DiskFull);
        }
        state.files += 1;
        Ok(())
    }

    /// Counts that a directory entry is gone, or was not made after all.
    pub fn remove_entry(&self) {
        let mut state = self.lock();
        state.files = state.files.saturating_sub(1);
    }

    /// Counts that a file lost its last name. Its bytes are given back once no handle is open.
    pub fn unlink(&self, file: FileId, size_bytes: u64) {
        let mut state = self.lock();
        match state.open.get_mut(&file) {
            Some(open) if open.handles > 0 => open.unlinked_bytes = Some(size_bytes),
            _ => state.bytes = state.bytes.saturating_sub(size_bytes),
        }
    }

    /// Tells whether a handle on a file is counted.
    pub fn is_open(&self, file: FileId) -> bool {
        self.lock().open.get(&file).is_some_and(|open| open.handles > 0)
    }

    /// Counts a handle on a file, until what is returned is dropped.
    pub fn open(&self, file: FileId) -> OpenFile {
        self.lock().open.entry(file).or_default().handles += 1;
        OpenFile { quota: self.clone(), file }
    }

    /// Checks that the disk has room for bytes that count already, and take room only now.
    ///
    /// # Errors
    /// When it has not.
    pub fn check_room(&self, bytes: u64) -> Result<(), Refused> {
        if self.has_room(bytes) { Ok(()) } else { Err(Refused::DiskFull) }
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.room.as_ref().is_none_or(|room| room.has(bytes))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// A handle on a file, for as long as this lives.
#[derive(Debug)]
pub struct OpenFile {
    quota: Quota,
    file: FileId,
}

impl OpenFile {
    /// Returns which file it is.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// Counts that the file changes its size through this handle.
    ///
    /// # Errors
    /// As [`Quota::resize`].
    pub fn resize(&self, from_bytes: u64, to_bytes: u64) -> Result<(), Refused> {
        self.quota.resize(from_bytes, to_bytes)?;
        let mut state = self.quota.lock();
        if let Some(Open { unlinked_bytes: Some(bytes), .. }) = state.open.get_mut(&self.file) {
            *bytes = to_bytes;
        }
        Ok(())
    }
}

impl Clone for OpenFile {
    fn clone(&self) -> Self {
        self.quota.open(self.file)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut state = self.quota.lock();
        let Some(open) = state.open.get_mut(&self.file) else { return };
        open.handles -= 1;
        if open.handles == 0 {
            let given_back = open.unlinked_bytes.unwrap_or(0);
            state.open.remove(&self.file);
            state.bytes = state.bytes.saturating_sub(given_back);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId { device: 1, inode: 2 };

    #[test]
    fn growth_over_the_limit_is_refused_and_not_counted() {
        let quota = Quota::new(100, 10);
        quota.resize(0, 80).unwrap();
        let refused = quota.resize(0, 21).unwrap_err();
        assert_eq!(refused, Exceeded { limit: "workspace_bytes", value: 100 }.into());
        assert_eq!(quota.bytes(), 80);
        quota.resize(80, 0).unwrap();
        quota.resize(0, 100).unwrap();
    }

    #[test]
    fn an_unlinked_file_counts_until_its_last_handle_is_closed() {
        let quota = Quota::new(100, 10);
        let first = quota.open(FILE);
        let second = first.clone();
        first.resize(0, 60).unwrap();
        quota.unlink(FILE, 60);
        assert_eq!(quota.bytes(), 60);
        second.resize(60, 90).unwrap();
        drop(first);
        assert_eq!(quota.bytes(), 90, "a handle is still open");
        drop(second);
        assert_eq!(quota.bytes(), 0);
    }

    #[test]
    fn growth_on_a_full_disk_is_refused_and_shrinking_is_not() {
        let quota = Quota::new(100, 10).within(Room::measured_by(|| Ok(0), 1));
        assert_eq!(quota.resize(0, 1), Err(Refused::DiskFull));
        assert_eq!(quota.add_entry(), Err(Refused::DiskFull));
        assert_eq!((quota.bytes(), quota.files()), (0, 0));
        quota.resize(50, 0).unwrap();
        assert!(matches!(quota.resize(0, 101), Err(Refused::Exceeded(_))), "its own bound first");
    }

    #[test]
    fn entries_are_bounded() {
        let quota = Quota::new(100, 2);
        quota.add_entry().unwrap();
        quota.add_entry().unwrap();
        let refused = quota.add_entry().unwrap_err();
        assert_eq!(refused, Exceeded { limit: "workspace_files", value: 2 }.into());
        quota.remove_entry();
        quota.add_entry().unwrap();
    }
}
