//! Documents and idempotency keys as they are stored.

use errand_core::{Digest, Doc, DocKind, StoreError, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seal::{self, Part};
use super::{from_json, keys, to_json};
use crate::blobs::BlobFiles;
use crate::kv::Slice;

#[derive(Serialize, Deserialize)]
struct StoredDoc {
    version: u64,
    value: Value,
}

/// Seals a document; returns it with the blobs that it needs.
pub(crate) fn seal_doc(
    kind: DocKind,
    key: &str,
    doc: Doc,
    blobs: &dyn BlobFiles,
) -> Result<(Slice, Vec<Digest>), StoreError> {
    let mut needs = Vec::new();
    match kind {
        DocKind::Executor => needs.extend(executor_digests(&doc.value)),
        DocKind::Blob => needs.extend(uploaded_digest(key)),
        DocKind::Approval => needs.extend(shown_digests(&doc.value)),
        DocKind::Token
        | DocKind::Queue
        | DocKind::Grant
        | DocKind::OpenApproval
        | DocKind::Context => {}
    }
    let Doc { value, version } = doc;
    let head = Part::head(to_json(&StoredDoc { version, value }), blobs)?;
    needs.extend(head.blob().map(|blob| blob.digest));
    Ok((seal::seal(&keys::doc(kind, key), &head, None).into(), needs))
}

/// The uploads that an executor's record names.
fn executor_digests(value: &Value) -> impl Iterator<Item = Digest> {
    let versions = value.get("versions").and_then(Value::as_array).into_iter().flatten();
    versions.filter_map(|version| version.pointer("/profile/digest")?.as_str()?.parse().ok())
}

/// What is shown with an approval.
fn shown_digests(value: &Value) -> impl Iterator<Item = Digest> {
    let blobs = value.get("blobs").and_then(Value::as_array).into_iter().flatten();
    blobs.filter_map(|digest| digest.as_str()?.parse().ok())
}

/// The bytes that the record of an uploaded blob is about: its key is `namespace/digest`.
fn uploaded_digest(key: &str) -> Option<Digest> {
    key.rsplit_once('/')?.1.parse().ok()
}

/// Reads a document.
pub(crate) fn open_doc(key: &[u8], value: &[u8], blobs: &dyn BlobFiles) -> Result<Doc, StoreError> {
    let head = seal::open(key, value)?.head.bytes(blobs)?;
    let StoredDoc { version, value } = from_json(key, &head)?;
    Ok(Doc { value, version })
}

/// Seals what an idempotency key stands for.
pub(crate) fn seal_idempotency(key: &[u8], task: TaskId, fingerprint: &Digest) -> Slice {
    seal::seal_head(key, &[&task.to_bytes()[..], fingerprint.as_bytes()].concat()).into()
}

/// Reads what an idempotency key stands for.
pub(crate) fn open_idempotency(key: &[u8], value: &[u8]) -> Result<(TaskId, Digest), StoreError> {
    let corrupt = || StoreError::Corrupt(format!("{}: its size", keys::describe(key)));
    let seal::Found::Inline(bytes) = seal::open(key, value)?.head else { return Err(corrupt()) };
    let (id, fingerprint) = bytes.split_first_chunk::<16>().ok_or_else(corrupt)?;
    let fingerprint = <[u8; 32]>::try_from(fingerprint).map_err(|_| corrupt())?;
    Ok((TaskId::from_bytes(*id), Digest::from(fingerprint)))
}
