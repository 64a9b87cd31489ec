//! Opening, and what may have to be repaired then.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use errand_core::StoreError;

use super::files::{self, Checkpoint};
use super::keeper::{Keeper, Work};
use super::log::DurableLog;
use super::{OpenError, SledOptions, Syncing, Trust};
use crate::blobs::DirBlobs;
use crate::embedded::{Embedded, assemble};
use crate::failure;
use crate::kv::{Batch, Kv, SledKv};
use crate::state::State;
use crate::state::load::Miscount;
use crate::wal::{self, Replayed, Wal, WalFiles};

pub(super) const WAL: &str = "wal";
pub(super) const INDEX: &str = "index";
/// Where sled's files are put that are not believed, until the new ones are whole.
const DISCARDED: &str = "index.discarded";
/// How many bytes are redone in one batch.
const REDO_BYTES: usize = 256 << 10;
/// How many bytes are written to sled between two flushes.
const UNFLUSHED_BYTES: usize = 8 << 20;

pub(super) struct Opened {
    pub(super) embedded: Embedded,
    pub(super) blobs: DirBlobs,
    pub(super) files: Arc<WalFiles>,
    pub(super) lock: Arc<File>,
}

/// An index that has everything that the write-ahead log has.
struct Index {
    sled: Arc<SledKv>,
    state: State,
    replayed: Replayed,
    /// Bytes of the write-ahead log since the last snapshot, and of that.
    wal_bytes: u64,
    snapshot_bytes: u64,
}

pub(super) fn open(dir: &Path, options: &SledOptions) -> Result<Opened, OpenError> {
    let io = |error| OpenError::from(failure::at("make", dir)(error));
    files::make_dir(dir).map_err(io)?;
    let lock = Arc::new(files::lock(dir)?);
    let wal_dir = dir.join(WAL);
    files::make_dir(&wal_dir).map_err(io)?;
    let blobs = DirBlobs::open(&dir.join("blobs"), options.reserve_bytes)
        .map_err(failure::blob)?
        .measured_by(options.free_space.clone());

    let index = match believed(dir, options)? {
        Some(checkpoint) => {
            let opened =
                catch_unwind(AssertUnwindSafe(|| resume(dir, options, &blobs, checkpoint.lsn)));
            match opened {
                Ok(Ok(index)) => Ok(index),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("sled panicked".to_owned()),
            }
        }
        None => Err("power may have been lost, or the store is new".to_owned()),
    };
    let index = match index {
        Ok(index) => index,
        Err(why) if options.trust == Trust::Always => return Err(OpenError::Corrupt(why)),
        Err(why) => rebuild(dir, options, &blobs, &why)?,
    };

    index.replayed.cut_torn_end(&wal_dir)?;
    let last_lsn = index.replayed.last_lsn;
    Checkpoint { lsn: last_lsn, boot: files::boot_id(), clean: false }.write(dir)?;
    let sync = options.syncing == Syncing::Full;
    let wal = Wal::begin(&wal_dir, last_lsn, options.segment_bytes, sync)?;
    let files = Arc::new(WalFiles::new(wal_dir, last_lsn));
    let work = Work {
        dir: dir.to_owned(),
        sled: index.sled.clone(),
        files: files.clone(),
        wal_bytes: index.wal_bytes,
        last_snapshot_bytes: index.snapshot_bytes,
        checkpoint_bytes: options.checkpoint_bytes,
        snapshot_bytes: options.snapshot_bytes,
    };
    let log = DurableLog {
        dir: dir.to_owned(),
        wal,
        files: files.clone(),
        keeper: Keeper::start(work, last_lsn)?,
        sled: index.sled.clone(),
        reserve_bytes: options.reserve_bytes,
        measured: options.free_space.clone(),
        free_space: None,
        last_lsn,
        _lock: lock.clone(),
    };
    let embedded = assemble(index.state, index.sled, Arc::new(blobs.clone()), Box::new(log))?;
    Ok(Opened { embedded, blobs, files, lock })
}

/// Returns what is known of sled's files, if they can be believed; they are marked as in use then.
fn believed(dir: &Path, options: &SledOptions) -> Result<Option<Checkpoint>, StoreError> {
    let Some(checkpoint) = Checkpoint::read(dir) else { return Ok(None) };
    let boot = files::boot_id();
    let trusted = match options.trust {
        Trust::WhileUp => checkpoint.clean || (boot.is_some() && checkpoint.boot == boot),
        Trust::IfClosed => checkpoint.clean,
        Trust::Never => false,
        Trust::Always => true,
    };
    if !trusted || !dir.join(INDEX).is_dir() {
        return Ok(None);
    }
    Checkpoint { boot, clean: false, ..checkpoint.clone() }.write(dir)?;
    Ok(Some(checkpoint))
}

