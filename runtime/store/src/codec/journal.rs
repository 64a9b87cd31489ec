//! A task's journal as it is stored: one value for the calls of one append, as a JSON array. A large
//! answer lies in a blob, which its entry names instead.
//!
//! An entry replaces those of its ordinal in earlier values: an answer comes after the wait for it.

use std::collections::BTreeMap;

use errand_core::{Answer, Digest, JournalEntry, StoreError, TaskId};
use serde::{Deserialize, Serialize};

use super::seal::{self, BlobRef, Part};
use super::{from_json, keys, to_json};
use crate::blobs::BlobFiles;
use crate::kv::Read;

/// A value is closed at this size. Below what a head may be without becoming a blob.
const CHUNK_BYTES: usize = 24 << 10;
/// A longer answer goes into a blob.
const ANSWER_BYTES: usize = 8 << 10;

#[derive(Serialize, Deserialize)]
struct Stored {
    call: JournalEntry,
    /// Where its answer lies, if that is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<BlobRef>,
}

/// An entry to write, encoded by whoever appends it.
pub(crate) struct PreparedEntry {
    pub(crate) ordinal: u64,
    json: Vec<u8>,
    pub(crate) blob: Option<Digest>,
}

impl PreparedEntry {
    /// Encodes an entry; a large answer is durable in a blob when this returns.
    pub(crate) fn new(mut call: JournalEntry, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        let ordinal = call.ordinal;
        let mut blob = None;
        if let Answer::Given(answer) | Answer::Failed(answer) = &mut call.answer {
            let json = to_json(answer);
            if json.len() > ANSWER_BYTES {
                let digest = blobs.store(&json).map_err(crate::failure::blob)?;
                blob = Some(BlobRef { digest, size: json.len() as u64 });
                *answer = serde_json::Value::Null;
            }
        }
        let json = to_json(&Stored { call, blob });
        Ok(Self { ordinal, json, blob: blob.map(|blob| blob.digest) })
    }
}

/// Puts entries into values: the first ordinal of each, and what its key is sealed with.
pub(crate) fn seal_chunks(id: TaskId, entries: &[PreparedEntry]) -> Vec<([u8; 25], Vec<u8>)> {
    let mut sealed = Vec::new();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let mut json = vec![b'['];
        let mut taken = 0;
        for entry in rest {
            if taken > 0 && json.len() + entry.json.len() > CHUNK_BYTES {
                break;
            }
            if taken > 0 {
                json.push(b',');
            }
            json.extend_from_slice(&entry.json);
            taken += 1;
        }
        json.push(b']');
        rest = &rest[taken..];
        let key = keys::journal_chunk(id, first.ordinal);
        sealed.push((key, seal::seal(&key, &Part::Inline(json), None)));
    }
    sealed
}

/// Reads a task's journal, by ordinal.
pub(crate) fn read(
    kv: &dyn Read,
    blobs: &dyn BlobFiles,
    id: TaskId,
) -> Result<Vec<JournalEntry>, StoreError> {
    let prefix = keys::journal(id);
    let mut entries = BTreeMap::new();
    for pair in kv.range(&prefix, &keys::after(&prefix)) {
        let (key, value) = pair?;
        let json = seal::open(&key, &value)?.head.bytes(blobs)?;
        for Stored { mut call, blob } in from_json::<Vec<Stored>>(&key, &json)? {
            if let (Answer::Given(answer) | Answer::Failed(answer), Some(blob)) =
                (&mut call.answer, blob)
            {
                let json = blobs.load(&blob.digest).map_err(crate::failure::blob)?;
                *answer = from_json(&key, &json)?;
            }
            entries.insert(call.ordinal, call);
        }
    }
    Ok(entries.into_values().collect())
}
