//! Waiting for answers that come to this process: a moment with the slot in hand, then without it, in
//! memory or out of it.
//!
//! In memory the task is `running`: whoever asks for it, it goes on at once when the answer is there. Out
//! of memory it is `waiting`, its calls that are under way are seen to their end here, and their answers
//! are recorded together with what queues the task again.

use std::sync::Arc;

use errand_core::{
    Answer, Answered, EventBody, ListFilter, ListQuery, LogOffsets, Outside, Status, Stopped, Task,
    TaskId, UnderWay, WaitingFor,
};
use futures_util::future::{join_all, pending};

use super::{Run, Stop};
use crate::service::ServiceError;
use crate::worker::Worker;
use crate::worker::claiming::STORE_RETRY_MS;

/// How long a guest keeps its slot: an answer that comes by then is worth no change of slots.
const HELD_MS: u64 = 5;
/// How long after the last call must be answered the task goes on by itself: this process is gone then.
const OVERDUE_MS: u64 = 10_000;
/// Tasks that are looked at at once.
const PAGE: usize = 500;

impl Run {
    /// Waits, and answers when the guest is to go on. Out of memory, this run ends instead.
    pub(super) async fn wait_outside(&self, wait: Outside) -> Result<(), Stopped> {
        let Outside { mut any, under_way, memory_bytes } = wait;
        let timer = &self.worker.service.0.parts.timer;
        let after = |ms| timer.sleep_until(self.worker.service.now().plus_ms(ms));
        tokio::select! {
            biased;
            () = &mut any => return Ok(()),
            () = after(HELD_MS) => {}
        }
        let Some(me) = self.me.upgrade() else { return Err(Stopped) };
        let limits = &self.worker.config.warm;
        let dropped = self.worker.warm.enter_outside(&me, memory_bytes, limits);
        self.note_waited();
        self.slot.release();
        tokio::select! {
            biased;
            () = &mut any => {}
            () = dropped.notified() => self.go_cold(under_way).await?,
            () = after(limits.wait_ms) => {
                self.worker.warm.leave(self.task);
                self.go_cold(under_way).await?;
            }
        }
        self.worker.warm.leave(self.task);
        self.slot.regain().await;
        Ok(())
    }

    /// Leaves memory: records that the task waits, and sees to the calls that are under way. Answers only
    /// where that fails.
    async fn go_cold(&self, under_way: Vec<Arc<dyn UnderWay>>) -> Result<(), Stopped> {
        let last = under_way.iter().map(|call| call.until()).max();
        let until = last.map(|last| last.plus_ms(OVERDUE_MS));
        self.set_waiting(true);
        let waiting = EventBody::Waiting { waiting_for: WaitingFor::Http, until, awaits: None };
        self.take_record(vec![waiting].into()).await?;
        self.durable_so_far().await?;
        let (worker, task, attempt) = (Arc::clone(&self.worker), self.task, self.attempt);
        let said = self.lock().logs.written();
        // A drain waits for it as for what runs: what it pays for is not to be paid twice.
        self.worker.under_way.spawn_on(
            async move { worker.see_to_the_end((task, attempt, said), under_way).await },
            &self.worker.io,
        );
        self.stop(Stop::Cold);
        pending().await
    }
}

impl Worker {
    /// Waits for the answers to calls whose run is gone, and queues the task with them.
    async fn see_to_the_end(
        self: Arc<Self>,
        (id, attempt, said): (TaskId, u32, LogOffsets),
        under_way: Vec<Arc<dyn UnderWay>>,
    ) {
        let answers = join_all(under_way.iter().map(|call| call.answered()));
        let mut answers = tokio::select! {
            answers = answers => answers,
            // Nobody waits for them any more: dropping them gives them up.
            () = self.moved_on(id, attempt) => return,
            // The next process decides about them.
            () = self.given_up.cancelled() => return,
        };
        for answered in &mut answers {
            if matches!(answered.entry.answer, Answer::Failed(_)) {
                answered.entry.said = said;
            }
        }
        while let Err(error) = self.queue_answered(id, attempt, &answers).await {
            tracing::error!(task = %id, %error, "answers to a task's calls could not be recorded");
            if self.is_draining() {
                return;
            }
            self.after(STORE_RETRY_MS).await;
        }
    }

    /// Answers when a task does not wait for answers any more.
    async fn moved_on(&self, id: TaskId, attempt: u32) {
        let store = self.service.store();
        loop {
            let version = match store.task(id).await {
                Ok(Some(task))
                    if task.attempt == attempt && waits(task.status, task.waiting_for) =>
                {
                    task.version
                }
                Ok(_) => return,
                Err(_) => return pending().await,
            };
            if store.changed(id, version).await.is_err() {
                return pending().await;
            }
        }
    }

    async fn queue_answered(
        &self,
        id: TaskId,
        attempt: u32,
        answers: &[Answered],
    ) -> Result<(), ServiceError> {
        let is_meant =
            |task: &Task| task.attempt == attempt && waits(task.status, task.waiting_for);
        self.requeue(id, answers, is_meant).await
    }
}

impl Worker {
    /// Queues the tasks whose calls were under way in a process that is gone, and ends those whose parents
    /// ended then.
    pub(in crate::worker) async fn resume_unanswered(&self) -> Result<(), ServiceError> {
        let filter = ListFilter { status: Some(Status::Waiting), ..ListFilter::default() };
        let mut query = ListQuery { namespace: None, filter, before: None, limit: PAGE };
        loop {
            let page = self.service.store().list(query.clone()).await?;
            for task in page.items {
                if self.service.cancel_orphan(&task).await? {
                    continue;
                }
                if waits(task.status, task.waiting_for) {
                    self.queue_answered(task.id, task.attempt, &[]).await?;
                }
            }
            let Some(next) = page.next else { return Ok(()) };
            query.before = Some(next);
        }
    }
}

fn waits(status: Status, waiting_for: Option<WaitingFor>) -> bool {
    status == Status::Waiting && waiting_for == Some(WaitingFor::Http)
}
