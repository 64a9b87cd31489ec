//! One run under way: what it tells the world, in order, and how it is told to stop.
//!
//! Each run has at most one append under way; what comes in the meantime goes into the next. So its
//! events keep their order without a lock across an append, and a task that ends quickly is written
//! in few appends, at best in one.

mod appending;
mod output;
mod outside;
mod waiting;
mod world;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use bytes::Bytes;
use errand_core::{
    AttemptStart, BoxFuture, DocChange, Draft, Epoch, EventBody, JournalEntry, Kept, Level,
    LogOffsets, Meter, NewTask, Outside, Principal, Progress, Record, RunHost, Saved, Stopped,
    Stream, Task, TaskId, UnixMillis, Wait, WorkerId, World,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::Worker;
use super::logs::Logs;
use super::slots::Slot;

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
    /// Its task waits, and is to go on in another run.
    Cold,
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

/// What earlier runs of an attempt left.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    /// What the attempt started from, where it has.
    pub(super) start: Option<&'a AttemptStart>,
    /// What its calls were answered.
    pub(super) journal: &'a [JournalEntry],
}

/// One run under way.
pub(crate) struct Run {
    me: Weak<Self>,
    worker: Arc<Worker>,
    task: TaskId,
    /// The task as it was when it was claimed.
    claimed: Task,
    attempt: u32,
    epoch: Epoch,
    /// How many children it has spawned and approvals it has asked for, those included that are not
    /// written yet.
    numbers: Numbers,
    meter: Meter,
    stop: OnceLock<Stop>,
    /// Wakes the one that waits for the stop.
    stopped: Notify,
    /// Wakes writers that wait for room.
    room: Notify,
    /// Wakes the guest that waits.
    woken: Notify,
    /// Whether the task waits, and so has no lease to renew.
    waiting: AtomicBool,
    /// Whether it ever did.
    waited: AtomicBool,
    slot: Arc<Slot>,
    pending: Mutex<Pending>,
}

/// The last numbers that a run gave.
struct Numbers {
    child: AtomicU32,
    approval: AtomicU32,
}

/// What is not written yet.
struct Pending {
    drafts: Vec<Draft>,
    /// Tasks to create with them.
    tasks: Vec<NewTask>,
    /// Documents to write with them.
    docs: Vec<DocChange>,
    /// Calls to journal with them.
    entries: Vec<JournalEntry>,
    /// What of the journal another attempt would keep.
    kept: Option<Kept>,
    /// Who waits for them.
    waiting: Vec<oneshot::Sender<()>>,
    attempt_start: Option<AttemptStart>,
    /// What is written with the `checkpoint_saved` among `drafts`.
    saved: Option<Box<Saved>>,
    logs: Logs,
    /// When what is held back must be written.
    due: Option<UnixMillis>,
    /// What is in `drafts` and `entries`, in bytes.
    sealed_bytes: usize,
    /// What is in the append under way.
    flying_bytes: usize,
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
        before: Before<'_>,
        slot: Arc<Slot>,
        settling: OwnedSemaphorePermit,
    ) -> Arc<Self> {
        let meter = match before.start {
            Some(_) => Meter::resuming(task.progress.clone()),
            None => Meter::default(),
        };
        let said = before.start.map_or(LogOffsets::default(), |start| start.said);
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            worker,
            task: task.id,
            claimed: task.clone(),
            numbers: Numbers {
                child: AtomicU32::new(task.around.spawned),
                approval: AtomicU32::new(task.around.asked),
            },
            attempt: task.attempt,
            epoch,
            meter,
            stop: OnceLock::new(),
            stopped: Notify::new(),
            room: Notify::new(),
            woken: Notify::new(),
            waiting: AtomicBool::new(false),
            waited: AtomicBool::new(false),
            slot,
            pending: Mutex::new(Pending {
                drafts: Vec::with_capacity(2),
                tasks: Vec::new(),
                docs: Vec::new(),
                entries: Vec::new(),
                kept: Kept::of(before.journal),
                waiting: Vec::new(),
                attempt_start: None,
                saved: None,
                logs: Logs::new(task.logged, said.plus(task.attempt_logged)),
                due: None,
                sealed_bytes: 0,
                flying_bytes: 0,
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

    /// Tells whether its task waits.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Tells whether it ever waited without a slot.
    pub(super) fn has_waited(&self) -> bool {
        self.waited.load(Ordering::Acquire)
    }

    /// Takes note that it waits without a slot, whether its task does or not.
    fn note_waited(&self) {
        self.waited.store(true, Ordering::Release);
    }

    fn set_waiting(&self, waiting: bool) {
        self.waited.fetch_or(waiting, Ordering::AcqRel);
        self.waiting.store(waiting, Ordering::Release);
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
    pub(super) fn end(&self, drafts: Vec<Draft>, saved: Option<Box<Saved>>) {
        let progress = self.meter.progress();
        let mut pending = self.lock();
        pending.ending = true;
        pending.due = None;
        if pending.dead || drafts.is_empty() {
            pending.dead = true;
            pending.forget();
            if !pending.appending {
                self.settle(pending);
            }
            return;
        }
        if saved.is_some() {
            // What the calls were answered is told to nobody again.
            pending.entries.clear();
            pending.saved = saved;
        }
        // An interrupted run is repeated: what is no whole character yet comes again.
        let repeats = |draft: &Draft| matches!(draft.body, EventBody::Interrupted { .. });
        let lines = match drafts.iter().any(repeats) {
            true => pending.logs.take(),
            false => pending.logs.take_all(),
        };
        self.seal(&mut pending, lines);
        // The end was noted before the lines that were left were, and comes after them.
        let last = pending.drafts.last().map_or(UnixMillis(0), |draft| draft.at);
        pending.drafts.extend(drafts.into_iter().map(|draft| Draft {
            at: draft.at.max(last),
            progress: Some(progress.clone()),
            ..draft
        }));
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

    fn now(&self) -> UnixMillis {
        self.worker.service.now()
    }

    fn record(&self, record: Record) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(self.take_record(record))
    }

    fn durable(&self) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(self.durable_so_far())
    }

    fn world(&self) -> Option<&dyn World> {
        Some(self)
    }

    fn outside(&self, wait: Outside) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(self.wait_outside(wait))
    }

    fn wait(&self, wait: Wait) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(self.wait_for(wait))
    }
}
