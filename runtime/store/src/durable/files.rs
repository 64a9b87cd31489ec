//! The store's small files, and making directories durable.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use errand_core::StoreError;

use super::OpenError;
use crate::failure;

/// Waits until the disk has a directory's entries.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes a directory that stays.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    sync_dir(dir)?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => Ok(()),
    }
}

/// Returns the files named `<prefix><16 hexadecimal digits>` by number.
pub(crate) fn list_numbered(dir: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let failed = failure::at("read the directory", dir);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if let Some(number) = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Takes the lock that keeps a second process out.
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let failed = |error| OpenError::from(failure::at("lock", &path)(error));
    let options = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = options.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Names the present boot of the machine. Nothing where the system does not say: then any start may be
/// one after a loss of power.
pub(super) fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// What is known of sled's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Sled's files have everything up to this frame.
    pub(super) lsn: u64,
    /// The boot under which they were last written.
    pub(super) boot: Option<String>,
    /// Whether they were synced and not touched since.
    pub(super) clean: bool,
}

const CHECKPOINT: &str = "checkpoint";

impl Checkpoint {
    /// Reads it; nothing where it is missing or not whole.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join(CHECKPOINT)).ok()?;
        let (body, sum) = text.trim_end().rsplit_once('\n')?;
        if sum != checksum(body) {
            return None;
        }
        let mut lines = body.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let lsn = field("lsn")?.parse().ok()?;
        let boot = field("boot")?;
        let clean = field("clean")? == "yes";
        Some(Self { lsn, boot: (boot != "unknown").then(|| boot.to_owned()), clean })
    }

    /// Writes it, durably.
    pub(super) fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let boot = self.boot.as_deref().unwrap_or("unknown");
        let clean = if self.clean { "yes" } else { "no" };
        let body = format!("lsn {}\nboot {boot}\nclean {clean}", self.lsn);
        let text = format!("{body}\n{}\n", checksum(&body));
        let unfinished = dir.join("unfinished-checkpoint");
        let write = || -> io::Result<()> {
            let mut file = File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, dir.join(CHECKPOINT))?;
            sync_dir(dir)
        };
        write().map_err(failure::at("write", &unfinished))
    }

    /// Removes it, durably: from now on sled's files are not believed.
    pub(super) fn remove(dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(CHECKPOINT);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failure::at("remove", &path)(error))
            }
            _ => sync_dir(dir).map_err(failure::at("sync", dir)),
        }
    }
}

fn checksum(body: &str) -> String {
    format!("{:08x}", crc32fast::hash(body.as_bytes()))
}

/// Syncs all files of a directory, and those below it.
pub(crate) fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_and_a_torn_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Checkpoint::read(dir.path()), None);
        for boot in [None, Some("abc".to_owned())] {
            let checkpoint = Checkpoint { lsn: 7, boot, clean: true };
            checkpoint.write(dir.path()).unwrap();
            assert_eq!(Checkpoint::read(dir.path()), Some(checkpoint));
        }
        let path = dir.path().join(CHECKPOINT);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("lsn 7", "lsn 8")).unwrap();
        assert_eq!(Checkpoint::read(dir.path()), None);
    }

    #[test]
    fn a_second_lock_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(OpenError::InUse(_))));
        drop(held);
        lock(dir.path()).unwrap();
    }
}
