//! Reading, by many at once, straight from what is stored. Sees only what is durable.

mod collect;
mod list;
mod log;

use std::collections::BTreeMap;
use std::sync::Arc;

use errand_core::{
    Doc, DocKind, ExecutorName, Namespace, QueueDepth, Status, StoreError, Task, TaskId,
};
use serde_json::Value;

use crate::blobs::BlobFiles;
use crate::codec::{doc, keys, series, task};
use crate::kv::Kv;
use crate::state::SeriesList;

/// What readers need, cheap to clone.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) blobs: Arc<dyn BlobFiles>,
    pub(crate) series: SeriesList,
}

impl View {
    pub(crate) fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        Ok(task::read(&*self.kv, &*self.blobs, id)?.map(|stored| stored.task))
    }

    /// Tells whether reading the task would block for a while.
    pub(crate) fn task_is_large(&self, id: TaskId) -> Result<bool, StoreError> {
        task::has_blob(&*self.kv, id)
    }

    /// Returns the number of a task's last event.
    pub(crate) fn version(&self, id: TaskId) -> Result<Option<u64>, StoreError> {
        task::read_version(&*self.kv, &*self.blobs, id)
    }

    /// Returns a task's input.
    pub(crate) fn input(&self, id: TaskId) -> Result<Arc<Value>, StoreError> {
        match task::read_submission(&*self.kv, &*self.blobs, id)? {
            Some(submitted) => submitted.input(&*self.blobs),
            None => Err(StoreError::NotFound(id)),
        }
    }

    pub(crate) fn doc(&self, kind: DocKind, key: &str) -> Result<Option<Doc>, StoreError> {
        let key = keys::doc(kind, key);
        let value = self.kv.get(&key)?;
        value.map(|value| doc::open_doc(&key, &value, &*self.blobs)).transpose()
    }

    pub(crate) fn docs(
        &self,
        kind: DocKind,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Doc)>, StoreError> {
        let skip = keys::doc(kind, "").len();
        let first = keys::doc(kind, prefix);
        // The least key after another is that one with a zero behind it.
        let next = after.map(|after| [&keys::doc(kind, after)[..], &[0]].concat());
        let from = next.as_deref().map_or(&first[..], |next| next.max(&first[..]));
        let end = keys::after(&first);
        let mut found = Vec::new();
        if from >= &end[..] {
            return Ok(found);
        }
        for pair in self.kv.range(from, &end).take(limit) {
            let (key, value) = pair?;
            let name = String::from_utf8_lossy(&key[skip..]).into_owned();
            found.push((name, doc::open_doc(&key, &value, &*self.blobs)?));
        }
        Ok(found)
    }

    pub(crate) fn depth(&self, namespace: Option<&Namespace>) -> Result<QueueDepth, StoreError> {
        let all = self.series.snapshot();
        let mut by_status = [0; 6];
        let mut by_executor: BTreeMap<ExecutorName, u64> = BTreeMap::new();
        let mut oldest: Option<TaskId> = None;
        for pair in self.kv.range(keys::COUNTS, &keys::after(keys::COUNTS)) {
            let (key, value) = pair?;
            let (number, counts) = series::open_counts(&key, &value)?;
            let Some(series) = all.get(number as usize) else { continue };
            if namespace.is_some_and(|namespace| *namespace != series.namespace) {
                continue;
            }
            for (sum, count) in by_status.iter_mut().zip(counts) {
                *sum += count;
            }
            let queued = counts[Status::Queued as usize];
            if queued > 0 {
                *by_executor.entry(series.executor.name.clone()).or_default() += queued;
                let prefix = keys::index_of(number, Status::Queued);
                let first = self.kv.range(&prefix, &keys::after(&prefix)).next().transpose()?;
                let first = first.and_then(|(key, _)| keys::task_at_end(&key));
                oldest = [oldest, first].into_iter().flatten().min();
            }
        }
        let oldest = oldest.map(|id| self.task(id)).transpose()?.flatten();
        Ok(QueueDepth {
            by_status,
            queued_by_executor: by_executor,
            oldest_queued_at: oldest.map(|task| task.created_at),
        })
    }
}
