//! Lists: the most selective index that fits, newest first, the rest filtered from the records.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use errand_core::{ListQuery, Page, Status, StoreError, Task, TaskId};

use super::View;
use crate::codec::series::Series;
use crate::codec::{keys, task};
use crate::kv::Pairs;

/// How many tasks are looked at for one page; a page that finds too few of them ends early, with the
/// cursor to go on from.
const LOOKED_AT_MAX: usize = 10_000;
/// About how many stored bytes a page takes up; it ends early with the cursor.
const BYTES_MAX: usize = 16 << 20;
/// Over more index ranges than these, going through all tasks is quicker.
const RANGES_MAX: usize = 128;

impl View {
    /// Returns a page of a list.
    pub(crate) fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let (mut looked_at, mut bytes) = (0, 0);
        for id in self.candidates(query) {
            let id = id?;
            // A task that is moving in the index may be at two places of it.
            if page.next == Some(id) {
                continue;
            }
            if page.items.len() >= query.limit || looked_at >= LOOKED_AT_MAX || bytes >= BYTES_MAX {
                // The cursor is exclusive, so the last one looked at is where to go on.
                return Ok(page);
            }
            looked_at += 1;
            page.next = Some(id);
            let Some(stored) = task::read(&*self.kv, &*self.blobs, id)? else { continue };
            if matches(&stored.task, query) {
                bytes += stored.bytes;
                page.items.push(stored.task);
            }
        }
        page.next = None;
        Ok(page)
    }

    /// Goes over tasks that may be on the list, newest first.
    fn candidates(&self, query: &ListQuery) -> Merged<'_> {
        let filter = &query.filter;
        let secondary = [
            filter.parent_id.map(keys::parent),
            filter.context_id.as_ref().map(keys::context),
            filter.label.as_ref().map(|(name, value)| keys::label(name, value)),
        ];
        let prefixes = match secondary.into_iter().flatten().next() {
            Some(prefix) => vec![prefix.to_vec()],
            None => self.index_ranges(query).unwrap_or_else(|| vec![keys::SUBMISSIONS.to_vec()]),
        };
        let ranges = prefixes.iter().map(|prefix| {
            let end = match query.before {
                Some(before) => [&prefix[..], &before.to_bytes()].concat(),
                None => keys::after(prefix),
            };
            self.kv.range_back(prefix, &end)
        });
        Merged::new(ranges.collect())
    }

    /// Returns the ranges of the series index that hold exactly the tasks asked for; nothing where all
    /// are asked for or the ranges are too many.
    fn index_ranges(&self, query: &ListQuery) -> Option<Vec<Vec<u8>>> {
        let all = self.series.snapshot();
        let numbers: Vec<u32> = (0..)
            .zip(&all)
            .filter(|(_, series)| of_series(series, query))
            .map(|(n, _)| n)
            .collect();
        let statuses = match query.filter.status {
            Some(status) => vec![status],
            None if numbers.len() == all.len() => return None,
            None => Status::ALL.to_vec(),
        };
        if numbers.len() * statuses.len() > RANGES_MAX {
            return None;
        }
        let range = |number: u32| {
            statuses.iter().map(move |status| keys::index_of(number, *status).to_vec())
        };
        Some(numbers.into_iter().flat_map(range).collect())
    }
}

fn of_series(series: &Series, query: &ListQuery) -> bool {
    let filter = &query.filter;
    query.namespace.as_ref().is_none_or(|namespace| *namespace == series.namespace)
        && filter.executor.as_ref().is_none_or(|name| *name == series.executor.name)
        && filter.digest.is_none_or(|digest| digest == series.executor.digest)
}

fn matches(task: &Task, query: &ListQuery) -> bool {
    let filter = &query.filter;
    query.namespace.as_ref().is_none_or(|namespace| *namespace == task.namespace)
        && filter.status.is_none_or(|status| status == task.status)
        && filter.executor.as_ref().is_none_or(|name| *name == task.executor.name)
        && filter.digest.is_none_or(|digest| digest == task.executor.digest)
        && filter.parent_id.is_none_or(|parent| Some(parent) == task.parent_id)
        && filter.context_id.as_ref().is_none_or(|id| Some(id) == task.context_id.as_ref())
        && filter.label.as_ref().is_none_or(|(name, value)| task.labels.get(name) == Some(value))
}

/// Several index ranges as one, newest first.
struct Merged<'a> {
    ranges: Vec<Pairs<'a>>,
    /// The next task of each range that has one.
    heads: BinaryHeap<(TaskId, Reverse<usize>)>,
    failed: Option<StoreError>,
}

impl<'a> Merged<'a> {
    fn new(ranges: Vec<Pairs<'a>>) -> Self {
        let mut merged = Self { ranges, heads: BinaryHeap::new(), failed: None };
        for range in 0..merged.ranges.len() {
            merged.advance(range);
        }
        merged
    }

    fn advance(&mut self, range: usize) {
        match self.ranges[range].next() {
            Some(Ok((key, _))) => match keys::task_at_end(&key) {
                Some(id) => self.heads.push((id, Reverse(range))),
                None => self.failed = Some(StoreError::Corrupt(keys::describe(&key))),
            },
            Some(Err(error)) => self.failed = Some(error),
            None => {}
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<TaskId, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.heads.clear();
            return Some(Err(error));
        }
        let (id, Reverse(range)) = self.heads.pop()?;
        self.advance(range);
        Some(Ok(id))
    }
}
