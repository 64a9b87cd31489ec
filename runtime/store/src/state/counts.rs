//! The series, and how many of their tasks are at each status.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use errand_core::{Status, StoreError, Task};

use crate::codec::keys;
use crate::codec::series::{self, Counts, Series};
use crate::kv::{Batch, Kv};

/// All series by number, shared with the readers. There is one per namespace and executor version.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesList(Arc<RwLock<Vec<Arc<Series>>>>);

impl SeriesList {
    /// Returns the series as they are now.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Series>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, series: Arc<Series>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(series);
    }
}

/// What the writer knows of the series.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    list: SeriesList,
    numbers: HashMap<Arc<Series>, u32>,
    counts: Vec<Counts>,
    changed: BTreeSet<u32>,
}

impl Counters {
    /// Reads what is stored.
    pub(crate) fn load(kv: &dyn Kv) -> Result<Self, StoreError> {
        let mut counters = Self::default();
        for pair in kv.range(keys::SERIES, &keys::after(keys::SERIES)) {
            let (key, value) = pair?;
            let (number, series) = series::open_series(&key, &value)?;
            if number as usize != counters.counts.len() {
                return Err(StoreError::Corrupt(format!("series {number} does not follow")));
            }
            counters.add(series);
        }
        for pair in kv.range(keys::COUNTS, &keys::after(keys::COUNTS)) {
            let (key, value) = pair?;
            let (number, counts) = series::open_counts(&key, &value)?;
            match counters.counts.get_mut(number as usize) {
                Some(known) => *known = counts,
                None => return Err(StoreError::Corrupt(format!("series {number} is missing"))),
            }
        }
        Ok(counters)
    }

    fn add(&mut self, series: Series) -> u32 {
        let (number, series) = (self.counts.len() as u32, Arc::new(series));
        self.list.push(series.clone());
        self.numbers.insert(series, number);
        self.counts.push(Counts::default());
        number
    }

    pub(crate) fn list(&self) -> SeriesList {
        self.list.clone()
    }

    /// Returns the number of a task's series, made where it is new.
    pub(crate) fn series_of(&mut self, task: &Task, batch: &mut Batch) -> u32 {
        let series = Series { namespace: task.namespace.clone(), executor: task.executor.clone() };
        if let Some(number) = self.numbers.get(&series) {
            return *number;
        }
        let number = self.add(series.clone());
        batch.put(&keys::series(number), series::seal_series(number, &series));
        number
    }

    /// Counts a task that came to a status, left one, or both.
    pub(crate) fn moved(&mut self, series: u32, from: Option<Status>, to: Option<Status>) {
        let counts = &mut self.counts[series as usize];
        if let Some(from) = from {
            counts[from as usize] = counts[from as usize].saturating_sub(1);
        }
        if let Some(to) = to {
            counts[to as usize] += 1;
        }
        self.changed.insert(series);
    }

    /// Sets a count that was found to be wrong.
    pub(crate) fn correct(&mut self, series: u32, status: Status, count: u64) {
        self.counts[series as usize][status as usize] = count;
        self.changed.insert(series);
    }

    /// Returns how many tasks are at a status, over all series.
    pub(crate) fn total(&self, status: Status) -> u64 {
        self.counts.iter().map(|counts| counts[status as usize]).sum()
    }

    /// Returns how many tasks of a series are at each status.
    pub(crate) fn of(&self, series: u32) -> &Counts {
        &self.counts[series as usize]
    }

    /// Returns how many series there are.
    pub(crate) fn len(&self) -> u32 {
        self.counts.len() as u32
    }

    /// Writes what changed since the last time.
    pub(crate) fn write(&mut self, batch: &mut Batch) {
        for number in std::mem::take(&mut self.changed) {
            let counts = &self.counts[number as usize];
            batch.put(&keys::counts(number), series::seal_counts(number, counts));
        }
    }
}
