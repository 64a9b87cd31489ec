//! The worker's side: claim, lease, run, retry, recover, drain.
//!
//! One loop claims ([`claiming`]); lanes, one for each slot in use, run what was claimed on the guests'
//! runtime ([`lane`]); each run writes its own events in the order in which they happened ([`run`]);
//! one ticker flushes what may wait a little ([`ticker`]); one heartbeat renews leases and takes over
//! those of others that ran out ([`leases`]).

mod claiming;
mod ending;
mod lane;
mod leases;
mod logs;
mod run;
mod slots;
mod ticker;
mod wakes;
mod warm;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use errand_core::{Claimed, Principal, UnixMillis, WorkerId};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use run::{Run, Stop};
pub(crate) use slots::Slots;
pub use warm::WarmLimits;

use crate::service::{Service, ServiceError};
use warm::Warm;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// Who it is. Unique among the processes that share a store.
    pub worker: WorkerId,
    /// How many tasks run at once; at least 1.
    pub slots: usize,
    /// How long a lease lasts unless it is renewed; it is renewed at a third of that.
    pub lease_ms: u64,
    /// How long running tasks may take to end once the worker is told to stop.
    pub drain_ms: u64,
    /// What may wait in memory.
    pub warm: WarmLimits,
}

impl SchedulerConfig {
    /// Returns what suits one machine: a slot for each core.
    pub fn new(worker: WorkerId) -> Self {
        let slots = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let warm = WarmLimits::default();
        Self { worker, slots, lease_ms: 30_000, drain_ms: 30_000, warm }
    }
}

/// A worker that has started. It works until its shutdown token is cancelled.
pub struct Scheduler {
    done: tokio::task::JoinHandle<()>,
}

impl Scheduler {
    /// Recovers what an earlier process left running, and starts to claim and run tasks.
    ///
    /// Guests run on the runtime of `guests`, so that those who wait for the calling runtime don't wait
    /// for guests. Everything else runs on the runtime that this is called on. When `shutdown` is
    /// cancelled, the worker drains: it claims no more, waits for what runs, and hands the rest back.
    ///
    /// # Errors
    /// When the store fails during recovery.
    pub async fn start(
        service: Service,
        config: SchedulerConfig,
        guests: Handle,
        shutdown: CancellationToken,
    ) -> Result<Self, ServiceError> {
        let worker = Arc::new(Worker::new(service, config, guests));
        worker.recover().await?;
        worker.service.refresh_grants().await?;
        worker.service.refresh_paused().await?;
        worker.service.0.runs.set_worker(&worker.config.worker, Some(Arc::clone(&worker.slots)));
        let done = tokio::spawn(work(worker, shutdown));
        Ok(Self { done })
    }

    /// Answers when the worker has drained.
    pub async fn stopped(self) {
        if let Err(error) = self.done.await {
            tracing::error!(%error, "the worker ended early");
        }
    }
}

async fn work(worker: Arc<Worker>, shutdown: CancellationToken) {
    let finished = CancellationToken::new();
    let ticker = tokio::spawn(ticker::tick(Arc::clone(&worker), finished.clone()));
    let heartbeat = tokio::spawn(leases::beat(Arc::clone(&worker), finished.clone()));
    let waker = tokio::spawn(wakes::wake(Arc::clone(&worker), finished.clone()));
    let closer = tokio::spawn(close_left(Arc::clone(&worker), finished.clone()));
    claiming::claim(&worker, &shutdown).await;
    worker.drain().await;
    finished.cancel();
    for background in [ticker, heartbeat, waker, closer] {
        if let Err(error) = background.await {
            tracing::error!(%error, "a part of the worker ended early");
        }
    }
    worker.service.0.runs.set_worker(&worker.config.worker, None);
}

/// Closes the questions of tasks whose process died before it could.
async fn close_left(worker: Arc<Worker>, finished: CancellationToken) {
    tokio::select! {
        () = finished.cancelled() => {}
        closed = worker.service.withdraw_left_approvals() => if let Err(error) = closed {
            tracing::error!(%error, "questions that nobody needs an answer to were not closed");
        }
    }
}

/// Runs whose last events are on their way to the disk, at most: what bounds the memory they hold
/// while lanes go on to the next tasks.
const MAX_SETTLING: usize = 1_024;
/// Tasks claimed ahead of a free slot, at most.
const MAX_PREFETCH: usize = 128;
/// Tasks that hold their lanes for less than this on average are quick.
const QUICK_US: u64 = 1_000;
/// How much work is claimed ahead: enough that lanes don't wait for a claim, little enough that a task
/// of higher priority does not wait for long.
const PREFETCH_US: u64 = 10_000;
/// How many tasks that are older than this process start only once their `started` is durable. One of
/// those that were claimed when an earlier process died may have killed it before that was on record;
/// it is claimed again among the first, and is counted this time.
const PROBATION: usize = 2 * (MAX_PREFETCH + MAX_SETTLING);
/// How long stopped guests may take to end during a drain, before they are left behind.
const STOP_MS: u64 = 5_000;

