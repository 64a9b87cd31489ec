//! What a task saved, as it is stored: how far it had come as the head, its state as the payload.

use errand_core::{Checkpoint, Digest, SnapshotRef, StoreError, TaskId};

use super::seal::{self, Part};
use super::{from_json, keys, to_json};
use crate::blobs::BlobFiles;
use crate::kv::Read;

/// A checkpoint to write, encoded by whoever appends it.
pub(crate) struct PreparedCheckpoint {
    head: Part,
    state: Part,
    workspace: Vec<Digest>,
}

impl PreparedCheckpoint {
    /// Encodes a checkpoint; what is large of it is durable in blobs when this returns.
    pub(crate) fn new(checkpoint: &Checkpoint, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        let head = Part::head(to_json(checkpoint), blobs)?;
        let state = Part::payload(checkpoint.state.to_vec(), blobs)?;
        let workspace = checkpoint.workspace.iter().flat_map(SnapshotRef::blobs).collect();
        Ok(Self { head, state, workspace })
    }

    /// Returns the blobs that must be there as long as it is.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Digest> {
        let parts = [&self.head, &self.state].into_iter();
        let parts = parts.filter_map(|part| Some(part.blob()?.digest));
        parts.chain(self.workspace.iter().copied())
    }

    pub(crate) fn seal(&self, id: TaskId) -> Vec<u8> {
        seal::seal(&keys::checkpoint(id), &self.head, Some(&self.state))
    }
}

/// Reads what a task saved.
pub(crate) fn read(
    kv: &dyn Read,
    blobs: &dyn BlobFiles,
    id: TaskId,
) -> Result<Option<Checkpoint>, StoreError> {
    let key = keys::checkpoint(id);
    let Some(sealed) = kv.get(&key)? else { return Ok(None) };
    let opened = seal::open(&key, &sealed)?;
    let mut checkpoint: Checkpoint = from_json(&key, &opened.head.bytes(blobs)?)?;
    let missing = || StoreError::Corrupt(format!("the saved state of task {id} is missing"));
    checkpoint.state = opened.payload.ok_or_else(missing)?.bytes(blobs)?.into_owned().into();
    Ok(Some(checkpoint))
}
