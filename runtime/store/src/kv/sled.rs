//! sled, as index and queue over the write-ahead log. Its own recovery is believed only where no power
//! was lost.

use std::path::Path;

use errand_core::StoreError;

use super::{Batch, Kv, Pairs, Read, Slice};
use crate::codec::keys;

/// The key that says up to which frame of the write-ahead log sled has everything.
const APPLIED_LSN: &[u8] = keys::APPLIED_LSN;

pub(crate) struct SledKv {
    db: sled::Db,
}

impl SledKv {
    /// Opens or creates the database in a directory.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            // The write-ahead log makes writes durable; checkpoints flush.
            .flush_every_ms(None)
            .open()
            .map_err(failure)?;
        Ok(Self { db })
    }

    /// Returns the number of the last frame that was applied, nothing for a new database.
    pub(crate) fn applied_lsn(&self) -> Result<Option<u64>, StoreError> {
        let Some(value) = self.db.get(APPLIED_LSN).map_err(failure)? else { return Ok(None) };
        let bytes = <[u8; 8]>::try_from(&value[..])
            .map_err(|_| StoreError::Corrupt("sled's number of the last frame".into()))?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }

    /// Hands everything to the operating system. Not an `fsync`: that is not needed where the
    /// write-ahead log is the truth.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(|_| ()).map_err(failure)
    }
}

impl Read for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.db.get(key).map_err(failure)
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Pairs<'_> {
        if from >= to {
            return Box::new(std::iter::empty());
        }
        Box::new(self.db.range(from..to).map(|pair| pair.map_err(failure)))
    }
}

impl Kv for SledKv {
    fn range_back(&self, from: &[u8], to: &[u8]) -> Pairs<'_> {
        if from >= to {
            return Box::new(std::iter::empty());
        }
        Box::new(self.db.range(from..to).rev().map(|pair| pair.map_err(failure)))
    }

    fn apply(&self, batch: &Batch, lsn: u64) -> Result<(), StoreError> {
        // Key by key, not as one of sled's batches: those keep what they replace in memory until they
        // are through and longer (a rebuild of a million tasks took 3 GB), and readers out meanwhile.
        // What a crash leaves of it is redone from the write-ahead log. First what is set, then what is
        // removed, so that a reader may find a task at two places of the index, but never at none.
        for (key, value) in batch.iter() {
            if let Some(value) = value {
                self.db.insert(key, value.clone()).map_err(failure)?;
            }
        }
        for (key, value) in batch.iter() {
            if value.is_none() {
                self.db.remove(key).map_err(failure)?;
            }
        }
        self.db.insert(APPLIED_LSN, &lsn.to_be_bytes()).map(|_| ()).map_err(failure)
    }
}

fn failure(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { .. } => StoreError::Corrupt(format!("sled: {error}")),
        sled::Error::Io(io) => crate::failure::io("write to sled", &io),
        other => StoreError::Io(format!("sled: {other}")),
    }
}
