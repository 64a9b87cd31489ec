//! The keys. One tree; the first byte says what a key is of.
//!
//! | key | value |
//! | --- | --- |
//! | `i` task | the `submitted` event, its input as payload; never changes |
//! | `t` task | the rest of the task from event 2 on, its output or error as payload |
//! | `e` task, first number | the events of one append |
//! | `j` task, first ordinal | calls of the journal, of one append |
//! | `s` task | what the task saved for its next run, its state as payload |
//! | `x` series, status, task | the index; for a queued task its place in the queue |
//! | `d` series | what a series is: namespace, executor, digest |
//! | `n` series | how many of its tasks are at each status |
//! | `p` parent, task · `c` context, task · `l` label, task | indexes |
//! | `q` context, position | which events of which task were written there |
//! | `k` namespace, idempotency key | the task, and the request's fingerprint |
//! | `D` kind, key | a document |
//! | `r` owner, digest | a blob that the owner needs |
//! | `m` name | the store's own: format, epochs, number of the last frame |
//!
//! Ids are time-ordered, so a range read backwards is newest first. Names of any length are hashed to
//! 16 bytes where they only have to be found again; whoever reads such an index compares the record.

use errand_core::{ContextId, Digest, DocKind, Namespace, Status, TaskId};

use crate::kv::Slice;

/// The number of the last frame that is applied. Sled's alone, never in the write-ahead log.
pub(crate) const APPLIED_LSN: &[u8] = b"mlsn";
/// The version of this layout.
pub(crate) const FORMAT: &[u8] = b"mformat";
/// Up to where lease epochs may have been handed out.
pub(crate) const EPOCHS: &[u8] = b"mepochs";

pub(crate) const SUBMISSIONS: &[u8] = b"i";
pub(crate) const SERIES: &[u8] = b"d";
pub(crate) const COUNTS: &[u8] = b"n";
pub(crate) const BLOB_REFS: &[u8] = b"r";
/// What the blob references of all tasks start with.
pub(crate) const TASKS_BLOB_REFS: &[u8] = b"rt";

pub(crate) fn submission(id: TaskId) -> [u8; 17] {
    tagged(b'i', id)
}

pub(crate) fn live(id: TaskId) -> [u8; 17] {
    tagged(b't', id)
}

pub(crate) fn chunk(id: TaskId, first_seq: u64) -> [u8; 25] {
    let mut key = [0; 25];
    key[..17].copy_from_slice(&chunks(id));
    key[17..].copy_from_slice(&first_seq.to_be_bytes());
    key
}

/// What all chunks of a task's log start with.
pub(crate) fn chunks(id: TaskId) -> [u8; 17] {
    tagged(b'e', id)
}

/// Returns the first event's number from a chunk's key.
pub(crate) fn chunk_seq(key: &[u8]) -> u64 {
    key.get(17..25).map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap_or_default()))
}

/// What a task's journal starts with.
pub(crate) fn journal(id: TaskId) -> [u8; 17] {
    tagged(b'j', id)
}

/// The calls of a journal from this one on that were appended together.
pub(crate) fn journal_chunk(id: TaskId, ordinal: u64) -> [u8; 25] {
    let mut key = [0; 25];
    key[..17].copy_from_slice(&journal(id));
    key[17..].copy_from_slice(&ordinal.to_be_bytes());
    key
}

/// What a task saved.
pub(crate) fn checkpoint(id: TaskId) -> [u8; 17] {
    tagged(b's', id)
}

pub(crate) fn index(series: u32, status: Status, id: TaskId) -> [u8; 22] {
    let mut key = [0; 22];
    key[..6].copy_from_slice(&index_of(series, status));
    key[6..].copy_from_slice(&id.to_bytes());
    key
}

/// What all index entries of a series at a status start with.
pub(crate) fn index_of(series: u32, status: Status) -> [u8; 6] {
    let [a, b, c, d] = series.to_be_bytes();
    [b'x', a, b, c, d, status_byte(status)]
}

/// The stored number of a status. Never renumbered.
fn status_byte(status: Status) -> u8 {
    match status {
        Status::Queued => 0,
        Status::Running => 1,
        Status::Waiting => 2,
        Status::Completed => 3,
        Status::Failed => 4,
        Status::Cancelled => 5,
    }
}

pub(crate) fn series(number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [b'd', a, b, c, d]
}

pub(crate) fn counts(series: u32) -> [u8; 5] {
    let [a, b, c, d] = series.to_be_bytes();
    [b'n', a, b, c, d]
}

/// What all entries of a parent's children start with.
pub(crate) fn parent(parent: TaskId) -> [u8; 17] {
    tagged(b'p', parent)
}

/// What all entries of a context's tasks start with.
pub(crate) fn context(context: &ContextId) -> [u8; 17] {
    hashed(b'c', &[context.as_str()])
}

/// What the log of a context of a namespace starts with.
pub(crate) fn context_log(namespace: &Namespace, context: &ContextId) -> [u8; 17] {
    hashed(b'q', &[namespace.as_str(), context.as_str()])
}

