//! Removing a task with everything that is its own.

use errand_core::{StoreError, TaskId};

use super::State;
use super::submit::secondary;
use crate::codec::{keys, task};
use crate::kv::{Read, Slice};

impl State {
    /// Removes a terminal task at a version.
    pub(crate) fn delete(&mut self, id: TaskId, version: u64) -> Result<(), StoreError> {
        let active = self.take(id)?.ok_or(StoreError::NotFound(id))?;
        let task = &active.stored.task;
        if task.version != version || !task.status.is_terminal() {
            self.cache.keep(active);
            return Err(StoreError::Conflict);
        }
        let submitted = task::read_submission(&self.pending(), &*self.blobs, id)?;
        let mut gone = self.keys_from(&keys::chunks(id))?;
        gone.extend(self.keys_from(&keys::journal(id))?);
        for blobs in [keys::task_blobs(id), keys::journal_blobs(id), keys::checkpoint_blobs(id)] {
            gone.extend(self.keys_from(&blobs)?);
        }
        gone.push(Slice::from(&keys::checkpoint(id)));
        gone.extend(secondary(task).iter().map(|prefix| keys::entry(prefix, id)));
        gone.push(Slice::from(&keys::index(active.series, task.status, id)));
        gone.push(Slice::from(&keys::live(id)));
        gone.push(Slice::from(&keys::submission(id)));
        if let Some(key) = submitted.and_then(|submitted| submitted.idempotency) {
            gone.push(keys::idempotency(&task.namespace, &key));
        }
        // What is left of the context's log is of tasks that are gone, once its last one is.
        if let Some(context) = &task.context_id {
            let index = keys::context(context);
            let own = keys::entry(&index, id);
            // What is in the batch counts too, and costs as much as there is.
            let few = self.kv.range(&index, &keys::after(&index)).take(3).count() < 3;
            if few && self.keys_from(&index)?.iter().all(|entry| *entry == own) {
                gone.extend(self.keys_from(&keys::context_log(&task.namespace, context))?);
            }
        }
        for key in gone {
            self.batch.delete(key);
        }
        self.counters.moved(active.series, Some(task.status), None);
        self.changed.push(id);
        Ok(())
    }

    /// Returns all keys that start with a prefix.
    pub(super) fn keys_from(&self, prefix: &[u8]) -> Result<Vec<Slice>, StoreError> {
        let pending = self.pending();
        let range = pending.range(prefix, &keys::after(prefix));
        range.map(|pair| pair.map(|(key, _)| key)).collect()
    }
}
