//! Events and journal entries, and what they make of a task.

use errand_core::{
    Append, AttemptStart, Digest, DocChange, Draft, Epoch, EventBody, Guard, Kept, Lease, Status,
    StoreError, Task, TaskId,
};

use super::doc::PreparedDoc;
use super::leases::Held;
use super::submit::PreparedTask;
use super::{Active, Standing, State};
use crate::blobs::BlobFiles;
use crate::codec::checkpoint::PreparedCheckpoint;
use crate::codec::event::{ChunkWriter, PreparedDraft};
use crate::codec::journal::{self, PreparedEntry};
use crate::codec::seal::{Part, seal};
use crate::codec::task::Stored;
use crate::codec::{keys, task};
use crate::kv::Slice;

/// Events to append, encoded by whoever appends them.
pub(crate) struct PreparedAppend {
    task: TaskId,
    guard: Guard,
    drafts: Vec<PreparedDraft>,
    attempt_start: Option<AttemptStart>,
    checkpoint: Option<PreparedCheckpoint>,
    entries: Vec<PreparedEntry>,
    tasks: Vec<PreparedTask>,
    docs: Vec<DocChange>,
    kept: Option<Kept>,
}

impl PreparedAppend {
    /// Encodes events; their large parts are durable in blobs when this returns.
    pub(crate) fn new(append: Append, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        let Append { task, guard, drafts, attempt_start, checkpoint, entries, tasks, docs, kept } =
            append;
        let drafts: Result<_, _> =
            drafts.into_iter().map(|draft| PreparedDraft::new(draft, blobs)).collect();
        let entries: Result<_, _> =
            entries.into_iter().map(|entry| PreparedEntry::new(entry, blobs)).collect();
        let (drafts, entries) = (drafts?, entries?);
        let tasks: Result<_, _> =
            tasks.into_iter().map(|task| PreparedTask::new(task, blobs)).collect();
        let tasks = tasks?;
        let checkpoint = checkpoint.map(|saved| PreparedCheckpoint::new(&saved, blobs));
        let checkpoint = checkpoint.transpose()?;
        Ok(Self { task, guard, drafts, attempt_start, checkpoint, entries, tasks, docs, kept })
    }
}

/// What a list of events did to a task, before any of it is written.
struct Folded {
    chunks: ChunkWriter,
    result: Option<Part>,
    blobs: Vec<Digest>,
    started: Option<errand_core::WorkerId>,
}

/// What is to become of a task's journal and checkpoint, before any of it is written.
#[derive(Default)]
struct JournalChange {
    entries: Vec<PreparedEntry>,
    checkpoint: Option<PreparedCheckpoint>,
    dropped: Vec<Slice>,
}

/// A task as it is to be written.
struct Written {
    active: Active,
    before: Standing,
    /// Whether a run of it began.
    ran: bool,
    record: Slice,
    needs: Vec<Digest>,
    chunks: Vec<(Slice, Slice)>,
    change: JournalChange,
}

/// What is written together with a task.
struct Beside {
    tasks: Vec<PreparedTask>,
    docs: Vec<PreparedDoc>,
    /// Its parent, which is told of its end.
    parent: Option<Box<Written>>,
}

impl State {
    /// Appends events to a task's log, and calls to its journal, with what belongs to them, all or none.
    pub(crate) fn append(&mut self, append: PreparedAppend) -> Result<Task, StoreError> {
        let id = append.task;
        let mut active = self.take(id)?.ok_or(StoreError::NotFound(id))?;
        let holds = match append.guard {
            Guard::Present => true,
            Guard::Version(version) => active.stored.task.version == version,
            Guard::Lease(epoch) => self.holds(&active, epoch),
        };
        if !holds {
            self.cache.keep(active);
            return Err(StoreError::Conflict);
        }
        let alone = append.tasks.is_empty() && append.docs.is_empty();
        if append.drafts.is_empty() && alone && active.stored.private.journaled {
            self.put_entries(id, &append.entries);
            let task = active.stored.task.clone();
            self.cache.keep(active);
            return Ok(task);
        }
        let before = Standing::of(&active.stored.task);
        let attempt = active.stored.task.attempt;
        // On an error the half-folded task is dropped; the next command reads it again.
        let folded = fold(&mut active.stored.task, append.drafts)?;
        let mut change = JournalChange { entries: append.entries, ..JournalChange::default() };
        // Before another attempt may begin: this one's is not what that starts from.
        if append.attempt_start.is_some() {
            active.stored.private.start = append.attempt_start;
        }
        if active.stored.task.attempt != attempt {
            change = self.begin_attempt(&mut active, append.kept, change.entries)?;
        } else if active.stored.task.status == Status::Completed {
            change = JournalChange { dropped: self.all_keys(&active)?, ..JournalChange::default() };
            active.stored.private.journaled = false;
            active.stored.private.saved = false;
        } else if append.checkpoint.is_some() {
            change.dropped = self.all_keys(&active)?;
            change.checkpoint = append.checkpoint;
            active.stored.private.journaled = false;
            active.stored.private.saved = true;
        }
        active.stored.private.journaled |= !change.entries.is_empty();
        active.stored.private.lease = self.next_lease(&active, folded.started.as_ref());
        let beside =
            self.prepare_beside(&active.stored.task, &before, append.tasks, append.docs)?;
        let written = self.prepare(active, before, folded, change)?;
        // From here on nothing fails.
        let task = self.write(written);
        self.write_beside(beside);
        Ok(task)
    }