/// What the parts of one worker share.
pub(crate) struct Worker {
    service: Service,
    config: SchedulerConfig,
    /// Who causes its events.
    principal: Principal,
    engine: String,
    began_at: UnixMillis,
    /// Where the worker's own parts run.
    io: Handle,
    /// Where guests run.
    guests: Handle,
    /// Lanes and appends under way.
    under_way: TaskTracker,
    /// Claimed, and not yet in a lane.
    ready: Mutex<VecDeque<Claimed>>,
    slots: Arc<Slots>,
    warm: Warm,
    /// Tells the claiming loop to look again.
    hungry: Arc<Notify>,
    draining: AtomicBool,
    /// Told when a drain has waited long enough.
    given_up: CancellationToken,
    /// Tasks taken by lanes so far.
    taken: AtomicU64,
    /// Moving average of how long a task holds its lane, in µs.
    pace_us: AtomicU64,
    settling: Arc<Semaphore>,
    probation: AtomicUsize,
    ticker: ticker::Ticker,
}

impl Worker {
    fn new(service: Service, config: SchedulerConfig, guests: Handle) -> Self {
        let hungry = Arc::new(Notify::new());
        let id = config.worker.as_str();
        let principal = Principal::new(&format!("worker:{id}"))
            .or_else(|_| Principal::new(id))
            .expect("a worker's id is printable, as a principal is");
        Self {
            principal,
            engine: service.0.parts.runner.compatibility().to_owned(),
            began_at: service.now(),
            io: Handle::current(),
            guests,
            under_way: TaskTracker::new(),
            ready: Mutex::default(),
            slots: Slots::new(config.slots.max(1), Arc::clone(&hungry)),
            warm: Warm::default(),
            hungry,
            draining: AtomicBool::new(false),
            given_up: CancellationToken::new(),
            taken: AtomicU64::new(0),
            pace_us: AtomicU64::new(u64::MAX),
            settling: Arc::new(Semaphore::new(MAX_SETTLING)),
            probation: AtomicUsize::new(PROBATION),
            ticker: ticker::Ticker::default(),
            service,
            config,
        }
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<Claimed>> {
        self.ready.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Takes the next claimed task, and tells whether more are waiting.
    fn take(&self) -> Option<(Claimed, bool)> {
        if self.is_draining() {
            return None;
        }
        let mut ready = self.ready();
        let claimed = ready.pop_front()?;
        let left = ready.len();
        drop(ready);
        self.taken.fetch_add(1, Ordering::Relaxed);
        if left == self.prefetch() / 2 || left == 0 {
            self.hungry.notify_one();
        }
        Some((claimed, left > 0))
    }

    /// Returns how many tasks to hold beyond those that run: more, the shorter they are.
    fn prefetch(&self) -> usize {
        let pace_us = self.pace_us.load(Ordering::Relaxed).max(1);
        let slots = u64::try_from(self.config.slots).unwrap_or(u64::MAX);
        let tasks = slots.saturating_mul(PREFETCH_US) / pace_us;
        usize::try_from(tasks).unwrap_or(MAX_PREFETCH).min(MAX_PREFETCH)
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    fn note_pace(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 8);
        let before = self.pace_us.load(Ordering::Relaxed);
        let after = if before == u64::MAX { took } else { before - before / 8 + took / 8 };
        self.pace_us.store(after, Ordering::Relaxed);
    }

    /// Returns where appends wait: beside the guests while those are quick, which saves waking another
    /// thread for each; away from guests that could keep an append waiting.
    fn where_to_append(&self) -> &Handle {
        let quick = self.pace_us.load(Ordering::Relaxed) < QUICK_US;
        if quick { &self.guests } else { &self.io }
    }

    /// Gives back what is claimed and in no lane yet.
    async fn release_ready(&self) {
        let held: Vec<Claimed> = self.ready().drain(..).collect();
        for claimed in held {
            if let Err(error) = self.service.store().release(claimed.task.id, claimed.epoch).await {
                tracing::warn!(task = %claimed.task.id, %error, "a claimed task was not given back");
            }
        }
    }

    /// Waits for what runs, then stops what still does.
    async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.release_ready().await;
        // Who waits needs nobody here: another run goes on.
        self.warm.clear();
        self.under_way.close();
        let parts = &self.service.0.parts;
        let until = |ms| parts.timer.sleep_until(parts.clock.now().plus_ms(ms));
        tokio::select! {
            () = self.under_way.wait() => return,
            () = until(self.config.drain_ms) => {}
        }
        self.given_up.cancel();
        for run in self.service.0.runs.of(&self.config.worker) {
            run.stop(Stop::Drain);
        }
        tokio::select! {
            () = self.under_way.wait() => {}
            () = until(STOP_MS) => tracing::error!("some runs did not stop, and are left behind"),
        }
    }
}
