//! The runs of this process: where the service finds the one that it must stop or ask for progress.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use errand_core::{Principal, Progress, TaskId, WorkerId};

use crate::worker::{Run, Slots, Stop};

/// The runs of this process and its workers. Nothing here is the truth: it is empty after a start.
#[derive(Default)]
pub(crate) struct Runs(Mutex<Known>);

#[derive(Default)]
struct Known {
    runs: HashMap<TaskId, Arc<Run>>,
    workers: BTreeMap<WorkerId, Arc<Slots>>,
}

impl Runs {
    /// Returns the live progress of a task's present attempt.
    pub(crate) fn progress(&self, id: TaskId, attempt: u32) -> Option<Progress> {
        self.get(id).filter(|run| run.attempt() == attempt).map(|run| run.progress())
    }

    /// Stops a task's run on somebody's wish, which is on record already.
    pub(crate) fn cancel(&self, id: TaskId, by: &Principal, reason: Option<&str>) {
        if let Some(run) = self.get(id) {
            run.stop(Stop::Cancel { by: by.clone(), reason: reason.map(str::to_owned) });
        }
    }

    pub(crate) fn add(&self, run: &Arc<Run>) {
        self.lock().runs.insert(run.task(), Arc::clone(run));
    }

    /// Removes a run, unless another of the same task is there by now.
    pub(crate) fn remove(&self, run: &Run) {
        let mut known = self.lock();
        if known.runs.get(&run.task()).is_some_and(|one| std::ptr::eq(Arc::as_ptr(one), run)) {
            known.runs.remove(&run.task());
        }
    }

    /// Returns the runs of one worker.
    pub(crate) fn of(&self, worker: &WorkerId) -> Vec<Arc<Run>> {
        self.lock().runs.values().filter(|run| run.worker() == worker).cloned().collect()
    }

    pub(crate) fn get(&self, id: TaskId) -> Option<Arc<Run>> {
        self.lock().runs.get(&id).cloned()
    }

    /// Returns the workers of this process with their slots.
    pub(crate) fn workers(&self) -> BTreeMap<WorkerId, Arc<Slots>> {
        self.lock().workers.clone()
    }

    pub(crate) fn set_worker(&self, worker: &WorkerId, slots: Option<Arc<Slots>>) {
        let mut known = self.lock();
        match slots {
            Some(slots) => known.workers.insert(worker.clone(), slots),
            None => known.workers.remove(worker),
        };
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}