    /// Checks and encodes what is written together with a task.
    fn prepare_beside(
        &mut self,
        task: &Task,
        before: &Standing,
        tasks: Vec<PreparedTask>,
        docs: Vec<DocChange>,
    ) -> Result<Beside, StoreError> {
        for new in &tasks {
            if self.knows(new)? {
                return Err(StoreError::Conflict);
            }
        }
        let docs: Result<_, _> = docs.into_iter().map(|doc| self.prepare_doc(doc)).collect();
        let parent = match before.status.is_terminal() {
            true => None,
            false => self.prepare_parent(task)?,
        };
        Ok(Beside { tasks, docs: docs?, parent })
    }

    /// Folds the end of a task into its parent, where that has one and is still at work.
    fn prepare_parent(&mut self, task: &Task) -> Result<Option<Box<Written>>, StoreError> {
        let Some((parent, body)) = task.end_for_parent() else { return Ok(None) };
        let Some(mut active) = self.look(parent)? else { return Ok(None) };
        if active.stored.task.status.is_terminal() {
            return Ok(None);
        }
        let before = Standing::of(&active.stored.task);
        let at = task.finished_at.unwrap_or_default();
        let draft =
            Draft { at, by: errand_core::Principal::of_task(task.id), progress: None, body };
        let draft = PreparedDraft::new(draft, &*self.blobs)?;
        let folded = match fold(&mut active.stored.task, vec![draft]) {
            Ok(folded) => folded,
            // It does not know of this child, which is no reason for the child not to end.
            Err(StoreError::Illegal(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        active.stored.private.lease = self.kept_lease(&active);
        Ok(Some(Box::new(self.prepare(active, before, folded, JournalChange::default())?)))
    }

    fn write_beside(&mut self, beside: Beside) {
        for new in beside.tasks {
            self.create(new);
        }
        for doc in beside.docs {
            self.write_doc(doc);
        }
        if let Some(parent) = beside.parent {
            self.cache.take(parent.active.stored.task.id);
            self.write(*parent);
        }
    }

    /// Tells whether a task is leased under this epoch, or waits and was when it began to.
    fn holds(&self, active: &Active, epoch: Epoch) -> bool {
        let Stored { task, private, .. } = &active.stored;
        let waits = || {
            task.status == Status::Waiting
                && private.lease.as_ref().is_some_and(|lease| lease.epoch == epoch)
        };
        self.leases.holds(task.id, epoch) || waits()
    }

    /// Takes away what another attempt does not keep, of the journal and of what is appended with it.
    fn begin_attempt(
        &self,
        active: &mut Active,
        kept: Option<Kept>,
        appended: Vec<PreparedEntry>,
    ) -> Result<JournalChange, StoreError> {
        let (Some(kept), Some(start)) = (kept, &mut active.stored.private.start) else {
            let dropped = self.all_keys(active)?;
            let private = &mut active.stored.private;
            (private.start, private.journaled, private.saved) = (None, false, false);
            return Ok(JournalChange { dropped, ..JournalChange::default() });
        };
        start.said = kept.said;
        let dropped = self.journal_keys(active)?;
        let mut change = JournalChange { dropped, ..JournalChange::default() };
        for entry in journal::read(&self.pending(), &*self.blobs, active.stored.task.id)? {
            change.entries.push(PreparedEntry::new(entry, &*self.blobs)?);
        }
        change.entries.extend(appended);
        change.entries.retain(|entry| entry.ordinal < kept.before);
        Ok(change)
    }

    /// Returns the keys of a task's journal.
    fn journal_keys(&self, active: &Active) -> Result<Vec<Slice>, StoreError> {
        let id = active.stored.task.id;
        if !active.stored.private.journaled {
            return Ok(Vec::new());
        }
        let mut found = self.keys_from(&keys::journal(id))?;
        found.extend(self.keys_from(&keys::journal_blobs(id))?);
        Ok(found)
    }

    /// Returns the keys of a task's journal and checkpoint.
    fn all_keys(&self, active: &Active) -> Result<Vec<Slice>, StoreError> {
        let id = active.stored.task.id;
        let mut found = self.journal_keys(active)?;
        if active.stored.private.saved {
            found.push(Slice::from(&keys::checkpoint(id)));
            found.extend(self.keys_from(&keys::checkpoint_blobs(id))?);
        }
        Ok(found)
    }

    fn put_entries(&mut self, id: TaskId, entries: &[PreparedEntry]) {
        for digest in entries.iter().filter_map(|entry| entry.blob) {
            self.batch.put(keys::blob_ref(&keys::journal_blobs(id), &digest), &[]);
        }
        for (key, sealed) in journal::seal_chunks(id, entries) {
            self.batch.put(&key, sealed);
        }
    }

    /// Returns the lease that a task is under, whether the record has it or memory alone.
    fn kept_lease(&self, active: &Active) -> Option<Lease> {
        let held = self.leases.get(active.stored.task.id).map(|held| held.lease.clone());
        match active.stored.task.status {
            Status::Running | Status::Waiting => {
                held.or_else(|| active.stored.private.lease.clone())
            }
            _ => None,
        }
    }

    /// Returns the lease under which the task is from now on.
    fn next_lease(
        &mut self,
        active: &Active,
        started: Option<&errand_core::WorkerId>,
    ) -> Option<Lease> {
        let task = &active.stored.task;
        let held = self.leases.get(task.id).map(|held| held.lease.clone());
        match (task.status, started) {
            (Status::Running, Some(worker)) => Some(held.unwrap_or_else(|| Lease {
                // Started without a claim: whoever did it holds it until it should have renewed.
                worker: worker.clone(),
                epoch: self.epochs.next(&mut self.batch),
                until: task.started_at.unwrap_or_default(),
            })),
            // A warm resume goes on under the lease that slept in the record.
            _ => self.kept_lease(active),
        }
    }

    /// Encodes a task as it is to be.
    fn prepare(
        &self,
        active: Active,
        before: Standing,
        folded: Folded,
        change: JournalChange,
    ) -> Result<Written, StoreError> {
        let id = active.stored.task.id;
        let (record, in_blob) = task::seal_live(
            &active.stored.task,
            &active.stored.private,
            folded.result.as_ref(),
            &*self.blobs,
        )?;
        let mut needs = folded.blobs;
        needs.extend(in_blob);
        let mut chunks = Vec::new();
        for (first_seq, json) in folded.chunks.finish() {
            let key = keys::chunk(id, first_seq);
            let head = Part::head(json, &*self.blobs)?;
            needs.extend(head.blob().map(|blob| blob.digest));
            chunks.push((Slice::from(&key), seal(&key, &head, None).into()));
        }
        let ran = folded.started.is_some();
        Ok(Written { active, before, ran, record, needs, chunks, change })
    }

    fn write(&mut self, written: Written) -> Task {
        let Written { active, before, ran, record, needs, chunks, change } = written;
        let task = active.stored.task.clone();
        let id = task.id;
        let private = &active.stored.private;
        for (key, sealed) in chunks {
            self.batch.put(key, sealed);
        }
        for digest in needs {
            self.batch.put(keys::blob_ref(&keys::task_blobs(id), &digest), &[]);
        }
        for key in change.dropped {
            self.batch.delete(key);
        }
        self.put_entries(id, &change.entries);
        if let Some(checkpoint) = &change.checkpoint {
            self.batch.put(&keys::checkpoint(id), checkpoint.seal(id));
            for digest in checkpoint.blobs() {
                self.batch.put(keys::blob_ref(&keys::checkpoint_blobs(id), &digest), &[]);
            }
        }
        self.batch.put(&keys::live(id), record);
        match (task.status, private.lease.as_ref()) {
            (Status::Running, Some(lease)) => {
                let orphaned = self.leases.get(id).is_some_and(|held| held.orphaned);
                self.leases.insert(id, Held { lease: lease.clone(), started: true, orphaned });
            }
            // Leased and not started, it stays so.
            (Status::Queued, _) if before.status == Status::Queued && !ran => {}
            _ => self.leases.remove(id),
        }
        self.reindex(active.series, Some(&before), &task);
        if task.version > before.version {
            self.note_in_context(&task, before.version + 1);
        }
        self.changed.push(id);
        self.cache.keep(active);
        task
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
