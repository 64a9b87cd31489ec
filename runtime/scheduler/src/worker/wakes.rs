//! Waking tasks whose time is up: those in memory go on, the others are queued ahead of new work.

use std::sync::Arc;

use errand_core::{
    Answer, Answered, Append, Draft, EventBody, Guard, JournalEntry, Status, StoreError, Task,
    TaskId, WaitingFor,
};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::claiming::STORE_RETRY_MS;
use crate::service::ServiceError;

/// How many due tasks are taken at once.
const TAKEN_MAX: usize = 1_024;
/// Wake-ups under way at once: enough to share the store's syncs.
const CONCURRENT_WAKES: usize = 256;
/// How often a wake-up starts over because the task changed under it.
const MAX_TRIES: usize = 8;

/// Wakes tasks until the worker is finished.
pub(super) async fn wake(worker: Arc<Worker>, finished: CancellationToken) {
    let store = worker.service.store();
    loop {
        let due = store.take_due(worker.service.now(), TAKEN_MAX).await;
        // A store that fails would say at once that something has changed.
        let failed = due.is_err();
        let next = match due {
            Ok(due) => {
                let woken = due.items.into_iter().map(|id| worker.go_on(id));
                stream::iter(woken).buffer_unordered(CONCURRENT_WAKES).collect::<()>().await;
                due.next
            }
            Err(error) => {
                tracing::error!(%error, "due tasks could not be found");
                Some(worker.service.now().plus_ms(STORE_RETRY_MS))
            }
        };
        tokio::select! {
            () = finished.cancelled() => return,
            () = store.due_changed(), if !failed => {}
            () = worker.at(next), if next.is_some() => {}
        }
    }
}

impl Worker {
    /// Lets a task go on whose time is up.
    pub(in crate::worker) async fn go_on(&self, id: TaskId) {
        if self.warm.leave(id).is_some_and(|run| run.wake()) {
            return;
        }
        let is_due = |task: &Task| task.wait_until.is_some_and(|until| until <= self.service.now());
        while let Err(error) = self.requeue(id, &[], is_due).await {
            tracing::error!(task = %id, %error, "a waiting task could not be woken");
            // The next start finds it due.
            if self.is_draining() {
                return;
            }
            self.after(STORE_RETRY_MS).await;
        }
    }

    /// Queues a waiting task that is in no memory, with the answers that it has got, as long as it waits for
    /// what the caller means.
    ///
    /// # Errors
    /// When the store fails, or the task is changed by others again and again.
    pub(in crate::worker) async fn requeue(
        &self,
        id: TaskId,
        answers: &[Answered],
        is_meant: impl Fn(&Task) -> bool,
    ) -> Result<(), ServiceError> {
        let store = self.service.store();
        for _ in 0..MAX_TRIES {
            let Some(task) = store.task(id).await? else { return Ok(()) };
            if task.status != Status::Waiting || !is_meant(&task) {
                return Ok(());
            }
            let mut bodies: Vec<EventBody> =
                answers.iter().flat_map(|answered| answered.events.clone()).collect();
            if task.waiting_for == Some(WaitingFor::Timer) {
                bodies.push(fired(&store.journal(id).await?));
            }
            bodies.push(EventBody::Resumed { warm: false });
            let at = self.service.now();
            let by = &self.principal;
            let draft = |body| Draft { at, by: by.clone(), progress: None, body };
            let drafts = bodies.into_iter().map(draft).collect();
            let append = Append {
                entries: answers.iter().map(|answered| answered.entry.clone()).collect(),
                ..Append::new(id, Guard::Version(task.version), drafts)
            };
            match store.append(append).await {
                Err(StoreError::Conflict) => {}
                Ok(_) | Err(StoreError::NotFound(_) | StoreError::Illegal(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

/// Returns the event of the timer that a journal ends with.
fn fired(journal: &[JournalEntry]) -> EventBody {
    let waits = |entry: &&JournalEntry| matches!(entry.answer, Answer::Awaited { .. });
    let ordinal = journal.last().filter(waits).map_or(0, |entry| entry.ordinal);
    EventBody::TimerFired { ordinal }
}
