//! A task as it is stored: what was submitted, which never changes, and the rest.
//!
//! A task that has only its first event has no `t` key: what was submitted says it all. So submitting
//! writes two keys, the submission and its index entry.

use std::sync::Arc;

use errand_core::{
    Around, AttemptStart, Awaits, Digest, Epoch, Event, EventBody, Lease, Left, LogOffsets,
    Progress, Seed, Status, StoreError, Submission, Task, TaskId, UnixMillis, WaitingFor, WorkerId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seal::{self, Part};
use super::{from_json, keys, to_json};
use crate::blobs::BlobFiles;
use crate::kv::{Read, Slice};

/// The head of an `i` value. Its input is the payload.
#[derive(Serialize, Deserialize)]
struct StoredSubmission {
    /// The `submitted` event, its input left out.
    event: Event,
    /// The key against submitting twice, which is removed with the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency: Option<String>,
}

/// Seals what was submitted; returns it with the parts that went to blobs.
pub(crate) fn seal_submission(
    id: TaskId,
    mut event: Event,
    idempotency: Option<String>,
    blobs: &dyn BlobFiles,
) -> Result<(Slice, Vec<Digest>), StoreError> {
    let input = take_input(&mut event);
    let head = Part::head(to_json(&StoredSubmission { event, idempotency }), blobs)?;
    let payload = Part::payload(to_json(&input), blobs)?;
    let in_blobs = [&head, &payload].into_iter().filter_map(|part| Some(part.blob()?.digest));
    let in_blobs = in_blobs.collect();
    Ok((seal::seal(&keys::submission(id), &head, Some(&payload)).into(), in_blobs))
}

fn take_input(event: &mut Event) -> Arc<Value> {
    match submission_mut(event) {
        Some(submission) => std::mem::take(&mut submission.input),
        None => Arc::default(),
    }
}

fn submission_mut(event: &mut Event) -> Option<&mut Submission> {
    match &mut event.body {
        EventBody::Submitted(submission) => Some(submission),
        _ => None,
    }
}

/// What was submitted, read back.
pub(crate) struct Submitted {
    /// The event, its input left out.
    pub(crate) event: Event,
    pub(crate) idempotency: Option<String>,
    sealed: Slice,
    id: TaskId,
}

impl Submitted {
    /// Reads the input.
    pub(crate) fn input(&self, blobs: &dyn BlobFiles) -> Result<Arc<Value>, StoreError> {
        let key = keys::submission(self.id);
        match seal::open(&key, &self.sealed)?.payload {
            Some(payload) => Ok(Arc::new(from_json(&key, &payload.bytes(blobs)?)?)),
            None => Err(StoreError::Corrupt(format!("the input of task {} is missing", self.id))),
        }
    }

    /// Returns the whole event.
    pub(crate) fn into_event(mut self, blobs: &dyn BlobFiles) -> Result<Event, StoreError> {
        let input = self.input(blobs)?;
        if let Some(submission) = submission_mut(&mut self.event) {
            submission.input = input;
        }
        Ok(self.event)
    }
}

/// Reads what was submitted.
pub(crate) fn read_submission(
    kv: &dyn Read,
    blobs: &dyn BlobFiles,
    id: TaskId,
) -> Result<Option<Submitted>, StoreError> {
    let key = keys::submission(id);
    let Some(sealed) = kv.get(&key)? else { return Ok(None) };
    let head = seal::open(&key, &sealed)?.head.bytes(blobs)?;
    let StoredSubmission { event, idempotency } = from_json(&key, &head)?;
    Ok(Some(Submitted { event, idempotency, sealed, id }))
}

/// The head of a `t` value: what of a task can change. Its output or error is the payload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Live {
    pub(crate) version: u64,
    pub(crate) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    captured: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<Box<Left>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting_for: Option<WaitingFor>,
    attempt: u32,
    first_attempt: u32,
    runs: u32,
    #[serde(default)]
    recoveries: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    resuming: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "is_false")]
    cancel_requested: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wait_until: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    awaits: Option<Box<Awaits>>,
    #[serde(default, skip_serializing_if = "Around::is_nothing")]
    around: Around,
    #[serde(default, skip_serializing_if = "is_zero")]
    published: u32,
    #[serde(default, skip_serializing_if = "LogOffsets::is_zero")]
    logged: LogOffsets,
    #[serde(default, skip_serializing_if = "LogOffsets::is_zero")]
    attempt_logged: LogOffsets,
    progress: Progress,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_at: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<StoredLease>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt_start: Option<StoredStart>,
    /// Whether there is a journal.
    #[serde(default, skip_serializing_if = "is_false")]
    journaled: bool,
    /// Whether there is a checkpoint.
    #[serde(default, skip_serializing_if = "is_false")]
    saved: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredLease {
    worker: WorkerId,
    epoch: Epoch,
    until: UnixMillis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredStart {
    /// 32 bytes in hexadecimal, as a digest is written.
    seed: Digest,
    base_time: UnixMillis,
    #[serde(default)]
    engine: String,
    #[serde(default, skip_serializing_if = "LogOffsets::is_zero")]
    said: LogOffsets,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    environment: Vec<(String, String)>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Live {
    fn of(task: &Task, private: &Private) -> Self {
        let Private { lease, start, journaled, saved } = private;
        // Written out, so that a field added to a task is not forgotten here.
        let Task {
            id: _,
            namespace: _,
            executor: _,
            function: _,
            workspace: _,
            labels: _,
            priority: _,
            parent_id: _,
            lineage: _,
            context_id: _,
            limits: _,
            retry: _,
            artifacts: _,
            mounts: _,
            created_at: _,
            output: _,
            error: _,
            captured,
            left,
            status,
            waiting_for,
            attempt,
            first_attempt,
            runs,
            recoveries,
            resuming,
            not_before,
            wait_until,
            awaits,
            around,
            published,
            logged,
            attempt_logged,
            cancel_requested,
            progress,
            started_at,
            finished_at,
            version,
        } = task;
        Self {
            version: *version,
            status: *status,
            captured: *captured,
            left: left.clone(),
            waiting_for: *waiting_for,
            attempt: *attempt,
            first_attempt: *first_attempt,
            runs: *runs,
            recoveries: *recoveries,
            resuming: *resuming,
            not_before: *not_before,
            cancel_requested: *cancel_requested,
            wait_until: *wait_until,
            awaits: awaits.clone(),
            around: around.clone(),
            published: *published,
            logged: *logged,
            attempt_logged: *attempt_logged,
            progress: progress.clone(),
            started_at: *started_at,
            finished_at: *finished_at,
            lease: lease.as_ref().map(|lease| StoredLease {
                worker: lease.worker.clone(),
                epoch: lease.epoch,
                until: lease.until,
            }),
            attempt_start: start.as_ref().map(|start| StoredStart {
                seed: Digest::from(start.seed.0),
                base_time: start.base_time,
                engine: start.engine.clone(),
                said: start.said,
                environment: start.environment.clone(),
            }),
            journaled: *journaled,
            saved: *saved,
        }
    }

    fn restore(self, task: &mut Task) -> Private {
        task.version = self.version;
        task.status = self.status;
        task.captured = self.captured;
        task.left = self.left;
        task.waiting_for = self.waiting_for;
        task.attempt = self.attempt;
        task.first_attempt = self.first_attempt;
        task.runs = self.runs;
        task.recoveries = self.recoveries;
        task.resuming = self.resuming;
        task.not_before = self.not_before;
        task.cancel_requested = self.cancel_requested;
        task.wait_until = self.wait_until;
        task.awaits = self.awaits;
        task.around = self.around;
        task.published = self.published;
        task.logged = self.logged;
        task.attempt_logged = self.attempt_logged;
        task.progress = self.progress;
        task.started_at = self.started_at;
        task.finished_at = self.finished_at;
        let lease =
            self.lease.map(|StoredLease { worker, epoch, until }| Lease { worker, epoch, until });
        let start = self.attempt_start.map(|stored| AttemptStart {
            seed: Seed(*stored.seed.as_bytes()),
            base_time: stored.base_time,
            engine: stored.engine,
            said: stored.said,
            environment: stored.environment,
        });
        Private { lease, start, journaled: self.journaled, saved: self.saved }
    }
}

/// Seals what changes of a task; returns it with the blob that its head needs, if one.
/// `result` is the JSON of its output or error, where it has ended.
pub(crate) fn seal_live(
    task: &Task,
    private: &Private,
    result: Option<&Part>,
    blobs: &dyn BlobFiles,
) -> Result<(Slice, Option<Digest>), StoreError> {
    let head = Part::head(to_json(&Live::of(task, private)), blobs)?;
    let sealed = seal::seal(&keys::live(task.id), &head, result).into();
    Ok((sealed, head.blob().map(|blob| blob.digest)))
}

/// What of a task is kept and never shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Private {
    /// The lease that it runs under, or ran under before it began to wait.
    pub(crate) lease: Option<Lease>,
    pub(crate) start: Option<AttemptStart>,
    /// Whether it has a journal.
    pub(crate) journaled: bool,
    /// Whether it has a checkpoint.
    pub(crate) saved: bool,
}

/// A task with what is private to it.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) task: Task,
    pub(crate) private: Private,
    /// About how many bytes it takes.
    pub(crate) bytes: usize,
}

