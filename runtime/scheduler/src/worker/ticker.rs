//! Flushes what runs hold back for a moment: a start folded into the next write, and gathered logs.

use std::sync::{Arc, Mutex, MutexGuard};

use errand_core::UnixMillis;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Run, Worker};

/// The runs that hold something back. At most as many as runs that have not settled, and each once for
/// each time that it began to hold something back.
#[derive(Default)]
pub(super) struct Ticker {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    runs: Vec<Arc<Run>>,
    /// When the ticker wakes by itself; nothing: it does not.
    next: Option<UnixMillis>,
}

impl Ticker {
    /// Sees to it that a run is flushed at this moment.
    pub(super) fn flush_at(&self, run: Arc<Run>, at: UnixMillis) {
        let mut waiting = self.lock();
        waiting.runs.push(run);
        if waiting.next.is_none_or(|next| at < next) {
            waiting.next = Some(at);
            drop(waiting);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// Flushes until the worker is finished.
pub(super) async fn tick(worker: Arc<Worker>, finished: CancellationToken) {
    let mut runs: Vec<Arc<Run>> = Vec::new();
    loop {
        runs.append(&mut worker.ticker.lock().runs);
        let now = worker.service.now();
        let mut next: Option<UnixMillis> = None;
        runs.retain(|run| match run.flush_due(now) {
            Some(due) => {
                next = Some(next.map_or(due, |next| next.min(due)));
                true
            }
            None => false,
        });
        {
            let mut waiting = worker.ticker.lock();
            if !waiting.runs.is_empty() {
                continue;
            }
            waiting.next = next;
        }
        let timer = &worker.service.0.parts.timer;
        tokio::select! {
            () = finished.cancelled() => return,
            () = worker.ticker.wake.notified() => {}
            () = timer.sleep_until(next.unwrap_or_default()), if next.is_some() => {}
        }
    }
}
