//! Decoded tasks that are likely to be needed soon, so that an append does not decode each time.

use std::collections::HashMap;
use std::sync::Arc;

use errand_core::{Status, TaskId};
use serde_json::Value;

use crate::codec::task::Stored;

/// How many queued tasks are kept: as many as a fast server claims within a second.
const QUEUED_MAX: usize = 16_384;
/// How many bytes of queued tasks are kept, as stored.
const QUEUED_BYTES_MAX: usize = 24 << 20;

/// A task as the writer works on it.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    pub(crate) stored: Stored,
    pub(crate) series: u32,
    /// Its input, where it is at hand.
    pub(crate) input: Option<Arc<Value>>,
}

/// Running tasks (as many as there are leases), and the queued ones that were submitted first.
///
/// The queue is mostly first in, first out: so when the room is used up, new ones stay outside.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    tasks: HashMap<TaskId, Active>,
    queued: usize,
    queued_bytes: usize,
}

impl Cache {
    pub(crate) fn get(&self, id: TaskId) -> Option<&Active> {
        self.tasks.get(&id)
    }

    pub(crate) fn take(&mut self, id: TaskId) -> Option<Active> {
        let active = self.tasks.remove(&id)?;
        if active.stored.task.status == Status::Queued {
            self.queued -= 1;
            self.queued_bytes -= active.stored.bytes;
        }
        Some(active)
    }

    /// Keeps a task if it is worth it. It must not be in the cache.
    pub(crate) fn keep(&mut self, active: Active) {
        match active.stored.task.status {
            Status::Running => {}
            Status::Queued
                if self.queued < QUEUED_MAX
                    && self.queued_bytes + active.stored.bytes <= QUEUED_BYTES_MAX =>
            {
                self.queued += 1;
                self.queued_bytes += active.stored.bytes;
            }
            _ => return,
        }
        self.tasks.insert(active.stored.task.id, active);
    }
}
