//! Waking those who wait for a task's next event or for work, without polling and without a lost wake-up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use errand_core::{StoreError, TaskId};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Enough that writers and waiters rarely meet at one lock.
const SHARDS: usize = 32;

/// Those who wait for a task to change.
#[derive(Default)]
pub(crate) struct Watchers {
    shards: [Mutex<HashMap<TaskId, Watched>>; SHARDS],
    /// How many wait over all shards, so that nobody waiting costs nothing.
    waiting: AtomicUsize,
}

struct Watched {
    notify: Arc<Notify>,
    waiting: usize,
}

impl Watchers {
    /// Waits until `done` says so; it is asked at once and after each change of the task.
    pub(crate) async fn until(
        &self,
        id: TaskId,
        done: impl Fn() -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let watch = Watch::new(self, id);
        wait(&watch.notify, done).await
    }

    /// Wakes those who wait for one of these tasks.
    pub(crate) fn changed(&self, ids: &[TaskId]) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        for id in ids {
            if let Some(watched) = self.shard(*id).get(id) {
                watched.notify.notify_waiters();
            }
        }
    }

    /// Wakes everybody.
    pub(crate) fn all_changed(&self) {
        for shard in &self.shards {
            for watched in lock(shard).values() {
                watched.notify.notify_waiters();
            }
        }
    }

    fn shard(&self, id: TaskId) -> MutexGuard<'_, HashMap<TaskId, Watched>> {
        // The last byte of an id is random.
        lock(&self.shards[usize::from(id.to_bytes()[15]) % SHARDS])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One who waits; leaves no trace when dropped.
struct Watch<'a> {
    watchers: &'a Watchers,
    id: TaskId,
    notify: Arc<Notify>,
}

impl<'a> Watch<'a> {
    fn new(watchers: &'a Watchers, id: TaskId) -> Self {
        watchers.waiting.fetch_add(1, Ordering::SeqCst);
        let mut shard = watchers.shard(id);
        let watched =
            shard.entry(id).or_insert_with(|| Watched { notify: Arc::default(), waiting: 0 });
        watched.waiting += 1;
        Self { watchers, id, notify: watched.notify.clone() }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut shard = self.watchers.shard(self.id);
        if let Some(watched) = shard.get_mut(&self.id) {
            watched.waiting -= 1;
            if watched.waiting == 0 {
                shard.remove(&self.id);
            }
        }
        self.watchers.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Those who wait for work.
#[derive(Default)]
pub(crate) struct WorkSignal {
    /// Whether something came that no claim has seen.
    came: AtomicBool,
    notify: Notify,
}

impl WorkSignal {
    /// Says that a claim should be tried.
    pub(crate) fn raise(&self) {
        if !self.came.swap(true, Ordering::SeqCst) {
            self.notify.notify_waiters();
        }
    }

    /// Says that a claim took all there was.
    pub(crate) fn lower(&self) {
        self.came.store(false, Ordering::SeqCst);
    }

    /// Waits until a claim should be tried.
    pub(crate) async fn raised(&self) {
        // The check cannot fail.
        let _ = wait(&self.notify, || Ok(self.came.load(Ordering::SeqCst))).await;
    }

    /// Wakes everybody, for good.
    pub(crate) fn release(&self) {
        self.came.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }
}

/// Waits for notifications until `done` says so. What happens between a check and the wait for the next
/// notification is not lost, because the wait begins before the check.
async fn wait(
    notify: &Notify,
    done: impl Fn() -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    loop {
        let mut notified: std::pin::Pin<&mut Notified<'_>> = std::pin::pin!(notify.notified());
        notified.as_mut().enable();
        if done()? {
            return Ok(());
        }
        notified.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn watchers_leave_no_trace() {
        let watchers = Watchers::default();
        let id = TaskId::from_parts(1, 7);
        let waiting = watchers.until(id, || Ok(false));
        let soon = tokio::time::timeout(std::time::Duration::ZERO, waiting).await;
        assert!(soon.is_err(), "nothing has changed");
        assert!(watchers.shards.iter().all(|shard| lock(shard).is_empty()));
        assert_eq!(watchers.waiting.load(Ordering::SeqCst), 0);
    }
}
