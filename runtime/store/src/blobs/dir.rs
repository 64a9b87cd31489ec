//! Blobs as files of a directory: `ab/cdef…`, written under another name, synced and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use errand_core::{BlobError, Blobs, BoxFuture, CollectedBlobs, Digest, UnixMillis};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use super::{BlobFiles, io_error, off_thread};
use crate::FreeSpace;

/// Where files are until they are whole. Emptied at start.
const UNFINISHED: &str = "unfinished";
/// How much of a reader is held in memory.
const COPY_BYTES: usize = 256 << 10;
/// After so many bytes of one blob, the free space is looked at.
const LOOK_BYTES: u64 = 16 << 20;

/// Content-addressed files under one directory.
#[derive(Debug, Clone)]
pub struct DirBlobs {
    inner: Arc<Inner>,
    free_space: FreeSpace,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    reserve_bytes: u64,
    next_name: AtomicU64,
    /// The shards that are known to be on the disk.
    synced_shards: Mutex<[bool; 256]>,
    /// Held while a file's time is looked at or set and what follows from it is done, so that a blob is
    /// never removed right after somebody was told that it is there. Counts who wants none removed.
    pins: Mutex<usize>,
}

/// As long as this lives, no blob is removed.
#[derive(Debug)]
pub(crate) struct Pin(Arc<Inner>);

impl Drop for Pin {
    fn drop(&mut self) {
        *self.0.pins() -= 1;
    }
}

impl Inner {
    fn pins(&self) -> MutexGuard<'_, usize> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DirBlobs {
    /// Opens or creates the directory, and removes what a crash left unfinished in it.
    ///
    /// Large blobs leave `reserve_bytes` of its disk free: what the write-ahead log needs is not
    /// theirs. One process at a time may have it open; the store's lock sees to that.
    ///
    /// # Errors
    /// When the directory can't be made or read.
    pub fn open(dir: &Path, reserve_bytes: u64) -> Result<Self, BlobError> {
        let failed = |error: io::Error| io_error(&format!("open {}", dir.display()), &error);
        let unfinished = dir.join(UNFINISHED);
        fs::create_dir_all(&unfinished).map_err(failed)?;
        for entry in fs::read_dir(&unfinished).map_err(failed)? {
            fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
        }
        crate::durable::sync_dir(dir).map_err(failed)?;
        if let Some(parent) = dir.parent() {
            crate::durable::sync_dir(parent).map_err(failed)?;
        }
        let inner = Inner {
            dir: dir.to_owned(),
            reserve_bytes,
            next_name: AtomicU64::new(0),
            synced_shards: Mutex::new([false; 256]),
            pins: Mutex::new(0),
        };
        Ok(Self { inner: Arc::new(inner), free_space: FreeSpace::default() })
    }

    /// Goes by another measure of the free space.
    #[must_use]
    pub(crate) fn measured_by(self, free_space: FreeSpace) -> Self {
        Self { free_space, ..self }
    }

