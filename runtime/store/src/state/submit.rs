//! New tasks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use errand_core::{Digest, EventBody, Idempotency, NewTask, Status, StoreError, Task, TaskId};
use serde_json::Value;

use super::{Active, State};
use crate::blobs::BlobFiles;
use crate::codec::task::{Private, Stored, seal_submission};
use crate::codec::{doc, keys};
use crate::kv::{Read, Slice};

/// A task to create, encoded by whoever submits it.
pub(crate) struct PreparedTask {
    task: Task,
    input: Arc<Value>,
    sealed: Slice,
    idempotency: Option<Idempotency>,
    blobs: Vec<Digest>,
}

impl PreparedTask {
    /// Checks and encodes a task; its large parts are durable in blobs when this returns.
    pub(crate) fn new(new: NewTask, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        let NewTask { id, submitted, idempotency } = new;
        let task = Task::begin(id, &submitted)?;
        let input = match &submitted.body {
            EventBody::Submitted(submission) => submission.input.clone(),
            _ => Arc::default(),
        };
        let key = idempotency.as_ref().map(|idempotency| idempotency.key.clone());
        let (sealed, mut needs) = seal_submission(id, submitted, key, blobs)?;
        needs.extend(task.origin().blobs());
        needs.extend(task.mounts.iter().map(|mount| mount.blob));
        Ok(Self { task, input, sealed, idempotency, blobs: needs })
    }
}

/// What became of a task.
pub(crate) enum Accepted {
    Created(Box<Task>),
    /// It exists; as it is now, it is to be read.
    Existing(TaskId),
}

impl State {
    /// Creates tasks, all or none.
    pub(crate) fn submit(&mut self, tasks: Vec<PreparedTask>) -> Result<Vec<Accepted>, StoreError> {
        let mut in_batch: HashMap<Slice, (TaskId, Digest)> = HashMap::new();
        let ids: HashSet<TaskId> = tasks.iter().map(|task| task.task.id).collect();
        if ids.len() < tasks.len() {
            return Err(StoreError::Conflict);
        }
        let mut existing: Vec<Option<TaskId>> = Vec::with_capacity(tasks.len());
        for (index, task) in tasks.iter().enumerate() {
            existing.push(self.earlier(index, task, &mut in_batch)?);
        }
        let new = existing.iter().filter(|earlier| earlier.is_none()).count() as u64;
        if self.counters.total(Status::Queued) + new > self.queued_max {
            return Err(StoreError::QueueFull { bound: self.queued_max });
        }
        let accept = |(task, earlier): (PreparedTask, Option<TaskId>)| match earlier {
            Some(earlier) => Accepted::Existing(earlier),
            None => Accepted::Created(Box::new(self.create(task))),
        };
        Ok(tasks.into_iter().zip(existing).map(accept).collect())
    }

    /// Returns the task that has the idempotency key of this one.
    fn earlier(
        &self,
        index: usize,
        task: &PreparedTask,
        in_batch: &mut HashMap<Slice, (TaskId, Digest)>,
    ) -> Result<Option<TaskId>, StoreError> {
        if let Some(Idempotency { key, fingerprint }) = &task.idempotency {
            let key = keys::idempotency(&task.task.namespace, key);
            let found = match in_batch.get(&key) {
                Some(found) => Some(*found),
                None => match self.pending().get(&key)? {
                    Some(value) => Some(doc::open_idempotency(&key, &value)?),
                    None => None,
                },
            };
            match found {
                Some((id, same)) if same == *fingerprint => return Ok(Some(id)),
                Some((id, _)) => return Err(StoreError::IdempotencyConflict { index, task: id }),
                None => in_batch.insert(key, (task.task.id, *fingerprint)),
            };
        }
        match self.knows(task)? {
            true => Err(StoreError::Conflict),
            false => Ok(None),
        }
    }

    /// Tells whether there is a task with the id of a new one.
    pub(super) fn knows(&self, new: &PreparedTask) -> Result<bool, StoreError> {
        // Ids are time-ordered: most are after all that came before, and need no look.
        let id = new.task.id;
        Ok(self.newest.is_some_and(|newest| id <= newest)
            && self.pending().get(&keys::submission(id))?.is_some())
    }

    /// Creates a task that nothing is in the way of.
    pub(super) fn create(&mut self, new: PreparedTask) -> Task {
        let PreparedTask { task, input, sealed, idempotency, blobs } = new;
        let id = task.id;
        let series = self.counters.series_of(&task, &mut self.batch);
        if let Some(Idempotency { key, fingerprint }) = idempotency {
            let key = keys::idempotency(&task.namespace, &key);
            let value = doc::seal_idempotency(&key, id, &fingerprint);
            self.batch.put(key, value);
        }
        for prefix in secondary(&task) {
            self.batch.put(keys::entry(&prefix, id), &[]);
        }
        for digest in blobs {
            self.batch.put(keys::blob_ref(&keys::task_blobs(id), &digest), &[]);
        }
        let bytes = sealed.len();
        self.batch.put(&keys::submission(id), sealed);
        self.reindex(series, None, &task);
        self.note_in_context(&task, 1);
        self.newest = self.newest.max(Some(id));
        self.changed.push(id);
        let stored = Stored { task: task.clone(), private: Private::default(), bytes };
        // A delayed task would sit in the cache without being needed.
        if task.not_before.is_none() {
            self.cache.keep(Active { stored, series, input: Some(input) });
        }
        task
    }
}

/// Returns the prefixes of the indexes that a task is in, besides that of its series.
pub(crate) fn secondary(task: &Task) -> Vec<[u8; 17]> {
    let mut prefixes = Vec::new();
    prefixes.extend(task.parent_id.map(keys::parent));
    prefixes.extend(task.context_id.as_ref().map(keys::context));
    prefixes.extend(task.labels.iter().map(|(name, value)| keys::label(name, value)));
    prefixes
}
