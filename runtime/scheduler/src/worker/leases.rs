//! Leases: renewing one's own, taking over what others left, and recovering after a crash.

use std::collections::HashSet;
use std::sync::Arc;

use errand_core::{
    Append, Draft, Epoch, EventBody, Guard, HeldLease, InterruptReason, Status, StoreError, TaskId,
};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{Run, Stop, Worker, ending};
use crate::service::{ServiceError, cancelled};

/// Recoveries under way at once: enough to share the store's syncs.
const CONCURRENT_RECOVERIES: usize = 256;

/// Renews leases and takes over lost ones until the worker is finished.
pub(super) async fn beat(worker: Arc<Worker>, finished: CancellationToken) {
    loop {
        let parts = &worker.service.0.parts;
        let next = parts.clock.now().plus_ms((worker.config.lease_ms / 3).max(1));
        tokio::select! {
            () = finished.cancelled() => return,
            () = parts.timer.sleep_until(next) => {}
        }
        if let Err(error) = worker.beat_once().await {
            tracing::warn!(%error, "leases could not be renewed");
        }
    }
}

impl Worker {
    /// Interrupts what an earlier process of this store, or of this worker, left running.
    pub(super) async fn recover(&self) -> Result<(), ServiceError> {
        let leases = self.service.store().leases().await?;
        let left = leases
            .into_iter()
            .filter(|held| held.orphaned || held.lease.worker == self.config.worker);
        let results: Vec<_> = stream::iter(left)
            .map(|held| self.take_over(held, InterruptReason::Crash))
            .buffer_unordered(CONCURRENT_RECOVERIES)
            .collect()
            .await;
        results.into_iter().collect::<Result<(), ServiceError>>()?;
        self.resume_unanswered().await?;
        self.take_over_expired().await
    }

    async fn beat_once(&self) -> Result<(), ServiceError> {
        self.renew().await?;
        self.take_over_expired().await?;
        self.heed_cancels().await?;
        self.service.refresh_grants().await?;
        // Another process may have paused the queue.
        self.service.refresh_paused().await.map(drop)
    }

    /// Renews the lease of a task that has just gone on: it stood still while the task waited.
    pub(super) async fn renew_one(&self, run: &Run) {
        let until = self.service.now().plus_ms(self.config.lease_ms);
        let held = vec![(run.task(), run.epoch())];
        match self.service.store().renew(self.config.worker.clone(), held, until).await {
            Ok(lost) if lost.is_empty() => {}
            // The next renewal says so too, or the next append.
            Ok(_) => run.stop(Stop::Lost),
            Err(error) => tracing::warn!(task = %run.task(), %error, "a lease was not renewed"),
        }
    }

    async fn renew(&self) -> Result<(), ServiceError> {
        let runs = self.service.0.runs.of(&self.config.worker);
        let waiting: HashSet<TaskId> =
            runs.iter().filter(|run| run.is_waiting()).map(|run| run.task()).collect();
        let mut held = self.held();
        held.retain(|(task, _)| !waiting.contains(task));
        if held.is_empty() {
            return Ok(());
        }
        let until = self.service.now().plus_ms(self.config.lease_ms);
        let worker = self.config.worker.clone();
        let lost = self.service.store().renew(worker, held.clone(), until).await?;
        for id in lost {
            // What was claimed since then under another epoch is not lost.
            self.ready().retain(|ready| ready.task.id != id || !held.contains(&(id, ready.epoch)));
            for run in runs.iter().filter(|run| run.task() == id && !run.is_ending()) {
                tracing::warn!(task = %id, "the lease of a running task was lost");
                run.stop(Stop::Lost);
            }
        }
        Ok(())
    }

    fn held(&self) -> Vec<(TaskId, Epoch)> {
        let runs = self.service.0.runs.of(&self.config.worker);
        let mut held: Vec<_> = runs.iter().map(|run| (run.task(), run.epoch())).collect();
        held.extend(self.ready().iter().map(|claimed| (claimed.task.id, claimed.epoch)));
        held
    }

    async fn take_over_expired(&self) -> Result<(), ServiceError> {
        let leases = self.service.store().leases().await?;
        let now = self.service.now();
        let held: HashSet<(TaskId, Epoch)> = self.held().into_iter().collect();
        for lease in leases {
            if lease.lease.until <= now && !held.contains(&(lease.task, lease.lease.epoch)) {
                self.take_over(lease, InterruptReason::Lease).await?;
            }
        }
        Ok(())
    }

    /// Ends a lease whose holder is gone. Somebody else who does the same is no error.
    async fn take_over(
        &self,
        held: HeldLease,
        reason: InterruptReason,
    ) -> Result<(), ServiceError> {
        let store = self.service.store();
        let done = match held.status {
            Status::Queued => store.release(held.task, held.lease.epoch).await,
            Status::Running => {
                let Some(task) = store.task(held.task).await? else { return Ok(()) };
                let mut bodies = ending::interrupted(&task, reason);
                let lost = bodies.iter().any(|body| matches!(body, EventBody::Failed { .. }));
                if task.cancel_requested && !lost {
                    bodies.push(cancelled(task.attempt, &self.principal, None));
                }
                let at = self.service.now();
                let by = &self.principal;
                let drafts = bodies
                    .into_iter()
                    .map(|body| Draft { at, by: by.clone(), progress: None, body })
                    .collect();
                // A lease that its store knows to be orphaned guards nothing any more.
                let guard = match held.orphaned {
                    true => Guard::Version(task.version),
                    false => Guard::Lease(held.lease.epoch),
                };
                tracing::info!(task = %task.id, ?reason, "an interrupted task is queued again");
                let append = Append::new(task.id, guard, drafts);
                match store.append(append).await {
                    Ok(task) if task.status.is_terminal() => {
                        return self.service.wind_up(&task).await;
                    }
                    appended => appended.map(drop),
                }
            }
            _ => Ok(()),
        };
        match done {
            Ok(())
            | Err(StoreError::Conflict | StoreError::NotFound(_) | StoreError::Illegal(_)) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stops runs whose cancel was recorded through another process.
    async fn heed_cancels(&self) -> Result<(), ServiceError> {
        for run in self.service.0.runs.of(&self.config.worker) {
            let task = self.service.store().task(run.task()).await?;
            if task.is_some_and(|task| task.cancel_requested && !task.status.is_terminal()) {
                run.stop(Stop::Cancel { by: self.principal.clone(), reason: None });
            }
        }
        Ok(())
    }
}
