//! Finding what is old enough to go: ended tasks, and blobs that nothing needs.

use std::collections::HashSet;

use errand_core::{
    CollectedBlobs, Digest, ExpiredCursor, ExpiredPage, ExpiredQuery, Status, StoreError, TaskId,
    UnixMillis,
};

use super::View;
use crate::codec::{keys, task};
use crate::failure;

/// How many tasks are looked at for one part: those that were submitted long ago and ended lately cost a
/// look each time.
const LOOKED_AT_MAX: usize = 10_000;

impl View {
    /// Returns a part of the tasks that ended before a moment.
    ///
    /// They are looked for in the index, where those that were submitted before that moment lie first:
    /// most of them have ended before it too, so there need not be an index of ends.
    pub(crate) fn expired(&self, query: &ExpiredQuery) -> Result<ExpiredPage, StoreError> {
        let mut page = ExpiredPage::default();
        let mut looked_at = 0;
        let mut cursor = query.after.as_ref().map(|after| after.0.clone()).unwrap_or_default();
        for (from, to) in self.ended_ranges(query.ended_before) {
            if to <= cursor {
                continue;
            }
            for pair in self.kv.range(&from.max(first_after(&cursor)), &to) {
                let (key, _) = pair?;
                if page.items.len() >= query.limit || looked_at >= LOOKED_AT_MAX {
                    page.next = Some(ExpiredCursor(cursor));
                    return Ok(page);
                }
                looked_at += 1;
                cursor = key.to_vec();
                let Some(id) = keys::task_at_end(&key) else { continue };
                let Some(stored) = task::read(&*self.kv, &*self.blobs, id)? else { continue };
                let task = stored.task;
                let ended = task.finished_at.is_some_and(|ended| ended < query.ended_before);
                if ended && task.status.is_terminal() {
                    page.items.push((id, task.version));
                }
            }
        }
        Ok(page)
    }

    /// Returns the ranges of the index with ended tasks that were submitted before a moment, in order.
    fn ended_ranges(&self, submitted_before: UnixMillis) -> Vec<(Vec<u8>, Vec<u8>)> {
        let end = TaskId::from_parts(submitted_before.0, 0);
        let count = u32::try_from(self.series.snapshot().len()).unwrap_or(u32::MAX);
        let mut ranges = Vec::new();
        for series in 0..count {
            for status in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
                let from = keys::index_of(series, status).to_vec();
                ranges.push((from, keys::index(series, status, end).to_vec()));
            }
        }
        ranges.sort();
        ranges
    }

    /// Returns those of these blobs that no task refers to.
    pub(crate) fn without_task(&self, blobs: Vec<Digest>) -> Result<Vec<Digest>, StoreError> {
        if blobs.is_empty() {
            return Ok(blobs);
        }
        let needed = self.referenced(keys::TASKS_BLOB_REFS)?;
        Ok(blobs.into_iter().filter(|blob| !needed.contains(blob)).collect())
    }

    /// Removes blobs that nothing refers to and that nobody wrote or used since a moment.
    pub(crate) fn collect_blobs(
        &self,
        unused_since: UnixMillis,
    ) -> Result<CollectedBlobs, StoreError> {
        // A reference that comes while these are read is to a blob that was written or used just before.
        let needed = self.referenced(keys::BLOB_REFS)?;
        self.blobs.sweep(unused_since, &|blob| needed.contains(blob)).map_err(failure::blob)
    }

    fn referenced(&self, owners: &[u8]) -> Result<HashSet<Digest>, StoreError> {
        let mut found = HashSet::new();
        for pair in self.kv.range(owners, &keys::after(owners)) {
            found.extend(keys::referenced(&pair?.0));
        }
        Ok(found)
    }
}

/// Returns the smallest key after one.
fn first_after(key: &[u8]) -> Vec<u8> {
    if key.is_empty() { Vec::new() } else { [key, &[0]].concat() }
}
