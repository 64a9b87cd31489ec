//! The small ordered key-value abstraction that all of the store's domain logic is written over.
//!
//! Owns the meaning of a batch and of a range. Knows nothing of tasks. What makes a batch durable, and
//! whole after a crash, is the write-ahead log's business, not a key-value store's; readers may for a
//! moment see a part of it.

mod memory;
mod sled;

use std::collections::BTreeMap;
use std::ops::Bound;

use errand_core::StoreError;

pub(crate) use self::sled::SledKv;
pub(crate) use memory::MemoryKv;

/// A key or a value: bytes that are cheap to clone, without an allocation up to 22 of them.
pub(crate) type Slice = ::sled::IVec;

/// Keys with their values, in order.
pub(crate) type Pairs<'a> = Box<dyn Iterator<Item = Result<(Slice, Slice), StoreError>> + 'a>;

/// Looks things up.
pub(crate) trait Read {
    /// Returns the value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError>;

    /// Goes from the key `from` (included) up to `to` (excluded).
    fn range(&self, from: &[u8], to: &[u8]) -> Pairs<'_>;
}

/// An ordered map from bytes to bytes, shared by one writer and many readers.
pub(crate) trait Kv: Read + Send + Sync {
    /// Goes from below the key `to` down to `from` (included).
    fn range_back(&self, from: &[u8], to: &[u8]) -> Pairs<'_>;

    /// Writes a batch, which the write-ahead log numbered `lsn`: first what is set, then what is
    /// removed, each in the order of the keys.
    fn apply(&self, batch: &Batch, lsn: u64) -> Result<(), StoreError>;
}

/// Writes that belong together, the last one of each key.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    writes: BTreeMap<Slice, Option<Slice>>,
    bytes: usize,
}

impl Batch {
    /// Sets a key.
    pub(crate) fn put(&mut self, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.write(key.into(), Some(value.into()));
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: impl Into<Slice>) {
        self.write(key.into(), None);
    }

    /// Writes or removes a key.
    pub(crate) fn write(&mut self, key: Slice, value: Option<Slice>) {
        self.bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
        self.writes.insert(key, value);
    }

    /// Returns about how many bytes were written into it.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tells whether it writes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Goes over the keys in order, each with its new value, or nothing where it is removed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Slice, Option<&Slice>)> {
        self.writes.iter().map(|(key, value)| (key, value.as_ref()))
    }
}

/// What is stored, with a batch over it that is not written yet.
pub(crate) struct Pending<'a> {
    pub(crate) stored: &'a dyn Kv,
    pub(crate) batch: &'a Batch,
}

impl Read for Pending<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        match self.batch.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.stored.get(key),
        }
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Pairs<'_> {
        // Ranges under a batch are short (one task's log), so they are put together at once.
        let stored: Result<BTreeMap<Slice, Slice>, StoreError> =
            self.stored.range(from, to).collect();
        let mut merged = match stored {
            Ok(stored) => stored,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let bounds = (Bound::Included(from), Bound::Excluded(to));
        for (key, value) in self.batch.writes.range::<[u8], _>(bounds) {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Box::new(merged.into_iter().map(Ok))
    }
}