/// Reads a task.
pub(crate) fn read(
    kv: &dyn Read,
    blobs: &dyn BlobFiles,
    id: TaskId,
) -> Result<Option<Stored>, StoreError> {
    // First what changes, then what does not: so a task deleted in between is gone, not young again.
    let live_key = keys::live(id);
    let live = kv.get(&live_key)?;
    let Some(submitted) = read_submission(kv, blobs, id)? else { return Ok(None) };
    let mut task = Task::begin(id, &submitted.event)
        .map_err(|error| StoreError::Corrupt(format!("task {id}: {error}")))?;
    let mut bytes = submitted.sealed.len();
    let Some(live) = live else {
        return Ok(Some(Stored { task, private: Private::default(), bytes }));
    };
    let opened = seal::open(&live_key, &live)?;
    let head: Live = from_json(&live_key, &opened.head.bytes(blobs)?)?;
    let private = head.restore(&mut task);
    if let Some(result) = opened.payload {
        bytes += result.size();
        let json = result.bytes(blobs)?;
        match task.status {
            Status::Completed => task.output = Some(from_json(&live_key, &json)?),
            _ => task.error = Some(from_json(&live_key, &json)?),
        }
    }
    Ok(Some(Stored { task, private, bytes: bytes + live.len() }))
}

