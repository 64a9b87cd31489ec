//! Making a store from a backup.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use errand_core::{Digest, StoreError};

use super::archive::{ReadError, Reader};
use super::{END, End, FORMAT, HEAD, Head};
use crate::durable::{make_dir, sync_dir, sync_tree};
use crate::{Finding, OpenError, SledOptions, SledStore};

/// How much of a file is held in memory.
const COPY_BYTES: usize = 256 << 10;
/// A larger head or end was not written by us.
const JSON_BYTES_MAX: u64 = 64 << 10;

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many tasks there are.
    pub tasks: u64,
    /// How many blobs.
    pub blobs: u64,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file is no backup, or one of a version that this program does not know.
    #[error("{0}")]
    NotABackup(String),
    /// It is one, and it is not whole.
    #[error("{0}")]
    Damaged(String),
    /// There is something where the store would be.
    #[error("`{0}` is there already")]
    Exists(PathBuf),
    /// What was unpacked is not consistent.
    #[error("what the backup holds is not consistent: {}", list(.0))]
    Inconsistent(Vec<Finding>),
    /// The disk has no room left.
    #[error("no space is left for the store")]
    NoSpace,
    /// The files can't be read or written.
    #[error("{0}")]
    Io(String),
}

fn list(findings: &[Finding]) -> String {
    let text = |finding: &Finding| format!("{}: {}", finding.what, finding.problem);
    findings.iter().map(text).collect::<Vec<_>>().join("; ")
}

impl From<io::Error> for RestoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io(error.to_string()),
        }
    }
}

impl From<ReadError> for RestoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NoHeader => Self::Damaged("the backup is damaged".into()),
            ReadError::Truncated => {
                Self::Damaged("the backup is cut off: its end is missing".into())
            }
            ReadError::Io(error) => error.into(),
        }
    }
}

impl From<OpenError> for RestoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Corrupt(text) => Self::Damaged(text),
            OpenError::NoSpace => Self::NoSpace,
            error => Self::Io(error.to_string()),
        }
    }
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        OpenError::from(error).into()
    }
}

/// Makes a store from a backup, in a directory that is not there yet.
///
/// It is unpacked beside it, opened, and checked as [`SledStore::verify`] does; only then it gets its
/// name. Where anything is wrong nothing is left.
///
/// # Errors
/// As [`RestoreError`] says.
pub async fn restore(backup: impl Read, dir: &Path) -> Result<Restored, RestoreError> {
    if dir.try_exists()? {
        return Err(RestoreError::Exists(dir.to_owned()));
    }
    let unfinished = dir.with_extension("unfinished");
    remove(&unfinished)?;
    let restored = match unpack(backup, &unfinished) {
        Ok(blobs) => check(&unfinished, blobs).await,
        Err(error) => Err(error),
    };
    let named = restored.and_then(|restored| {
        fs::rename(&unfinished, dir)?;
        sync_dir(dir.parent().unwrap_or(Path::new(".")))?;
        Ok(restored)
    });
    if named.is_err() {
        // Why it failed says more than that this fails too.
        let _ = remove(&unfinished);
    }
    named
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens what was unpacked, which builds the index, and checks all of it.
async fn check(dir: &Path, blobs: u64) -> Result<Restored, RestoreError> {
    let store = SledStore::open(dir, SledOptions::default())?;
    let findings = store.verify().await?;
    let depth = errand_core::Store::depth(&store, None).await?;
    store.close().await?;
    if findings.is_empty() {
        Ok(Restored { tasks: depth.by_status.iter().sum(), blobs })
    } else {
        Err(RestoreError::Inconsistent(findings))
    }
}

/// Writes the files of an archive into a new directory, and waits until the disk has them; returns how
/// many blobs there were.
fn unpack(backup: impl Read, dir: &Path) -> Result<u64, RestoreError> {
    let mut archive = Reader::new(backup);
    head(&mut archive)?;
    for dir in [dir.to_owned(), dir.join("wal"), dir.join("blobs")] {
        make_dir(&dir)?;
    }
    let mut blobs = 0;
    loop {
        let summary = archive.summary();
        let (name, size) = archive.next()?;
        if name == END {
            let text = read_small(&mut archive, size)?;
            let end: End = serde_json::from_slice(&text).map_err(|_| damaged(END))?;
            if end != summary {
                return Err(RestoreError::Damaged(
                    "the backup is damaged: its checksum at the end does not fit".into(),
                ));
            }
            sync_tree(dir)?;
            return Ok(blobs);
        }
        let digest = match Entry::named(&name) {
            Some(Entry::Wal) => None,
            Some(Entry::Blob(digest)) => Some(digest),
            None => return Err(RestoreError::Damaged(format!("`{name}` is no file of a store"))),
        };
        let path = dir.join(&name);
        if digest.is_some() {
            fs::create_dir_all(path.parent().expect("a blob is in a shard"))?;
            blobs += 1;
        }
        let written = copy(&mut archive, &path)?;
        if digest.is_some_and(|digest| digest != written) {
            return Err(damaged(&name));
        }
    }
}

fn damaged(name: &str) -> RestoreError {
    RestoreError::Damaged(format!("the backup is damaged: `{name}` is not what it was"))
}

fn head(archive: &mut Reader<impl Read>) -> Result<(), RestoreError> {
    let none = || RestoreError::NotABackup("it is no backup".into());
    let (name, size) = archive.next().map_err(|error| match error {
        ReadError::Io(error) => error.into(),
        ReadError::NoHeader | ReadError::Truncated => none(),
    })?;
    if name != HEAD {
        return Err(none());
    }
    let text = read_small(archive, size)?;
    let head: Head = serde_json::from_slice(&text).map_err(|_| damaged(HEAD))?;
    if head.format != FORMAT {
        return Err(RestoreError::NotABackup(format!(
            "the backup has format {}, written by {}; this program reads format {FORMAT}",
            head.format, head.made_by
        )));
    }
    Ok(())
}

fn read_small(archive: &mut Reader<impl Read>, size: u64) -> Result<Vec<u8>, RestoreError> {
    if size > JSON_BYTES_MAX {
        return Err(ReadError::NoHeader.into());
    }
    let mut text = vec![0; size as usize];
    let mut filled = 0;
    loop {
        match archive.read(&mut text[filled..])? {
            0 => return Ok(text),
            read => filled += read,
        }
    }
}

/// Writes the present file of the archive; returns the digest of what it holds.
fn copy(archive: &mut Reader<impl Read>, path: &Path) -> Result<Digest, RestoreError> {
    let mut file = File::create_new(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        match archive.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => {
                hasher.update(&buffer[..read]);
                file.write_all(&buffer[..read])?;
            }
        }
    }
}

/// A file that a backup may hold between its head and its end.
enum Entry {
    Wal,
    Blob(Digest),
}

impl Entry {
    fn named(name: &str) -> Option<Self> {
        let is_hex =
            |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let (folder, rest) = name.split_once('/')?;
        match folder {
            "wal" => {
                let (kind, number) = rest.split_once('-')?;
                let known = matches!(kind, "segment" | "snapshot");
                (known && number.len() == 16 && is_hex(number)).then_some(Self::Wal)
            }
            "blobs" => {
                let (shard, rest) = rest.split_once('/')?;
                if shard.len() != 2 || !is_hex(shard) || !is_hex(rest) {
                    return None;
                }
                [shard, rest].concat().parse().ok().map(Self::Blob)
            }
            _ => None,
        }
    }
}
