//! One run under way: what it tells the world, in order, and how it is told to stop.
//!
//! Each run has at most one append under way; what comes in the meantime goes into the next. So its
//! events keep their order without a lock across an append, and a task that ends quickly is written
//! in few appends, at best in one.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use bytes::Bytes;
use errand_core::{
    Append, AttemptStart, BoxFuture, Draft, Epoch, EventBody, Guard, Level, LogLine, Meter,
    Principal, Progress, RunHost, Status, Stopped, StoreError, Stream, Task, TaskId, UnixMillis,
    WorkerId,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::Worker;
use super::logs::{Logs, cost_bytes};
use crate::service::cancelled;

/// How long a start may wait to be written together with what follows, while tasks are queueing.
const FOLD_MS: u64 = 2;
/// How long output may wait to be written together with what follows.
const GATHER_MS: u64 = 100;
/// Output that is not kept waiting any longer.
const GATHER_BYTES: usize = 32 << 10;
/// Output on its way to the disk, at most; past it the guest waits.
const MAX_WAITING_BYTES: usize = 256 << 10;
/// What a guest may write in the long run, bytes per millisecond (4 MiB/s)…
const LOG_BYTES_PER_MS: u64 = 4 << 10;
/// …and at once.
const LOG_BURST_BYTES: u64 = 4 << 20;
/// How often a cancel that came while the run ended is tried before it is left to the next claim.
const MAX_CANCEL_TRIES: usize = 8;

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

impl Pending {
    /// Takes what the next append is made of: everything, but never a start together with what puts
    /// the task back into the queue. The one begins the lease and the other ends it.
    fn take_drafts(&mut self) -> Vec<Draft> {
        let requeues = |draft: &Draft| {
            matches!(
                draft.body,
                EventBody::RetryScheduled { .. }
                    | EventBody::Interrupted { .. }
                    | EventBody::CheckpointSaved { .. }
            )
        };
        let starts = |draft: &Draft| matches!(draft.body, EventBody::Started { .. });
        let rest = if self.drafts.first().is_some_and(starts) && self.drafts.iter().any(requeues) {
            self.drafts.split_off(1)
        } else {
            Vec::new()
        };
        std::mem::replace(&mut self.drafts, rest)
    }
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

    /// Writes what was held back until now. Answers when there is something to write later.
    pub(super) fn flush_due(&self, now: UnixMillis) -> Option<UnixMillis> {
        let mut pending = self.lock();
        let due = pending.due?;
        if due > now {
            return Some(due);
        }
        let lines = pending.logs.take();
        self.seal(&mut pending, lines);
        self.append_if_idle(pending);
        None
    }

    /// Makes events of output.
    fn seal(&self, pending: &mut Pending, lines: Vec<LogLine>) {
        pending.due = None;
        if lines.is_empty() {
            return;
        }
        let at = self.worker.service.now();
        let progress = self.meter.progress();
        for line in lines {
            pending.sealed_bytes += cost_bytes(&line);
            pending.drafts.push(Draft {
                at,
                by: self.worker.principal.clone(),
                progress: Some(progress.clone()),
                body: EventBody::Log(line),
            });
        }
    }

    fn hold_back(&self, mut pending: MutexGuard<'_, Pending>, until: UnixMillis) {
        if pending.due.is_none() {
            pending.due = Some(until);
            drop(pending);
            if let Some(me) = self.me.upgrade() {
                self.worker.ticker.flush_at(me, until);
            }
        }
    }

    /// Starts to append what is pending, unless that is going on.
    fn append_if_idle(&self, mut pending: MutexGuard<'_, Pending>) {
        if pending.appending || pending.drafts.is_empty() || pending.dead {
            return;
        }
        pending.appending = true;
        drop(pending);
        if let Some(me) = self.me.upgrade() {
            self.worker.under_way.spawn_on(me.append_all(), &self.worker.io);
        }
    }

    /// Appends until nothing is pending.
    async fn append_all(self: Arc<Self>) {
        loop {
            let (append, waiting) = {
                let mut pending = self.lock();
                if pending.dead || pending.drafts.is_empty() {
                    pending.appending = false;
                    if pending.dead && pending.ending {
                        self.settle(pending);
                    }
                    return;
                }
                let drafts = pending.take_drafts();
                let attempt_start = pending.attempt_start.take();
                let guard = Guard::Lease(self.epoch);
                let append = Append { task: self.task, guard, drafts, attempt_start };
                (append, std::mem::take(&mut pending.waiting))
            };
            match self.worker.service.store().append(append).await {
                Ok(task) => {
                    for waiter in waiting {
                        // Who does not wait any more was stopped.
                        let _ = waiter.send(());
                    }
                    if self.appended(&task).await {
                        return;
                    }
                }
                Err(error) => self.lose(&error),
            }
        }
    }

    /// Takes note of what was written. Tells whether that was the end.
    async fn appended(&self, task: &Task) -> bool {
        let done = {
            let mut pending = self.lock();
            pending.sealed_bytes = pending
                .drafts
                .iter()
                .map(|draft| match &draft.body {
                    EventBody::Log(line) => cost_bytes(line),
                    _ => 0,
                })
                .sum();
            let done = pending.ending && pending.drafts.is_empty();
            if done {
                pending.appending = false;
                self.settle(pending);
            }
            done
        };
        self.room.notify_waiters();
        if done && task.cancel_requested && !task.status.is_terminal() {
            self.cancel_after_end(task.clone()).await;
        }
        done
    }

    /// Ends a task whose cancel was recorded while its run ended otherwise.
    async fn cancel_after_end(&self, mut task: Task) {
        let store = self.worker.service.store();
        for _ in 0..MAX_CANCEL_TRIES {
            if !task.cancel_requested || !matches!(task.status, Status::Queued | Status::Waiting) {
                return;
            }
            let by = self.worker.principal.clone();
            let draft = Draft {
                at: self.worker.service.now(),
                body: cancelled(task.attempt, &by, None),
                by,
                progress: None,
            };
            let guard = Guard::Version(task.version);
            let append = Append { task: task.id, guard, drafts: vec![draft], attempt_start: None };
            match store.append(append).await {
                Err(StoreError::Conflict) => match store.task(self.task).await {
                    Ok(Some(again)) => task = again,
                    _ => return,
                },
                _ => return,
            }
        }
    }

    /// Gives up: nothing of this run counts any more.
    fn lose(&self, error: &StoreError) {
        match error {
            StoreError::Conflict | StoreError::NotFound(_) | StoreError::Illegal(_) => {
                tracing::info!(task = %self.task, %error, "a run has lost its task");
            }
            _ => tracing::error!(task = %self.task, %error, "the events of a run were not written"),
        }
        let mut pending = self.lock();
        pending.dead = true;
        pending.drafts.clear();
        pending.waiting.clear();
        drop(pending);
        self.stop(Stop::Lost);
        self.room.notify_waiters();
    }

    /// Forgets the run: its end is durable, or somebody else's business.
    fn settle(&self, mut pending: MutexGuard<'_, Pending>) {
        let settling = pending.settling.take();
        drop(pending);
        self.worker.service.0.runs.remove(self);
        drop(settling);
    }

    fn is_over(&self, pending: &Pending) -> bool {
        pending.dead || pending.ending || self.stop.get().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    async fn take_output(&self, stream: Stream, level: Level, bytes: &[u8]) -> Result<(), Stopped> {
        let ahead_until = loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut pending = self.lock();
                if self.is_over(&pending) {
                    return Err(Stopped);
                }
                if pending.sealed_bytes + pending.logs.cost_bytes() < MAX_WAITING_BYTES {
                    break self.gather(pending, stream, level, bytes);
                }
                let lines = pending.logs.take();
                self.seal(&mut pending, lines);
                self.append_if_idle(pending);
            }
            room.await;
        };
        if let Some(until) = ahead_until {
            self.worker.service.0.parts.timer.sleep_until(until).await;
        }
        Ok(())
    }

    /// Takes output. Answers until when the guest must wait if it is too fast.
    fn gather(
        &self,
        mut pending: MutexGuard<'_, Pending>,
        stream: Stream,
        level: Level,
        bytes: &[u8],
    ) -> Option<UnixMillis> {
        let now = self.worker.service.now();
        let cost = pending.logs.write(stream, level, bytes);
        let (used, at) = pending.burst_used;
        let given_back = now.since_ms(at).saturating_mul(LOG_BYTES_PER_MS);
        let used = used.saturating_sub(given_back) + cost as u64;
        pending.burst_used = (used, now);
        if pending.logs.cost_bytes() >= GATHER_BYTES {
            let lines = pending.logs.take();
            self.seal(&mut pending, lines);
            self.append_if_idle(pending);
        } else {
            self.hold_back(pending, now.plus_ms(GATHER_MS));
        }
        let too_much = used.saturating_sub(LOG_BURST_BYTES);
        (too_much > 0).then(|| now.plus_ms(too_much.div_ceil(LOG_BYTES_PER_MS)))
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
