//! Claiming tasks for free slots, woken by the store and never by a poll.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use errand_core::{BoxFuture, Claim, UnixMillis};
use tokio_util::sync::CancellationToken;

use super::{Worker, lane};

/// How long to leave a failing store alone.
pub(super) const STORE_RETRY_MS: u64 = 1_000;
/// How long tasks may be held ahead while no lane takes one.
const STALLED_MS: u64 = 100;

/// Claims until the worker is told to stop.
pub(super) async fn claim(worker: &Arc<Worker>, shutdown: &CancellationToken) {
    let mut paused = worker.service.0.paused.subscribe();
    // Whether the last claim brought all that there was, and when there is more.
    let mut exhausted = false;
    let mut next_due = None;
    while !shutdown.is_cancelled() {
        if *paused.borrow_and_update() {
            worker.release_ready().await;
            exhausted = false;
            tokio::select! {
                () = shutdown.cancelled() => {}
                changed = paused.changed() => if changed.is_err() { return },
            }
            continue;
        }
        let want = worker.want();
        if want > 0 && !exhausted {
            match worker.claim_some(want).await {
                Some(claimed) => {
                    exhausted = claimed.0 < want;
                    next_due = claimed.1;
                }
                None => {
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = worker.after(STORE_RETRY_MS) => {}
                    }
                }
            }
            continue;
        }
        let holding = !worker.ready().is_empty();
        let taken = worker.taken.load(Ordering::Relaxed);
        tokio::select! {
            () = shutdown.cancelled() => {}
            changed = paused.changed() => if changed.is_err() { return },
            () = worker.hungry.notified() => lane::open(worker),
            () = worker.service.store().claimable(), if exhausted && want > 0 => exhausted = false,
            () = worker.at(next_due), if exhausted && want > 0 && next_due.is_some() => {
                exhausted = false;
            }
            () = worker.after(STALLED_MS), if holding => {
                if worker.taken.load(Ordering::Relaxed) == taken {
                    // Long tasks hold all slots: what is held ahead may go elsewhere, and what comes
                    // in with a higher priority goes first.
                    worker.pace_us.store(STALLED_MS * 1_000, Ordering::Relaxed);
                    worker.release_ready().await;
                    exhausted = false;
                }
            }
        }
    }
}

impl Worker {
    /// Returns how many tasks to claim now.
    fn want(&self) -> usize {
        let free = self.slots.free();
        let prefetch = self.prefetch();
        let held = self.ready().len();
        if held > free + prefetch / 2 { 0 } else { (free + prefetch).saturating_sub(held) }
    }

    /// Claims up to `want` tasks and puts them into lanes. Answers how many came and when there are
    /// more; nothing when the store failed.
    async fn claim_some(self: &Arc<Self>, want: usize) -> Option<(usize, Option<UnixMillis>)> {
        let now = self.service.now();
        let claim = Claim {
            worker: self.config.worker.clone(),
            max: want,
            now,
            lease_until: now.plus_ms(self.config.lease_ms),
        };
        match self.service.store().claim(claim).await {
            Ok(claims) => {
                let count = claims.items.len();
                self.ready().extend(claims.items);
                lane::open(self);
                Some((count, claims.next_due))
            }
            Err(error) => {
                tracing::error!(%error, "no task could be claimed");
                None
            }
        }
    }

    pub(super) fn after(&self, ms: u64) -> BoxFuture<'static, ()> {
        self.service.0.parts.timer.sleep_until(self.service.now().plus_ms(ms))
    }

    pub(super) fn at(&self, moment: Option<UnixMillis>) -> BoxFuture<'static, ()> {
        self.service.0.parts.timer.sleep_until(moment.unwrap_or_default())
    }
}
