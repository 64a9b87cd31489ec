//! Listings of directories: sorted, so that a run can be repeated, and counted, because the host holds
//! them until the guest has read them.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use crate::ended::Ended;

/// Bytes that a run's listings may hold together: several of a full workspace's files.
const MAX_LISTED_BYTES: u64 = 64 << 20;
/// What an entry takes beside its name.
const ENTRY_BYTES: u64 = 64;

/// What a run's listings hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed(Arc<AtomicU64>);

/// A listing, as far as it is not read.
pub(super) struct Listing {
    /// An entry whose name is no text can't be said.
    entries: std::vec::IntoIter<Option<DirectoryEntry>>,
    bytes: u64,
    listed: Listed,
}

impl Listing {
    /// Lists a directory.
    pub(super) fn read(dir: &File, listed: &Listed) -> FsResult<Self> {
        let mut listing =
            Self { entries: Vec::new().into_iter(), bytes: 0, listed: listed.clone() };
        let mut entries = Vec::new();
        // A handle may be one that can't be read from, which a listing of its own can.
        let readable = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(dir, ".", readable, Mode::empty()).map_err(failed)?;
        for entry in Dir::new(opened).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            listing.count(ENTRY_BYTES + name.to_bytes().len() as u64).map_err(super::trap)?;
            let kind = match entry.file_type() {
                FileType::Unknown => statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map(|stat| FileType::from_raw_mode(stat.st_mode))
                    .map_err(failed)?,
                known => known,
            };
            let name = name.to_str().ok().map(str::to_owned);
            entries.push(name.map(|name| DirectoryEntry { type_: described(kind), name }));
        }
        let name = |entry: &Option<DirectoryEntry>| entry.as_ref().map(|entry| entry.name.clone());
        entries.sort_by_cached_key(name);
        listing.entries = entries.into_iter();
        Ok(listing)
    }

    /// Returns how many entries are left.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the next entry.
    pub(super) fn next(&mut self) -> FsResult<Option<DirectoryEntry>> {
        match self.entries.next() {
            None => Ok(None),
            Some(Some(entry)) => Ok(Some(entry)),
            Some(None) => Err(ErrorCode::IllegalByteSequence.into()),
        }
    }

    fn count(&mut self, bytes: u64) -> Result<(), Ended> {
        self.bytes += bytes;
        if self.listed.0.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_LISTED_BYTES {
            let limit = errand_core::ErrorCode::MemoryLimit;
            return Err(Ended::bound(limit, "listing_bytes", MAX_LISTED_BYTES));
        }
        Ok(())
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.listed.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn failed(error: rustix::io::Errno) -> wasmtime_wasi::p2::FsError {
    std::io::Error::from(error).into()
}

/// Says a type as guests are told it.
pub(super) fn described(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::Unknown => DescriptorType::Unknown,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_sorted_and_counted_until_it_is_dropped() {
        let directory = std::env::temp_dir().join(format!("listing-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        for name in ["b", "a", "d", "c"] {
            std::fs::write(directory.join(name), name).unwrap();
        }
        std::fs::create_dir(directory.join("e")).unwrap();
        std::os::unix::fs::symlink("a", directory.join("f")).unwrap();
        let listed = Listed::default();
        let file = File::open(&directory).unwrap();
        let mut listing = Listing::read(&file, &listed).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(listing.len(), 6);
        assert_eq!(listed.0.load(Ordering::Relaxed), 6 * (ENTRY_BYTES + 1));
        let mut found = Vec::new();
        while let Some(entry) = listing.next().unwrap() {
            found.push((entry.name, entry.type_));
        }
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(found[4].1, DescriptorType::Directory);
        assert_eq!(found[5].1, DescriptorType::SymbolicLink);
        drop(listing);
        assert_eq!(listed.0.load(Ordering::Relaxed), 0);
    }
}
