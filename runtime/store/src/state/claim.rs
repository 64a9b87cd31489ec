//! Handing out work.

use std::sync::Arc;

use errand_core::{
    AttemptStart, Claim, Epoch, Lease, StoreError, Task, TaskId, UnixMillis, WorkerId,
};
use serde_json::Value;

use super::leases::Held;
use super::{Place, State};
use crate::codec::keys;
use crate::kv::Batch;

/// How many epochs are reserved by one write. What is left of them at the end of the process is lost,
/// of which there are 2⁶⁴ / 2²⁰.
const EPOCHS_STEP: u64 = 1 << 20;

/// The source of lease epochs: rising over all tasks, and over restarts.
pub(super) struct Epochs {
    last: u64,
    reserved: u64,
}

impl Epochs {
    /// Goes on after what was reserved before.
    pub(super) fn after(reserved: u64) -> Self {
        Self { last: reserved, reserved }
    }

    /// Returns the next epoch.
    pub(super) fn next(&mut self, batch: &mut Batch) -> Epoch {
        if self.last == self.reserved {
            self.reserved += EPOCHS_STEP;
            batch.put(keys::EPOCHS, &self.reserved.to_be_bytes());
        }
        self.last += 1;
        Epoch(self.last)
    }
}

/// A task that was handed out.
pub(crate) struct Given {
    pub(crate) task: Task,
    /// Its input; where it is not at hand, it is to be read.
    pub(crate) input: Option<Arc<Value>>,
    pub(crate) epoch: Epoch,
    pub(crate) attempt_start: Option<AttemptStart>,
}

/// What a claim took.
pub(crate) struct Taken {
    pub(crate) items: Vec<Given>,
    pub(crate) next_due: Option<UnixMillis>,
}

impl State {
    /// Leases queued tasks to a worker.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Taken {
        self.queue.advance(claim.now);
        let mut items = Vec::new();
        while items.len() < claim.max
            && let Some(id) = self.queue.pop()
        {
            match self.give(id, claim) {
                Ok(given) => items.extend(given),
                // Left out of the queue until the next start, so that the others go on.
                Err(error) => {
                    tracing::error!(task = %id, %error, "a queued task can't be read and is passed over");
                }
            }
        }
        Taken { items, next_due: self.queue.next_due() }
    }

    fn give(&mut self, id: TaskId, claim: &Claim) -> Result<Option<Given>, StoreError> {
        let given = match self.cache.get(id) {
            Some(active) => Some((active.stored.clone(), active.input.clone())),
            None => self.take(id)?.map(|active| {
                let parts = (active.stored.clone(), active.input.clone());
                self.cache.keep(active);
                parts
            }),
        };
        let Some((stored, input)) = given else { return Ok(None) };
        let epoch = self.epochs.next(&mut self.batch);
        let lease = Lease { worker: claim.worker.clone(), epoch, until: claim.lease_until };
        self.leases.insert(id, Held { lease, started: false, orphaned: false });
        Ok(Some(Given { task: stored.task, input, epoch, attempt_start: stored.private.start }))
    }

    /// Extends leases; returns those that are no longer the worker's.
    pub(crate) fn renew(
        &mut self,
        worker: &WorkerId,
        held: Vec<(TaskId, Epoch)>,
        until: UnixMillis,
    ) -> Vec<TaskId> {
        self.leases.renew(worker, held, until)
    }

    /// Gives up a lease on a task that has not started.
    pub(crate) fn release(&mut self, id: TaskId, epoch: Epoch) -> Result<(), StoreError> {
        if !(self.leases.is_claimed(id) && self.leases.holds(id, epoch)) {
            return Err(StoreError::Conflict);
        }
        let active = self.take(id)?.ok_or(StoreError::NotFound(id))?;
        self.leases.remove(id);
        if let Some(place) = Place::of(&active.stored.task) {
            self.work_came |= self.queue.insert(id, place);
        }
        self.cache.keep(active);
        Ok(())
    }
}