/// An entry of a context's log.
pub(crate) fn context_entry(log: &[u8; 17], position: u64) -> [u8; 25] {
    let mut key = [0; 25];
    key[..17].copy_from_slice(log);
    key[17..].copy_from_slice(&position.to_be_bytes());
    key
}

/// What whoever waits for the next entry of a context's log waits by.
pub(crate) fn context_watch(log: &[u8; 17]) -> TaskId {
    let mut id = [0; 16];
    id.copy_from_slice(&log[1..]);
    TaskId::from_bytes(id)
}

/// What all entries of a label's tasks start with.
pub(crate) fn label(name: &str, value: &str) -> [u8; 17] {
    hashed(b'l', &[name, value])
}

/// An entry of the index that starts with `prefix`.
pub(crate) fn entry(prefix: &[u8; 17], id: TaskId) -> Slice {
    let mut key = [0; 33];
    key[..17].copy_from_slice(prefix);
    key[17..].copy_from_slice(&id.to_bytes());
    Slice::from(&key[..])
}

pub(crate) fn idempotency(namespace: &Namespace, key: &str) -> Slice {
    [b"k", namespace.as_str().as_bytes(), b"\0", key.as_bytes()].concat().into()
}

pub(crate) fn doc(kind: DocKind, key: &str) -> Vec<u8> {
    [b"D", kind.as_str().as_bytes(), b"\0", key.as_bytes()].concat()
}

/// What all blob references of a task start with.
pub(crate) fn task_blobs(id: TaskId) -> Vec<u8> {
    [b"rt", &id.to_bytes()[..]].concat()
}

/// What the references to blobs with answers of a task's journal start with.
pub(crate) fn journal_blobs(id: TaskId) -> Vec<u8> {
    [b"rj", &id.to_bytes()[..]].concat()
}

/// What the references to blobs of what a task saved start with.
pub(crate) fn checkpoint_blobs(id: TaskId) -> Vec<u8> {
    [b"rs", &id.to_bytes()[..]].concat()
}

/// What all blob references of a document start with.
pub(crate) fn doc_blobs(kind: DocKind, key: &str) -> Vec<u8> {
    [b"rd", kind.as_str().as_bytes(), b"\0", key.as_bytes(), b"\0"].concat()
}

pub(crate) fn blob_ref(owner: &[u8], digest: &Digest) -> Slice {
    [owner, digest.as_bytes()].concat().into()
}

/// Returns the blob that a reference is to.
pub(crate) fn referenced(key: &[u8]) -> Option<Digest> {
    let digest = key.get(key.len().checked_sub(32)?..)?;
    Some(Digest::from(<[u8; 32]>::try_from(digest).ok()?))
}

/// Returns the task that an index entry (or a task's own key) ends in.
pub(crate) fn task_at_end(key: &[u8]) -> Option<TaskId> {
    let id = key.get(key.len().checked_sub(16)?..)?;
    Some(TaskId::from_bytes(id.try_into().ok()?))
}

/// Returns the first key after all that start with `prefix`, which must not be all `0xff`.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// Says what a key is of, for an error's text.
pub(crate) fn describe(key: &[u8]) -> String {
    let what = match key.first() {
        Some(b'i') => "the submission of task",
        Some(b't') => "the record of task",
        Some(b'e') => "the log of task",
        Some(b'j') => "the journal of task",
        Some(b's') => "what was saved by task",
        Some(b'n') => "a series' counts",
        Some(b'd') => "a series",
        Some(b'k') => return "an idempotency key".into(),
        Some(b'D') => return format!("document {}", String::from_utf8_lossy(&key[1..])),
        _ => return format!("key {}", key.escape_ascii()),
    };
    match key.get(1..17).and_then(|id| id.try_into().ok()) {
        Some(id) => format!("{what} {}", TaskId::from_bytes(id)),
        None => what.into(),
    }
}

fn tagged(tag: u8, id: TaskId) -> [u8; 17] {
    let mut key = [0; 17];
    key[0] = tag;
    key[1..].copy_from_slice(&id.to_bytes());
    key
}

fn hashed(tag: u8, texts: &[&str]) -> [u8; 17] {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    let mut key = [0; 17];
    key[0] = tag;
    key[1..].copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_right_after_its_prefix() {
        assert_eq!(after(b"ab"), b"ac");
        assert_eq!(after(b"a\xff\xff"), b"b");
    }

    #[test]
    fn index_entries_sort_by_series_then_status_then_age() {
        let id = |ms| TaskId::from_parts(ms, 0);
        let keys = [
            index(1, Status::Queued, id(9)),
            index(1, Status::Completed, id(1)),
            index(1, Status::Completed, id(2)),
            index(2, Status::Queued, id(0)),
        ];
        assert!(keys.is_sorted());
        assert_eq!(task_at_end(&keys[2]), Some(id(2)));
    }
}
