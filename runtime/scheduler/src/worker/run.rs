//! One run under way: what it tells the world, in order, and how it is told to stop.
//!
//! Each run has at most one append under way; what comes in the meantime goes into the next. So its
//! events keep their order without a lock across an append, and a task that ends quickly is written
//! in few appends, at best in one.

mod appending;
mod output;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use bytes::Bytes;
use errand_core::{
    AttemptStart, BoxFuture, Draft, Epoch, EventBody, Level, Meter, Principal, Progress, RunHost,
    Stopped, Stream, Task, TaskId, UnixMillis, WorkerId,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::Worker;
use super::logs::Logs;

/// How long a start may wait to be written together with what follows, while tasks are queueing.
const FOLD_MS: u64 = 2;

/// Why a run is stopped.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// Somebody wants the task to stop; that is on record.
    Cancel {
        /// Who.
        by: Principal,
        /// Why, where they said so.
        reason: Option<String>,
    },
    /// The worker stops.
    Drain,
    /// The run has lost the right to append.
    Lost,
}

/// How a run's `started` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Before the run begins.
    Durable,
    /// While it runs.
    AtOnce,
    /// With the next write, after a moment at the latest.
    Folded,
}

/// One run under way.
pub(crate) struct Run {
    me: Weak<Self>,
    worker: Arc<Worker>,
    task: TaskId,
    attempt: u32,
    epoch: Epoch,
    meter: Meter,
    stop: OnceLock<Stop>,
    /// Wakes the one that waits for the stop.
    stopped: Notify,
    /// Wakes writers that wait for room.
    room: Notify,
    pending: Mutex<Pending>,
}

/// What is not written yet.
struct Pending {
    drafts: Vec<Draft>,
    /// Who waits for them.
    waiting: Vec<oneshot::Sender<()>>,
    attempt_start: Option<AttemptStart>,
    logs: Logs,
    /// When what is held back must be written.
    due: Option<UnixMillis>,
    /// The cost of output in `drafts` and in the append under way.
    sealed_bytes: usize,
    /// What of the burst is used up, in bytes, and when that was so.
    burst_used: (u64, UnixMillis),
    appending: bool,
    /// The run's last events are in `drafts` or written.
    ending: bool,
    /// Nothing can be appended any more.
    dead: bool,
    settling: Option<OwnedSemaphorePermit>,
}

impl Run {
    pub(super) fn new(
        worker: Arc<Worker>,
        task: &Task,
        epoch: Epoch,
        logs: Logs,
        settling: OwnedSemaphorePermit,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            worker,
            task: task.id,
            attempt: task.attempt,
            epoch,
            meter: Meter::default(),
            stop: OnceLock::new(),
            stopped: Notify::new(),
            room: Notify::new(),
            pending: Mutex::new(Pending {
                drafts: Vec::with_capacity(2),
                waiting: Vec::new(),
                attempt_start: None,
                logs,
                due: None,
                sealed_bytes: 0,
                burst_used: (0, UnixMillis(0)),
                appending: false,
                ending: false,
                dead: false,
                settling: Some(settling),
            }),
        })
    }

    pub(crate) fn task(&self) -> TaskId {
        self.task
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn worker(&self) -> &WorkerId {
        &self.worker.config.worker
    }

    pub(crate) fn progress(&self) -> Progress {
        self.meter.progress()
    }

    /// Tells the run to stop. The first reason holds.
    pub(crate) fn stop(&self, reason: Stop) {
        if self.stop.set(reason).is_ok() {
            self.stopped.notify_one();
        }
    }

    pub(super) fn stop_reason(&self) -> Option<Stop> {
        self.stop.get().cloned()
    }

    /// Answers when the run is told to stop. For one waiter.
    pub(super) async fn stopped(&self) -> Stop {
        loop {
            if let Some(reason) = self.stop.get() {
                return reason.clone();
            }
            self.stopped.notified().await;
        }
    }

    /// Tells whether its last events are on their way.
    pub(super) fn is_ending(&self) -> bool {
        self.lock().ending
    }

    /// Records the start.
    pub(super) async fn start(
        &self,
        started: EventBody,
        attempt_start: Option<AttemptStart>,
        how: Start,
    ) -> Result<(), Stopped> {
        match self.push_start(started, attempt_start, how) {
            Some(wait) => wait.await.map_err(|_| Stopped),
            None => Ok(()),
        }
    }

    fn push_start(
        &self,
        started: EventBody,
        attempt_start: Option<AttemptStart>,
        how: Start,
    ) -> Option<oneshot::Receiver<()>> {
        let at = self.worker.service.now();
        let by = self.worker.principal.clone();
        let mut pending = self.lock();
        pending.drafts.push(Draft { at, by, progress: None, body: started });
        pending.attempt_start = attempt_start;
        if how == Start::Folded {
            self.hold_back(pending, at.plus_ms(FOLD_MS));
            return None;
        }
        let wait = (how == Start::Durable).then(|| {
            let (written, wait) = oneshot::channel();
            pending.waiting.push(written);
            wait
        });
        self.append_if_idle(pending);
        wait
    }

    /// Records the end, after all output. With no drafts the run just goes away.
    pub(super) fn end(&self, drafts: Vec<Draft>) {
        let progress = self.meter.progress();
        let mut pending = self.lock();
        pending.ending = true;
        pending.due = None;
        if pending.dead || drafts.is_empty() {
            pending.dead = true;
            pending.drafts.clear();
            if !pending.appending {
                self.settle(pending);
            }
            return;
        }
        let lines = pending.logs.take_all();
        self.seal(&mut pending, lines);
        pending.drafts.extend(
            drafts.into_iter().map(|draft| Draft { progress: Some(progress.clone()), ..draft }),
        );
        self.append_if_idle(pending);
    }

    fn is_over(&self, pending: &Pending) -> bool {
        pending.dead || pending.ending || self.stop.get().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl RunHost for Run {
    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn write(
        &self,
        stream: Stream,
        level: Level,
        bytes: Bytes,
    ) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(async move { self.take_output(stream, level, &bytes).await })
    }

    fn record(&self, body: EventBody) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(async move {
            let wait = {
                let mut pending = self.lock();
                if self.is_over(&pending) {
                    return Err(Stopped);
                }
                let lines = pending.logs.take();
                self.seal(&mut pending, lines);
                pending.drafts.push(Draft {
                    at: self.worker.service.now(),
                    by: self.worker.principal.clone(),
                    progress: Some(self.meter.progress()),
                    body,
                });
                let (written, wait) = oneshot::channel();
                pending.waiting.push(written);
                self.append_if_idle(pending);
                wait
            };
            wait.await.map_err(|_| Stopped)
        })
    }
}