/// Reads the number of a task's last event.
pub(crate) fn read_version(
    kv: &dyn Read,
    blobs: &dyn BlobFiles,
    id: TaskId,
) -> Result<Option<u64>, StoreError> {
    let key = keys::live(id);
    if let Some(live) = kv.get(&key)? {
        let head: Live = from_json(&key, &seal::open(&key, &live)?.head.bytes(blobs)?)?;
        return Ok(Some(head.version));
    }
    Ok(kv.get(&keys::submission(id))?.map(|_| 1))
}

/// Reads the output of a completed task.
pub(crate) fn read_output(
    kv: &dyn Read,
    blobs: &dyn BlobFiles,
    id: TaskId,
) -> Result<Option<Arc<Value>>, StoreError> {
    let key = keys::live(id);
    let Some(live) = kv.get(&key)? else { return Ok(None) };
    match seal::open(&key, &live)?.payload {
        Some(result) => Ok(Some(from_json(&key, &result.bytes(blobs)?)?)),
        None => Ok(None),
    }
}

/// Tells whether reading a task reads a blob.
pub(crate) fn has_blob(kv: &dyn Read, id: TaskId) -> Result<bool, StoreError> {
    let key = keys::live(id);
    Ok(match kv.get(&key)? {
        Some(live) => matches!(seal::open(&key, &live)?.payload, Some(seal::Found::Blob(_))),
        None => false,
    })
}
