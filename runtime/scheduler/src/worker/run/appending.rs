//! Appending a run's events, one append at a time, until the last one is durable.

use std::sync::{Arc, MutexGuard};

use errand_core::{
    Append, AttemptStart, Checkpoint, DocChange, Draft, ErrorCode, EventBody, Guard, JournalEntry,
    Kept, NewTask, Status, StoreError, Task,
};

use super::{Pending, Run, Stop};
use crate::service::cancelled;

/// How often a cancel that came while the run ended is tried before it is left to the next claim.
const MAX_CANCEL_TRIES: usize = 8;

impl Run {
    /// Starts to append what is pending, unless that is going on.
    pub(super) fn append_if_idle(&self, mut pending: MutexGuard<'_, Pending>) {
        if pending.appending || pending.is_empty() || pending.dead {
            return;
        }
        pending.appending = true;
        drop(pending);
        if let Some(me) = self.me.upgrade() {
            self.worker.under_way.spawn_on(me.append_all(), self.worker.where_to_append());
        }
    }

    /// Appends until nothing is pending.
    async fn append_all(self: Arc<Self>) {
        loop {
            let (append, waiting) = {
                let mut pending = self.lock();
                if pending.dead || pending.is_empty() {
                    pending.appending = false;
                    if !pending.dead {
                        // All that they wait for is written.
                        for waiter in pending.waiting.drain(..) {
                            let _ = waiter.send(());
                        }
                    }
                    if pending.dead && pending.ending {
                        self.settle(pending);
                    }
                    return;
                }
                let drafts = pending.take_drafts();
                // The events of calls are never durable after the calls.
                let (entries, tasks, docs) = match pending.drafts.is_empty() {
                    true => pending.take_beside(),
                    false => Default::default(),
                };
                let (attempt_start, checkpoint) = pending.take_starts(&drafts);
                let append = Append {
                    attempt_start,
                    checkpoint,
                    entries,
                    tasks,
                    docs,
                    kept: kept(&drafts, pending.kept),
                    ..Append::new(self.task, Guard::Lease(self.epoch), drafts)
                };
                pending.flying_bytes = std::mem::take(&mut pending.sealed_bytes);
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
            pending.flying_bytes = 0;
            let done = pending.ending && pending.is_empty();
            if done {
                pending.appending = false;
                self.settle(pending);
            }
            done
        };
        self.room.notify_waiters();
        if !done {
            return false;
        }
        let cancelled = task.cancel_requested && !task.status.is_terminal();
        let after = if cancelled { self.cancel_after_end(task.clone()).await } else { None };
        let task = after.as_ref().unwrap_or(task);
        if task.status.is_terminal()
            && !task.around.is_alone()
            && let Err(error) = self.worker.service.wind_up(task).await
        {
            tracing::error!(task = %task.id, %error, "what a task left behind was not seen to");
        }
        true
    }

    /// Ends a task whose cancel was recorded while its run ended otherwise.
    async fn cancel_after_end(&self, mut task: Task) -> Option<Task> {
        let store = self.worker.service.store();
        for _ in 0..MAX_CANCEL_TRIES {
            if !task.cancel_requested || !matches!(task.status, Status::Queued | Status::Waiting) {
                return None;
            }
            let by = self.worker.principal.clone();
            let draft = Draft {
                at: self.worker.service.now(),
                body: cancelled(task.attempt, &by, None),
                by,
                progress: None,
            };
            let guard = Guard::Version(task.version);
            let append = Append::new(task.id, guard, vec![draft]);
            match store.append(append).await {
                Err(StoreError::Conflict) => match store.task(self.task).await {
                    Ok(Some(again)) => task = again,
                    _ => return None,
                },
                appended => return appended.ok(),
            }
        }
        None
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
        pending.forget();
        pending.waiting.clear();
        drop(pending);
        self.stop(Stop::Lost);
        self.room.notify_waiters();
        if self.is_waiting() {
            // It was to go on in this run, and nobody else was told.
            let (worker, task) = (Arc::clone(&self.worker), self.task);
            self.worker.io.spawn(async move { worker.go_on(task).await });
        }
    }

    /// Forgets the run: its end is durable, or somebody else's business.
    pub(super) fn settle(&self, mut pending: MutexGuard<'_, Pending>) {
        let settling = pending.settling.take();
        drop(pending);
        self.worker.service.0.runs.remove(self);
        drop(settling);
    }
}

/// Tells what of the journal the events keep that begin another attempt.
fn kept(drafts: &[Draft], kept: Option<Kept>) -> Option<Kept> {
    drafts.iter().find_map(|draft| match &draft.body {
        EventBody::RetryScheduled { error, .. } if error.code != ErrorCode::Nondeterminism => kept,
        _ => None,
    })
}

impl Pending {
    /// Tells whether there is nothing to append.
    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
            && self.entries.is_empty()
            && self.tasks.is_empty()
            && self.docs.is_empty()
    }

    /// Drops what nobody writes any more.
    pub(super) fn forget(&mut self) {
        self.drafts.clear();
        self.entries.clear();
        self.tasks.clear();
        self.docs.clear();
    }

    /// Takes what is written beside the last of the events.
    fn take_beside(&mut self) -> (Vec<JournalEntry>, Vec<NewTask>, Vec<DocChange>) {
        let (tasks, docs) = (std::mem::take(&mut self.tasks), std::mem::take(&mut self.docs));
        (std::mem::take(&mut self.entries), tasks, docs)
    }

    /// Takes what the attempt starts from with these events: for the first time, or from a checkpoint on.
    fn take_starts(&mut self, drafts: &[Draft]) -> (Option<AttemptStart>, Option<Checkpoint>) {
        let saves = |draft: &Draft| matches!(draft.body, EventBody::CheckpointSaved { .. });
        match drafts.iter().any(saves).then(|| self.saved.take()).flatten() {
            Some(saved) => (Some(saved.start), Some(saved.checkpoint)),
            None => (self.attempt_start.take(), None),
        }
    }

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
