//! A call of a task's journal as it is stored: the call as head, its answer as payload.

use errand_core::{Answer, Digest, JournalEntry, StoreError, TaskId};
use serde_json::Value;

use super::seal::{self, Part};
use super::{from_json, keys, to_json};
use crate::blobs::BlobFiles;
use crate::kv::{Read, Slice};

/// An entry to write, encoded by whoever appends it.
pub(crate) struct PreparedEntry {
    pub(crate) ordinal: u64,
    head: Vec<u8>,
    answer: Option<Part>,
}

impl PreparedEntry {
    /// Encodes an entry; a large answer is durable in a blob when this returns.
    pub(crate) fn new(mut entry: JournalEntry, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        let answer = match &mut entry.answer {
            Answer::Awaited { .. } => None,
            Answer::Given(value) | Answer::Failed(value) => Some(std::mem::take(value)),
        };
        let answer = answer.map(|value| Part::payload(to_json(&value), blobs)).transpose()?;
        Ok(Self { ordinal: entry.ordinal, head: to_json(&entry), answer })
    }

    /// Returns the blob that it needs.
    pub(crate) fn blob(&self) -> Option<Digest> {
        Some(self.answer.as_ref()?.blob()?.digest)
    }

    /// Seals it for its key.
    pub(crate) fn seal(self, key: &[u8]) -> Slice {
        seal::seal(key, &Part::Inline(self.head), self.answer.as_ref()).into()
    }
}

/// Reads a task's journal, by ordinal.
pub(crate) fn read(
    kv: &dyn Read,
    blobs: &dyn BlobFiles,
    id: TaskId,
) -> Result<Vec<JournalEntry>, StoreError> {
    let prefix = keys::journal(id);
    kv.range(&prefix, &keys::after(&prefix))
        .map(|pair| {
            let (key, value) = pair?;
            let opened = seal::open(&key, &value)?;
            let mut entry: JournalEntry = from_json(&key, &opened.head.bytes(blobs)?)?;
            if let (Answer::Given(answer) | Answer::Failed(answer), Some(payload)) =
                (&mut entry.answer, opened.payload)
            {
                *answer = from_json::<Value>(&key, &payload.bytes(blobs)?)?;
            }
            Ok(entry)
        })
        .collect()
}
