//! What the writer knows at start, read from the index.

use std::sync::Arc;

use errand_core::{Lease, Status, StoreError, WorkerId};

use super::cache::Cache;
use super::claim::Epochs;
use super::counts::Counters;
use super::leases::{Held, Leases};
use super::queue::{Place, Queue};
use super::waits::Waits;
use super::{FORMAT, State};
use crate::blobs::BlobFiles;
use crate::codec::{keys, task};
use crate::kv::{Batch, Kv, Slice};

/// What to do where the counters are not in step with the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Miscount {
    /// Refuse: the index is damaged, and can be made anew.
    Refuse,
    /// Believe the index: it was made anew, and there is nothing better.
    Correct,
}

impl State {
    /// Reads queue, leases and counters. Work is proportional to what is queued or running, not to all
    /// that is stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the index is not in step with itself.
    pub(crate) fn load(
        kv: Arc<dyn Kv>,
        blobs: Arc<dyn BlobFiles>,
        queued_max: u64,
        miscount: Miscount,
    ) -> Result<Self, StoreError> {
        let mut batch = Batch::default();
        match kv.get(keys::FORMAT)? {
            None => batch.put(keys::FORMAT, FORMAT),
            Some(format) if format == FORMAT => {}
            Some(format) => {
                let text = String::from_utf8_lossy(&format).into_owned();
                return Err(StoreError::Corrupt(format!("format {text} is not known")));
            }
        }
        let reserved = kv.get(keys::EPOCHS)?.map_or(Ok(0), |value| {
            let bytes = <[u8; 8]>::try_from(&value[..]);
            bytes.map(u64::from_be_bytes).map_err(|_| StoreError::Corrupt("the epochs".into()))
        })?;
        let newest = kv
            .range_back(keys::SUBMISSIONS, &keys::after(keys::SUBMISSIONS))
            .next()
            .transpose()?
            .and_then(|(key, _)| keys::task_at_end(&key));
        let mut state = Self {
            counters: Counters::load(&*kv)?,
            kv,
            blobs,
            batch,
            queue: Queue::default(),
            waits: Waits::default(),
            leases: Leases::default(),
            cache: Cache::default(),
            epochs: Epochs::after(reserved),
            newest,
            queued_max,
            changed: Vec::new(),
            work_came: true,
            due_changed: true,
        };
        for series in 0..state.counters.len() {
            let queued = state.load_queue(series)?;
            state.check_count(series, Status::Queued, queued, miscount)?;
            let running = state.load_leases(series)?;
            state.check_count(series, Status::Running, running, miscount)?;
            let waiting = state.load_waits(series)?;
            state.check_count(series, Status::Waiting, waiting, miscount)?;
        }
        Ok(state)
    }

    fn load_queue(&mut self, series: u32) -> Result<u64, StoreError> {
        let kv = self.kv.clone();
        let prefix = keys::index_of(series, Status::Queued);
        let mut count = 0;
        for pair in kv.range(&prefix, &keys::after(&prefix)) {
            let (key, value) = pair?;
            let corrupt = || StoreError::Corrupt("an entry of the queue".into());
            let id = keys::task_at_end(&key).ok_or_else(corrupt)?;
            self.queue.insert(id, Place::from_bytes(&value).ok_or_else(corrupt)?);
            count += 1;
        }
        Ok(count)
    }

    fn load_waits(&mut self, series: u32) -> Result<u64, StoreError> {
        let kv = self.kv.clone();
        let prefix = keys::index_of(series, Status::Waiting);
        let mut count = 0;
        for pair in kv.range(&prefix, &keys::after(&prefix)) {
            let (key, value) = pair?;
            let corrupt = || StoreError::Corrupt("an entry of the waiting tasks".into());
            let id = keys::task_at_end(&key).ok_or_else(corrupt)?;
            if let Some(until) = Waits::from_bytes(&value).ok_or_else(corrupt)? {
                self.waits.insert(id, until);
            }
            count += 1;
        }
        Ok(count)
    }

    fn load_leases(&mut self, series: u32) -> Result<u64, StoreError> {
        let kv = self.kv.clone();
        let prefix = keys::index_of(series, Status::Running);
        let entries: Result<Vec<(Slice, Slice)>, _> =
            kv.range(&prefix, &keys::after(&prefix)).collect();
        let entries = entries?;
        for (key, _) in &entries {
            let id = keys::task_at_end(key)
                .ok_or_else(|| StoreError::Corrupt("an index entry".into()))?;
            let stored = task::read(&*kv, &*self.blobs, id)?.ok_or_else(|| {
                StoreError::Corrupt(format!("the index has task {id}, which is missing"))
            })?;
            let lease = match stored.private.lease {
                Some(lease) => lease,
                None => Lease {
                    worker: WorkerId::new("unknown").expect("it is a valid id"),
                    epoch: errand_core::Epoch(0),
                    until: errand_core::UnixMillis(0),
                },
            };
            self.leases.insert(id, Held { lease, started: true, orphaned: true });
        }
        Ok(entries.len() as u64)
    }

    fn check_count(
        &mut self,
        series: u32,
        status: Status,
        found: u64,
        miscount: Miscount,
    ) -> Result<(), StoreError> {
        let counted = self.counters.of(series)[status as usize];
        if counted == found {
            return Ok(());
        }
        let problem = format!(
            "series {series} has {found} {} tasks in the index and {counted} by count",
            status.as_str()
        );
        if miscount == Miscount::Refuse {
            return Err(StoreError::Corrupt(problem));
        }
        tracing::error!("{problem}; the count is corrected");
        self.counters.correct(series, status, found);
        Ok(())
    }
}
