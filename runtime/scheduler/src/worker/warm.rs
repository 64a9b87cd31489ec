//! Instances that wait and stay in memory, so that they go on at once: within a budget, past which the one
//! that is cheapest to repeat is dropped first. Replay brings it back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use errand_core::TaskId;
use tokio::sync::Notify;

use super::run::{Run, Stop};

/// How much may wait in memory.
#[derive(Debug, Clone, Copy)]
pub struct WarmLimits {
    /// Instances at most. The engine's pool must have that many beyond the slots.
    pub instances: usize,
    /// Their memory at most, in bytes.
    pub memory_bytes: u64,
    /// A longer wait is not spent in memory, in milliseconds.
    pub wait_ms: u64,
}

impl Default for WarmLimits {
    fn default() -> Self {
        Self { instances: 16, memory_bytes: 256 << 20, wait_ms: 60_000 }
    }
}

/// The runs of a worker that wait in memory.
#[derive(Default)]
pub(super) struct Warm(Mutex<HashMap<TaskId, Waiting>>);

struct Waiting {
    run: Arc<Run>,
    memory_bytes: u64,
    /// How it can be dropped.
    drop: HowToDrop,
}

enum HowToDrop {
    /// Not yet: its wait is not on record.
    No,
    /// At once: its wait is on record, and somebody else wakes the task.
    Stop,
    /// By telling it: it waits for what comes to this process, and records that first.
    Tell(Arc<Notify>),
}

impl Warm {
    /// Takes a run in that is about to wait.
    pub(super) fn enter(&self, run: &Arc<Run>, memory_bytes: u64) {
        let waiting = Waiting { run: Arc::clone(run), memory_bytes, drop: HowToDrop::No };
        self.lock().insert(run.task(), waiting);
    }

    /// Takes a run in that waits for answers which come to this process, and drops what is beyond the
    /// limits. Answers who tells it that it is dropped.
    pub(super) fn enter_outside(
        &self,
        run: &Arc<Run>,
        memory_bytes: u64,
        limits: &WarmLimits,
    ) -> Arc<Notify> {
        let told = Arc::<Notify>::default();
        let drop = HowToDrop::Tell(Arc::clone(&told));
        let mut waiting = self.lock();
        waiting.insert(run.task(), Waiting { run: Arc::clone(run), memory_bytes, drop });
        trim(&mut waiting, limits);
        told
    }

    /// Notes that a run's wait is on record, and drops what is beyond the limits.
    pub(super) fn recorded(&self, id: TaskId, limits: &WarmLimits) {
        let mut waiting = self.lock();
        if let Some(one) = waiting.get_mut(&id) {
            one.drop = HowToDrop::Stop;
        }
        trim(&mut waiting, limits);
    }

    /// Takes a run out that is to go on.
    pub(super) fn leave(&self, id: TaskId) -> Option<Arc<Run>> {
        Some(self.lock().remove(&id)?.run)
    }

    /// Forgets a run that has ended.
    pub(super) fn forget(&self, run: &Arc<Run>) {
        let mut waiting = self.lock();
        if waiting.get(&run.task()).is_some_and(|one| Arc::ptr_eq(&one.run, run)) {
            waiting.remove(&run.task());
        }
    }

    /// Drops all whose wait is on record.
    pub(super) fn clear(&self) {
        for (_, one) in self.lock().extract_if(|_, one| matches!(one.drop, HowToDrop::Stop)) {
            one.run.stop(Stop::Cold);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Waiting>> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// Drops what is beyond the limits, the cheapest to repeat first.
fn trim(waiting: &mut HashMap<TaskId, Waiting>, limits: &WarmLimits) {
    loop {
        let memory_bytes: u64 = waiting.values().map(|one| one.memory_bytes).sum();
        if waiting.len() <= limits.instances && memory_bytes <= limits.memory_bytes {
            return;
        }
        let cheapest = waiting
            .iter()
            .filter(|(_, one)| !matches!(one.drop, HowToDrop::No))
            .min_by_key(|(id, one)| (one.run.progress().fuel_used, **id))
            .map(|(id, _)| *id);
        let Some(dropped) = cheapest.and_then(|id| waiting.remove(&id)) else { return };
        match dropped.drop {
            HowToDrop::Tell(told) => told.notify_one(),
            HowToDrop::Stop | HowToDrop::No => dropped.run.stop(Stop::Cold),
        }
    }
}
