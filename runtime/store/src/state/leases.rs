//! Who runs what, as the process knows it.
//!
//! A lease on a started task is in the task's record too; how long it still runs is known here alone,
//! and at the next start all of them are orphaned anyway.

use std::collections::HashMap;

use errand_core::{Epoch, HeldLease, Lease, Status, TaskId, UnixMillis, WorkerId};

/// A lease, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) started: bool,
    /// Its holder was a process that is gone.
    pub(crate) orphaned: bool,
}

/// All leases in force.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: HashMap<TaskId, Held>,
}

impl Leases {
    pub(crate) fn get(&self, id: TaskId) -> Option<&Held> {
        self.held.get(&id)
    }

    pub(crate) fn insert(&mut self, id: TaskId, held: Held) {
        self.held.insert(id, held);
    }

    pub(crate) fn remove(&mut self, id: TaskId) {
        self.held.remove(&id);
    }

    /// Tells whether a task is leased under this epoch by somebody who lives.
    pub(crate) fn holds(&self, id: TaskId, epoch: Epoch) -> bool {
        self.held.get(&id).is_some_and(|held| held.lease.epoch == epoch && !held.orphaned)
    }

    /// Tells whether a task is leased and has not started.
    pub(crate) fn is_claimed(&self, id: TaskId) -> bool {
        self.held.get(&id).is_some_and(|held| !held.started)
    }

    /// Extends leases; returns those that are not the worker's.
    pub(crate) fn renew(
        &mut self,
        worker: &WorkerId,
        wanted: Vec<(TaskId, Epoch)>,
        until: UnixMillis,
    ) -> Vec<TaskId> {
        let mut lost = Vec::new();
        for (id, epoch) in wanted {
            match self.held.get_mut(&id) {
                Some(held)
                    if held.lease.epoch == epoch
                        && held.lease.worker == *worker
                        && !held.orphaned =>
                {
                    held.lease.until = until;
                }
                _ => lost.push(id),
            }
        }
        lost
    }

    pub(crate) fn list(&self) -> Vec<HeldLease> {
        let mut leases: Vec<HeldLease> = self
            .held
            .iter()
            .map(|(id, held)| HeldLease {
                task: *id,
                lease: held.lease.clone(),
                status: if held.started { Status::Running } else { Status::Queued },
                orphaned: held.orphaned,
            })
            .collect();
        leases.sort_by_key(|lease| lease.task);
        leases
    }
}
