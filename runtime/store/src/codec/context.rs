//! Entries of a context's log: which events of which task were written there.

use errand_core::{ContextEntry, StoreError, TaskId};

use super::keys;
use super::seal;
use crate::kv::Slice;

/// Bytes of an entry's value: the task, and its first and last event.
const BYTES: usize = 32;

/// Seals an entry.
pub(crate) fn seal_entry(key: &[u8], entry: &ContextEntry) -> Slice {
    let ContextEntry { position: _, task, first, last } = entry;
    let bytes = [&task.to_bytes()[..], &first.to_be_bytes(), &last.to_be_bytes()].concat();
    seal::seal_head(key, &bytes).into()
}

/// Reads an entry.
pub(crate) fn open_entry(key: &[u8], value: &[u8]) -> Result<ContextEntry, StoreError> {
    let corrupt = || StoreError::Corrupt(format!("{}: its size", keys::describe(key)));
    let seal::Found::Inline(bytes) = seal::open(key, value)?.head else { return Err(corrupt()) };
    let bytes = <[u8; BYTES]>::try_from(bytes).map_err(|_| corrupt())?;
    let number = |at: usize| {
        let eight = bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok());
        eight.map(u64::from_be_bytes).ok_or_else(corrupt)
    };
    let task = bytes.first_chunk::<16>().ok_or_else(corrupt)?;
    let position = key.get(17..25).and_then(|eight| eight.try_into().ok());
    Ok(ContextEntry {
        position: position.map(u64::from_be_bytes).ok_or_else(corrupt)?,
        task: TaskId::from_bytes(*task),
        first: number(16)?,
        last: number(24)?,
    })
}
