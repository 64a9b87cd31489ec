//! The log as it is stored: one value for the events of one append.
//!
//! A value is a JSON array. A large body lies in a blob, which its entry names instead. The output of a
//! `completed` event is left out: it is in the task's record, once.

use std::sync::Arc;

use errand_core::{Digest, Draft, Event, EventBody, Principal, Progress, StoreError, UnixMillis};
use serde::{Deserialize, Serialize};

use super::seal::{self, BlobRef, Part};
use super::{from_json, keys, to_json};
use crate::blobs::BlobFiles;
use crate::kv::Slice;

/// A chunk is closed at this size. Below what a head may be without becoming a blob.
const CHUNK_BYTES: usize = 24 << 10;

/// What of an event is known before it has a number.
#[derive(Debug)]
pub(crate) struct PreparedDraft {
    pub(crate) draft: Draft,
    /// Its body as JSON.
    body: Part,
    /// The output or error that ends the task, as JSON.
    pub(crate) result: Option<Part>,
    /// The blobs that it needs.
    pub(crate) blobs: Vec<Digest>,
}

impl PreparedDraft {
    /// Encodes what can be encoded, and writes what must lie in blobs.
    pub(crate) fn new(draft: Draft, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        let result = match &draft.body {
            EventBody::Completed { output, .. } => Some(to_json(output)),
            EventBody::Failed { error, .. } | EventBody::Cancelled { error } => {
                Some(to_json(error))
            }
            _ => None,
        };
        let body = match &draft.body {
            EventBody::Completed { left, .. } => {
                to_json(&EventBody::Completed { output: Arc::default(), left: left.clone() })
            }
            body => to_json(body),
        };
        let body = if body.len() > CHUNK_BYTES {
            let digest = blobs.store(&body).map_err(crate::failure::blob)?;
            Part::Blob(BlobRef { digest, size: body.len() as u64 })
        } else {
            Part::Inline(body)
        };
        let result = result.map(|json| Part::payload(json, blobs)).transpose()?;
        let mut needs = Vec::new();
        needs.extend(body.blob().map(|blob| blob.digest));
        needs.extend(result.as_ref().and_then(|result| Some(result.blob()?.digest)));
        match &draft.body {
            EventBody::ArtifactPublished(artifact) => needs.push(artifact.blake3),
            EventBody::HttpCalled { response: Some(body), .. } => needs.push(*body),
            EventBody::Started { workspace, .. } => needs.extend(*workspace),
            EventBody::Completed { left, .. } | EventBody::Failed { left, .. } => {
                needs.extend(left.iter().flat_map(|left| left.blobs()));
            }
            _ => {}
        }
        Ok(Self { draft, body, result, blobs: needs })
    }
}

/// What of an entry is written before its body.
#[derive(Serialize)]
struct Head<'a> {
    seq: u64,
    at: UnixMillis,
    by: &'a Principal,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<&'a Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<BlobRef>,
}

/// An entry as it is read.
#[derive(Deserialize)]
struct Entry {
    seq: u64,
    at: UnixMillis,
    by: Principal,
    attempt: u32,
    #[serde(default)]
    progress: Option<Progress>,
    #[serde(default)]
    blob: Option<BlobRef>,
    #[serde(default)]
    body: Option<EventBody>,
}

/// Collects the events of one append.
#[derive(Default)]
pub(crate) struct ChunkWriter {
    closed: Vec<(u64, Vec<u8>)>,
    first_seq: u64,
    json: Vec<u8>,
}

impl ChunkWriter {
    /// Adds an event, whose body was prepared.
    pub(crate) fn push(&mut self, event: &Event, body: &Part) {
        if self.json.len() + body.len() > CHUNK_BYTES {
            self.close();
        }
        if self.json.is_empty() {
            self.first_seq = event.seq;
            self.json.push(b'[');
        } else {
            self.json.push(b',');
        }
        let head = Head {
            seq: event.seq,
            at: event.at,
            by: &event.by,
            attempt: event.attempt,
            progress: event.progress.as_ref(),
            blob: body.blob(),
        };
        serde_json::to_writer(&mut self.json, &head).expect("a vector takes all bytes");
        if let Part::Inline(body) = body {
            self.json.pop();
            self.json.extend_from_slice(b",\"body\":");
            self.json.extend_from_slice(body);
            self.json.push(b'}');
        }
    }

    fn close(&mut self) {
        if !self.json.is_empty() {
            self.json.push(b']');
            self.closed.push((self.first_seq, std::mem::take(&mut self.json)));
        }
    }

    /// Returns the chunks: the number of the first event, and the JSON.
    pub(crate) fn finish(mut self) -> Vec<(u64, Vec<u8>)> {
        self.close();
        self.closed
    }
}

impl PreparedDraft {
    /// Numbers the draft.
    pub(crate) fn number(self, seq: u64, attempt: u32) -> (Event, Part, Option<Part>, Vec<Digest>) {
        let Draft { at, by, progress, body } = self.draft;
        (Event { seq, at, by, attempt, progress, body }, self.body, self.result, self.blobs)
    }
}

/// Reads a chunk. Outputs of `completed` events are left out.
pub(crate) fn read_chunk(
    key: &[u8],
    value: &Slice,
    blobs: &dyn BlobFiles,
) -> Result<Vec<Event>, StoreError> {
    let json = seal::open(key, value)?.head.bytes(blobs)?;
    let entries: Vec<Entry> = from_json(key, &json)?;
    entries.into_iter().map(|entry| entry.into_event(key, blobs)).collect()
}

impl Entry {
    fn into_event(self, key: &[u8], blobs: &dyn BlobFiles) -> Result<Event, StoreError> {
        let body = match (self.body, self.blob) {
            (Some(body), _) => body,
            (None, Some(blob)) => {
                let json = blobs.load(&blob.digest).map_err(crate::failure::blob)?;
                from_json(key, &json)?
            }
            (None, None) => {
                let what = keys::describe(key);
                return Err(StoreError::Corrupt(format!("{what}: event {} is empty", self.seq)));
            }
        };
        let Self { seq, at, by, attempt, progress, .. } = self;
        Ok(Event { seq, at, by, attempt, progress, body })
    }
}