    /// Returns where a blob's file is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.inner.dir.join(&hex[..2]).join(&hex[2..])
    }

    /// Keeps all blobs that are there until what is returned is dropped.
    pub(crate) fn pin(&self) -> Pin {
        *self.inner.pins() += 1;
        Pin(Arc::clone(&self.inner))
    }

    /// Removes a blob unless it was written or used since a moment; returns how large it was.
    fn remove_unused(&self, path: &Path, unused_since: SystemTime) -> io::Result<Option<u64>> {
        let pins = self.inner.pins();
        let metadata = fs::metadata(path)?;
        if *pins > 0 || metadata.modified()? >= unused_since {
            return Ok(None);
        }
        fs::remove_file(path)?;
        Ok(Some(metadata.len()))
    }

    /// Reads every blob and returns those whose bytes are not what their name says.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn check(&self) -> Result<Vec<Digest>, BlobError> {
        let mut bad = Vec::new();
        self.each(|digest, path| {
            let mut hasher = blake3::Hasher::new();
            match hasher.update_reader(File::open(path)?) {
                Ok(hasher) if Digest::from(hasher.finalize()) == digest => {}
                _ => bad.push(digest),
            }
            Ok(())
        })?;
        Ok(bad)
    }

    /// Goes over all files of blobs.
    pub(crate) fn each(
        &self,
        mut visit: impl FnMut(Digest, &Path) -> io::Result<()>,
    ) -> Result<(), BlobError> {
        let mut walk = || -> io::Result<()> {
            for shard in fs::read_dir(&self.inner.dir)? {
                let shard = shard?;
                let prefix = shard.file_name();
                if prefix.len() != 2 || !shard.file_type()?.is_dir() {
                    continue;
                }
                for file in fs::read_dir(shard.path())? {
                    let file = file?;
                    let name =
                        [prefix.to_string_lossy(), file.file_name().to_string_lossy()].concat();
                    if let Ok(digest) = name.parse() {
                        visit(digest, &file.path())?;
                    }
                }
            }
            Ok(())
        };
        walk().map_err(|error| io_error("go through the blobs", &error))
    }

    fn write(&self, mut source: impl Read) -> Result<(Digest, u64), BlobError> {
        let number = self.inner.next_name.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.inner.dir.join(UNFINISHED).join(number.to_string());
        let written = self.write_as(&unfinished, &mut source);
        if written.is_err() {
            // What is left is removed at the next start.
            let _ = fs::remove_file(&unfinished);
        }
        written.map_err(|error| io_error("write a blob", &error))
    }

    fn write_as(&self, unfinished: &Path, source: &mut impl Read) -> io::Result<(Digest, u64)> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(unfinished)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; COPY_BYTES];
        let mut size = 0;
        let mut looked_at = 0;
        loop {
            if size - looked_at >= LOOK_BYTES {
                self.check_room()?;
                looked_at = size;
            }
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..read]);
            file.write_all(&buffer[..read])?;
            size += read as u64;
        }
        let digest = Digest::from(hasher.finalize());
        if self.reuse(&digest, size)? {
            fs::remove_file(unfinished)?;
            return Ok((digest, size));
        }
        file.sync_all()?;
        let path = self.path(&digest);
        let shard = path.parent().expect("a blob is in a shard");
        self.make_shard(shard, &digest)?;
        let pins = self.inner.pins();
        fs::rename(unfinished, &path)?;
        drop(pins);
        crate::durable::sync_dir(shard)?;
        Ok((digest, size))
    }

    fn check_room(&self) -> io::Result<()> {
        if self.free_space.is_at_least(self.inner.reserve_bytes, &self.inner.dir) {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    fn make_shard(&self, shard: &Path, digest: &Digest) -> io::Result<()> {
        let number = usize::from(digest.as_bytes()[0]);
        let synced = || self.inner.synced_shards.lock().unwrap_or_else(PoisonError::into_inner);
        if synced()[number] {
            return Ok(());
        }
        fs::create_dir_all(shard)?;
        crate::durable::sync_dir(&self.inner.dir)?;
        synced()[number] = true;
        Ok(())
    }

    /// Tells whether the blob is there already, and marks it as used just now.
    fn reuse(&self, digest: &Digest, size: u64) -> io::Result<bool> {
        if self.use_now(digest, Some(size))? {
            // Whoever wrote it may not have come to sync these yet.
            let path = self.path(digest);
            let shard = path.parent().expect("a blob is in a shard");
            self.make_shard(shard, digest)?;
            crate::durable::sync_dir(shard)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Marks a blob as used just now; tells whether it is there, and as large as it should be.
    fn use_now(&self, digest: &Digest, size: Option<u64>) -> io::Result<bool> {
        let _pins = self.inner.pins();
        let file = match OpenOptions::new().write(true).open(self.path(digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if size.is_some_and(|size| file.metadata().is_ok_and(|found| found.len() != size)) {
            return Ok(false);
        }
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        rustix::fs::futimens(&file, &Timestamps { last_access: now, last_modification: now })?;
        Ok(true)
    }

    fn open_file(&self, digest: &Digest) -> Result<File, BlobError> {
        File::open(self.path(digest)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::Missing(*digest),
            _ => io_error("open a blob", &error),
        })
    }
}

impl BlobFiles for DirBlobs {
    fn store(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        Ok(self.write(bytes)?.0)
    }

    fn load(&self, digest: &Digest) -> Result<Bytes, BlobError> {
        let mut bytes = Vec::new();
        let read = self.open_file(digest)?.read_to_end(&mut bytes);
        read.map_err(|error| io_error("read a blob", &error))?;
        if Digest::of(&bytes) != *digest {
            let path = self.path(digest);
            return Err(BlobError::Io(format!("{} is not what its name says", path.display())));
        }
        Ok(bytes.into())
    }

    fn sweep(
        &self,
        unused_since: UnixMillis,
        needed: &dyn Fn(&Digest) -> bool,
    ) -> Result<CollectedBlobs, BlobError> {
        let unused_since = SystemTime::UNIX_EPOCH + Duration::from_millis(unused_since.0);
        let mut collected = CollectedBlobs::default();
        self.each(|digest, path| {
            if !needed(&digest)
                && let Some(size) = self.remove_unused(path, unused_since)?
            {
                collected.count += 1;
                collected.bytes += size;
            }
            Ok(())
        })?;
        Ok(collected)
    }
}

impl Blobs for DirBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Digest, BlobError>> {
        let blobs = self.clone();
        Box::pin(off_thread(move || blobs.store(&bytes)))
    }

    fn put_reader(
        &self,
        reader: Box<dyn Read + Send>,
    ) -> BoxFuture<'_, Result<(Digest, u64), BlobError>> {
        let blobs = self.clone();
        Box::pin(off_thread(move || blobs.write(BufReader::new(reader))))
    }

    fn size(&self, digest: Digest) -> BoxFuture<'_, Result<Option<u64>, BlobError>> {
        let path = self.path(&digest);
        Box::pin(off_thread(move || match fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("look for a blob", &error)),
        }))
    }

    fn touch(&self, digest: Digest) -> BoxFuture<'_, Result<bool, BlobError>> {
        let blobs = self.clone();
        Box::pin(off_thread(move || {
            blobs.use_now(&digest, None).map_err(|error| io_error("use a blob", &error))
        }))
    }

    fn read(
        &self,
        digest: Digest,
        offset: u64,
        length: usize,
    ) -> BoxFuture<'_, Result<Bytes, BlobError>> {
        let blobs = self.clone();
        Box::pin(off_thread(move || {
            let mut file = blobs.open_file(&digest)?;
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(offset))
                .and_then(|_| file.take(length as u64).read_to_end(&mut bytes))
                .map_err(|error| io_error("read a blob", &error))?;
            Ok(bytes.into())
        }))
    }
}

#[cfg(test)]
mod tests;