/// Opens sled and brings it up to the write-ahead log.
fn resume(
    dir: &Path,
    options: &SledOptions,
    blobs: &DirBlobs,
    complete_to: u64,
) -> Result<Index, StoreError> {
    let sled = Arc::new(SledKv::open(&dir.join(INDEX), options.cache_bytes)?);
    let applied = sled.applied_lsn()?.unwrap_or(0);
    if applied < complete_to {
        return Err(StoreError::Corrupt(format!(
            "sled has frame {applied}, but had frame {complete_to}"
        )));
    }
    let wal_dir = dir.join(WAL);
    let replayed = redo(&wal_dir, &sled, complete_to)?;
    if applied > replayed.last_lsn {
        return Err(StoreError::Corrupt(format!(
            "sled has frame {applied}, but the write-ahead log ends at frame {}",
            replayed.last_lsn
        )));
    }
    finish(dir, options, blobs, sled, replayed, Miscount::Refuse)
}

/// Makes a new index from the newest snapshot and the write-ahead log.
fn rebuild(
    dir: &Path,
    options: &SledOptions,
    blobs: &DirBlobs,
    why: &str,
) -> Result<Index, StoreError> {
    let (index, discarded) = (dir.join(INDEX), dir.join(DISCARDED));
    let failed = failure::at("put aside", &index);
    Checkpoint::remove(dir)?;
    if index.is_dir() {
        tracing::warn!(why, "the index is made anew from the write-ahead log");
        if discarded.is_dir() {
            fs::remove_dir_all(&discarded).map_err(&failed)?;
        }
        fs::rename(&index, &discarded).map_err(&failed)?;
    }
    files::make_dir(&index).map_err(&failed)?;
    let sled = Arc::new(SledKv::open(&index, options.cache_bytes)?);
    let wal_dir = dir.join(WAL);
    let mut unflushed = 0;
    let snapshot =
        wal::load_newest_snapshot(&wal_dir, |batch| apply_much(&sled, batch, 0, &mut unflushed))?;
    let from = snapshot.map_or(0, |(lsn, _)| lsn);
    let replayed = redo(&wal_dir, &sled, from)?;
    // So that a crash of the process finds it as far as the checkpoint will say.
    sled.apply(&Batch::default(), replayed.last_lsn)?;
    sled.flush()?;
    let index = finish(dir, options, blobs, sled, replayed, Miscount::Correct)?;
    if discarded.is_dir() {
        fs::remove_dir_all(&discarded).map_err(failure::at("remove", &discarded))?;
    }
    Ok(index)
}

fn finish(
    dir: &Path,
    options: &SledOptions,
    blobs: &DirBlobs,
    sled: Arc<SledKv>,
    replayed: Replayed,
    miscount: Miscount,
) -> Result<Index, StoreError> {
    let files = Arc::new(blobs.clone());
    let state = State::load(sled.clone(), files, options.queued_max, miscount)?;
    sled.flush()?;
    let (mut wal_bytes, mut snapshot_bytes) = (0, 0);
    let wal_dir = dir.join(WAL);
    for entry in fs::read_dir(&wal_dir).map_err(failure::at("read", &wal_dir))?.flatten() {
        let size = entry.metadata().map_or(0, |metadata| metadata.len());
        match entry.file_name().to_string_lossy().starts_with("snapshot-") {
            true => snapshot_bytes = snapshot_bytes.max(size),
            false => wal_bytes += size,
        }
    }
    Ok(Index { sled, state, replayed, wal_bytes, snapshot_bytes })
}

/// Applies all frames after a number.
fn redo(wal_dir: &Path, sled: &SledKv, after: u64) -> Result<Replayed, StoreError> {
    let (mut gathered, mut last, mut unflushed) = (Batch::default(), after, 0);
    let replayed = wal::replay(wal_dir, after, |lsn, batch| {
        for (key, value) in batch.iter() {
            gathered.write(key.clone(), value.cloned());
        }
        last = lsn;
        if gathered.bytes() >= REDO_BYTES {
            apply_much(sled, &std::mem::take(&mut gathered), lsn, &mut unflushed)?;
        }
        Ok(())
    })?;
    if !gathered.is_empty() {
        sled.apply(&gathered, last)?;
    }
    Ok(replayed)
}

/// Applies one of many batches. Sled keeps in memory what it was not made to write out: without the
/// flushes, a million tasks took 3 GB.
fn apply_much(
    sled: &SledKv,
    batch: &Batch,
    lsn: u64,
    unflushed: &mut usize,
) -> Result<(), StoreError> {
    sled.apply(batch, lsn)?;
    *unflushed += batch.bytes();
    if *unflushed >= UNFLUSHED_BYTES {
        *unflushed = 0;
        sled.flush()?;
    }
    Ok(())
}
