//! Blobs as files of a directory: `ab/cdef…`, written under another name, synced and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use errand_core::{BlobError, Blobs, BoxFuture, Digest};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use super::{BlobFiles, io_error, off_thread};

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
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    reserve_bytes: u64,
    next_name: AtomicU64,
    /// The shards that are known to be on the disk.
    synced_shards: Mutex<[bool; 256]>,
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
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns where a blob's file is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.inner.dir.join(&hex[..2]).join(&hex[2..])
    }

    /// Removes blobs for which `needed` says no and that were not written or used again for `age`
    /// before `now`; returns how many.
    ///
    /// # Errors
    /// When the directory can't be read or a file not removed.
    pub fn sweep(
        &self,
        now: SystemTime,
        age: Duration,
        needed: impl Fn(&Digest) -> bool,
    ) -> Result<usize, BlobError> {
        let mut removed = 0;
        self.each(|digest, path| {
            let written = fs::metadata(path)?.modified()?;
            let old = now.duration_since(written).is_ok_and(|since| since >= age);
            if old && !needed(&digest) {
                fs::remove_file(path)?;
                removed += 1;
            }
            Ok(())
        })?;
        Ok(removed)
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

    fn each(
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
                self.check_room(&file)?;
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
        fs::rename(unfinished, &path)?;
        crate::durable::sync_dir(shard)?;
        Ok((digest, size))
    }

    fn check_room(&self, file: &File) -> io::Result<()> {
        let disk = rustix::fs::fstatvfs(file)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < self.inner.reserve_bytes {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
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
        let path = self.path(digest);
        let file = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() != size {
            return Ok(false);
        }
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        rustix::fs::futimens(&file, &Timestamps { last_access: now, last_modification: now })?;
        // Whoever wrote it may not have come to sync these yet.
        let shard = path.parent().expect("a blob is in a shard");
        self.make_shard(shard, digest)?;
        crate::durable::sync_dir(shard)?;
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
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_swept_when_old_and_not_needed_and_kept_when_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirBlobs::open(&dir.path().join("blobs"), 0).unwrap();
        let digests = [b"one", b"two"].map(|bytes| blobs.store(bytes).unwrap());
        let hour = Duration::from_secs(3_600);
        let now = fs::metadata(blobs.path(&digests[0])).unwrap().modified().unwrap();
        assert_eq!(blobs.sweep(now, hour, |_| false).unwrap(), 0);
        let later = now + hour + hour;
        assert_eq!(blobs.sweep(later, hour, |digest| *digest == digests[0]).unwrap(), 1);
        assert_eq!(&blobs.load(&digests[0]).unwrap()[..], b"one");
        assert!(matches!(blobs.load(&digests[1]), Err(BlobError::Missing(_))));
    }

    #[test]
    fn a_large_blob_leaves_the_reserve_alone_and_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirBlobs::open(&dir.path().join("blobs"), u64::MAX).unwrap();
        blobs.store(b"small ones are part of the reserve").unwrap();
        let large = io::repeat(1).take(LOOK_BYTES + 1);
        assert!(matches!(blobs.write(large), Err(BlobError::NoSpace)));
        assert_eq!(fs::read_dir(dir.path().join("blobs").join(UNFINISHED)).unwrap().count(), 0);
    }

    #[test]
    fn a_changed_blob_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirBlobs::open(&dir.path().join("blobs"), 0).unwrap();
        let digest = blobs.store(b"as it was").unwrap();
        assert_eq!(blobs.check().unwrap(), []);
        fs::write(blobs.path(&digest), b"as it wos").unwrap();
        assert!(blobs.load(&digest).is_err());
        assert_eq!(blobs.check().unwrap(), [digest]);
    }
}
