//! Events, and what they make of a task.

use errand_core::{
    Append, AttemptStart, Digest, EventBody, Guard, Lease, Status, StoreError, Task, TaskId,
};

use super::leases::Held;
use super::{Active, Standing, State};
use crate::blobs::BlobFiles;
use crate::codec::event::{ChunkWriter, PreparedDraft};
use crate::codec::seal::{Part, seal};
use crate::codec::{keys, task};

/// Events to append, encoded by whoever appends them.
pub(crate) struct PreparedAppend {
    task: TaskId,
    guard: Guard,
    drafts: Vec<PreparedDraft>,
    attempt_start: Option<AttemptStart>,
}

impl PreparedAppend {
    /// Encodes events; their large parts are durable in blobs when this returns.
    pub(crate) fn new(append: Append, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        let Append { task, guard, drafts, attempt_start } = append;
        let drafts: Result<_, _> =
            drafts.into_iter().map(|draft| PreparedDraft::new(draft, blobs)).collect();
        Ok(Self { task, guard, drafts: drafts?, attempt_start })
    }
}

/// What a list of events did to a task, before any of it is written.
struct Folded {
    chunks: ChunkWriter,
    result: Option<Part>,
    blobs: Vec<Digest>,
    started: Option<errand_core::WorkerId>,
}

impl State {
    /// Appends events to a task's log, all or none.
    pub(crate) fn append(&mut self, append: PreparedAppend) -> Result<Task, StoreError> {
        let id = append.task;
        let mut active = self.take(id)?.ok_or(StoreError::NotFound(id))?;
        let holds = match append.guard {
            Guard::Version(version) => active.stored.task.version == version,
            Guard::Lease(epoch) => self.leases.holds(id, epoch),
        };
        if !holds {
            self.cache.keep(active);
            return Err(StoreError::Conflict);
        }
        let before = Standing::of(&active.stored.task);
        let attempt = active.stored.task.attempt;
        // On an error the half-folded task is dropped; the next command reads it again.
        let folded = fold(&mut active.stored.task, append.drafts)?;
        if active.stored.task.attempt != attempt {
            active.stored.start = None;
        }
        if append.attempt_start.is_some() {
            active.stored.start = append.attempt_start;
        }
        let lease = self.next_lease(&active, folded.started.as_ref());
        self.write(active, &before, folded, lease)
    }

    /// Returns the lease under which the task is from now on.
    fn next_lease(
        &mut self,
        active: &Active,
        started: Option<&errand_core::WorkerId>,
    ) -> Option<Lease> {
        let task = &active.stored.task;
        let held = || self.leases.get(task.id).map(|held| held.lease.clone());
        match (task.status, started) {
            (Status::Running, Some(worker)) => Some(held().unwrap_or_else(|| Lease {
                // Started without a claim: whoever did it holds it until it should have renewed.
                worker: worker.clone(),
                epoch: self.epochs.next(&mut self.batch),
                until: task.started_at.unwrap_or_default(),
            })),
            // A warm resume goes on under the lease that slept in the record.
            (Status::Running, None) => held().or_else(|| active.stored.lease.clone()),
            (Status::Waiting, _) => held().or_else(|| active.stored.lease.clone()),
            _ => None,
        }
    }

    fn write(
        &mut self,
        mut active: Active,
        before: &Standing,
        folded: Folded,
        lease: Option<Lease>,
    ) -> Result<Task, StoreError> {
        let task = active.stored.task.clone();
        let id = task.id;
        let ran = folded.started.is_some();
        active.stored.lease = lease;
        let (lease, start) = (active.stored.lease.as_ref(), active.stored.start.as_ref());
        let (record, in_blob) =
            task::seal_live(&task, lease, start, folded.result.as_ref(), &*self.blobs)?;
        let mut needs = folded.blobs;
        needs.extend(in_blob);
        let mut chunks = Vec::new();
        for (first_seq, json) in folded.chunks.finish() {
            let key = keys::chunk(id, first_seq);
            let head = Part::head(json, &*self.blobs)?;
            needs.extend(head.blob().map(|blob| blob.digest));
            chunks.push((key, seal(&key, &head, None)));
        }
        // From here on nothing fails.
        for (key, sealed) in chunks {
            self.batch.put(&key, sealed);
        }
        for digest in needs {
            self.batch.put(keys::blob_ref(&keys::task_blobs(id), &digest), &[]);
        }
        self.batch.put(&keys::live(id), record);
        match (task.status, lease) {
            (Status::Running, Some(lease)) => {
                let orphaned = self.leases.get(id).is_some_and(|held| held.orphaned);
                self.leases.insert(id, Held { lease: lease.clone(), started: true, orphaned });
            }
            // Leased and not started, it stays so.
            (Status::Queued, _) if before.status == Status::Queued && !ran => {}
            _ => self.leases.remove(id),
        }
        self.reindex(active.series, Some(before), &task);
        self.changed.push(id);
        self.cache.keep(active);
        Ok(task)
    }
}

/// Folds drafts into a task, numbered and encoded.
fn fold(task: &mut Task, drafts: Vec<PreparedDraft>) -> Result<Folded, StoreError> {
    let mut folded =
        Folded { chunks: ChunkWriter::default(), result: None, blobs: Vec::new(), started: None };
    for draft in drafts {
        let (event, body, result, blobs) = draft.number(task.version + 1, task.attempt);
        task.apply(&event)?;
        folded.chunks.push(&event, &body);
        folded.blobs.extend(blobs);
        folded.result = result;
        if let EventBody::Started { worker, .. } = event.body {
            folded.started = Some(worker);
        }
    }
    Ok(folded)
}
