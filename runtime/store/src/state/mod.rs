//! What the one writer works on, and what each command does to it.
//!
//! A command reads what is stored with the group's own writes over it, and leaves its writes in the
//! group's batch; nothing of it is visible to readers before the batch is durable and applied. A command
//! that fails has written nothing. All rules of a task's life are core's: this keeps records, indexes,
//! queue, leases and counters in step with them.

mod append;
mod cache;
mod claim;
mod counts;
mod delete;
mod doc;
mod leases;
pub(crate) mod load;
mod queue;
mod submit;
pub(crate) mod waits;

use std::sync::Arc;

use errand_core::{ContextEntry, HeldLease, StoreError, Task, TaskId, UnixMillis};

use crate::blobs::BlobFiles;
use crate::codec::{context, keys, task};
use crate::kv::{Batch, Kv, Pending};

pub(crate) use append::PreparedAppend;
use cache::{Active, Cache};
use counts::Counters;
pub(crate) use counts::SeriesList;
use leases::Leases;
pub(crate) use queue::Place;
use queue::Queue;
pub(crate) use submit::{Accepted, PreparedTask, secondary};
use waits::Waits;

/// The version of the layout of keys and values.
pub(crate) const FORMAT: &[u8] = b"1";

/// Everything that the writer owns.
pub(crate) struct State {
    kv: Arc<dyn Kv>,
    blobs: Arc<dyn BlobFiles>,
    batch: Batch,
    counters: Counters,
    queue: Queue,
    waits: Waits,
    leases: Leases,
    cache: Cache,
    epochs: claim::Epochs,
    /// No task has an id after this one.
    newest: Option<TaskId>,
    queued_max: u64,
    /// Tasks with new events, or gone, since the last commit.
    changed: Vec<TaskId>,
    /// Whether whoever waits for work should look, since the last commit.
    work_came: bool,
    /// Whether whoever waits for due tasks should look, since the last commit.
    due_changed: bool,
}

/// What a group of commands did.
pub(crate) struct Group {
    pub(crate) batch: Batch,
    pub(crate) changed: Vec<TaskId>,
    pub(crate) work_came: bool,
    pub(crate) due_changed: bool,
}

impl State {
    /// Returns about how many bytes the group has written so far.
    pub(crate) fn group_bytes(&self) -> usize {
        self.batch.bytes()
    }

    /// Takes out what the group did, to be committed.
    pub(crate) fn take_group(&mut self) -> Group {
        self.counters.write(&mut self.batch);
        Group {
            batch: std::mem::take(&mut self.batch),
            changed: std::mem::take(&mut self.changed),
            work_came: std::mem::take(&mut self.work_came),
            due_changed: std::mem::take(&mut self.due_changed),
        }
    }

    pub(crate) fn series(&self) -> SeriesList {
        self.counters.list()
    }

    pub(crate) fn leases(&self) -> Vec<HeldLease> {
        self.leases.list()
    }

    /// Tells whether a task can be claimed now.
    pub(crate) fn has_ready(&self) -> bool {
        self.queue.has_ready()
    }

    fn pending(&self) -> Pending<'_> {
        Pending { stored: &*self.kv, batch: &self.batch }
    }

    /// Takes a task into hand: from the cache, or read.
    fn take(&mut self, id: TaskId) -> Result<Option<Active>, StoreError> {
        if let Some(active) = self.cache.take(id) {
            return Ok(Some(active));
        }
        self.read(id)
    }

    /// Returns a task without taking it out of the cache.
    fn look(&mut self, id: TaskId) -> Result<Option<Active>, StoreError> {
        if let Some(active) = self.cache.get(id) {
            return Ok(Some(active.clone()));
        }
        self.read(id)
    }

    fn read(&mut self, id: TaskId) -> Result<Option<Active>, StoreError> {
        let Some(stored) = task::read(&self.pending(), &*self.blobs, id)? else { return Ok(None) };
        let series = self.counters.series_of(&stored.task, &mut self.batch);
        Ok(Some(Active { stored, series, input: None }))
    }

    /// Says in the log of a task's context which of its events were just written.
    fn note_in_context(&mut self, task: &Task, first: u64) {
        let Some(context) = &task.context_id else { return };
        let log = keys::context_log(&task.namespace, context);
        let position = self.epochs.next(&mut self.batch).0;
        let key = keys::context_entry(&log, position);
        let entry = ContextEntry { position, task: task.id, first, last: task.version };
        self.batch.put(&key, context::seal_entry(&key, &entry));
        self.changed.push(keys::context_watch(&log));
    }

    /// Brings index, counters and queue from how a task was to how it is.
    fn reindex(&mut self, series: u32, before: Option<&Standing>, task: &Task) {
        let now = Standing::of(task);
        if before.is_some_and(|before| before.is_same(&now)) {
            return;
        }
        if let Some(before) = before {
            if let Some(place) = before.place {
                self.queue.remove(task.id, place);
            }
            if let Some(until) = before.wait_until {
                self.waits.remove(task.id, until);
            }
            if before.status != now.status {
                self.batch.delete(&keys::index(series, before.status, task.id));
            }
        }
        let key = keys::index(series, now.status, task.id);
        match now.place {
            Some(place) => {
                self.batch.put(&key, &place.to_bytes());
                if !self.leases.is_claimed(task.id) {
                    self.work_came |= self.queue.insert(task.id, place);
                }
            }
            None => self.batch.put(&key, Waits::to_bytes(now.wait_until).as_slice()),
        }
        if let Some(until) = now.wait_until {
            self.due_changed |= self.waits.insert(task.id, until);
        }
        self.counters.moved(series, before.map(|before| before.status), Some(now.status));
    }
}

/// Where the index has a task.
#[derive(Debug)]
struct Standing {
    version: u64,
    status: errand_core::Status,
    place: Option<Place>,
    wait_until: Option<UnixMillis>,
}

impl Standing {
    /// Tells whether the index has to say nothing new.
    fn is_same(&self, other: &Self) -> bool {
        self.status == other.status
            && self.place == other.place
            && self.wait_until == other.wait_until
    }

    fn of(task: &Task) -> Self {
        Self {
            version: task.version,
            status: task.status,
            place: Place::of(task),
            wait_until: task.wait_until,
        }
    }
}
