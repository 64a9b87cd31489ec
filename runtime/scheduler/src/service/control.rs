//! Changing the course of tasks: cancel, retry, delete, and the latter two in bulk.

use errand_core::{
    Append, Draft, ErrorCode, EventBody, Guard, Kept, ListFilter, ListQuery, Namespace, Status,
    StoreError, Task, TaskError, TaskId,
};
use serde::{Deserialize, Serialize};

use super::tasks::MAX_PAGE;
use super::{Caller, Right, Service, ServiceError};

/// How often a change starts over because the task changed under it.
const MAX_TRIES: usize = 64;
/// Most descendants that one cancel goes down to.
const MAX_CANCELLED: usize = 10_000;
/// Most dead letters that one call handles; it says how many it did.
const MAX_BULK: u64 = 10_000;
/// Longest reason that is kept, in characters.
const MAX_REASON_CHARS: usize = 1_000;

/// What a cancel came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancellation {
    /// The task afterwards. A running one may still be `running` for a moment.
    pub task: Task,
    /// Whether there was anything to cancel.
    pub changed: bool,
}

/// Which dead letters a bulk call is for: failed tasks that meet all of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BulkFilter {
    /// `failed` (where it is left out) or `cancelled`.
    pub status: Option<Status>,
    /// `name`, or `name@digest-prefix`.
    pub executor: Option<String>,
    /// The tenant; left out: all that the caller sees.
    pub namespace: Option<Namespace>,
    /// Children of this task.
    pub parent_id: Option<TaskId>,
    /// Of this conversation.
    pub context_id: Option<errand_core::ContextId>,
    /// `key:value`.
    pub label: Option<String>,
}

impl Service {
    /// Cancels a task and its descendants. A queued one ends at once, a running one is stopped.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: TaskId,
        reason: Option<String>,
    ) -> Result<Cancellation, ServiceError> {
        caller.require(Right::Submit)?;
        let reason = reason.map(|text| text.chars().take(MAX_REASON_CHARS).collect::<String>());
        let task = self.visible(caller, id).await?;
        if task.status.is_terminal() {
            return Ok(Cancellation { task, changed: false });
        }
        let cancelled = self.cancel_one(caller, task, reason.clone()).await?;
        let (tree, _) = self.descend(cancelled.task.clone(), MAX_CANCELLED).await?;
        for task in tree.into_iter().skip(1).filter(|task| !task.status.is_terminal()) {
            match self.cancel_one(caller, task, reason.clone()).await {
                Ok(_) | Err(ServiceError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(cancelled)
    }

    async fn cancel_one(
        &self,
        caller: &Caller,
        mut task: Task,
        reason: Option<String>,
    ) -> Result<Cancellation, ServiceError> {
        let id = task.id;
        for _ in 0..MAX_TRIES {
            if task.status.is_terminal() {
                return Ok(Cancellation { task, changed: false });
            }
            let mut drafts = Vec::new();
            if !task.cancel_requested {
                drafts.push(EventBody::CancelRequested { reason: reason.clone() });
            }
            if task.status != Status::Running {
                drafts.push(cancelled(task.attempt, &caller.principal, reason.as_deref()));
            }
            if !drafts.is_empty() {
                match self.append(caller, &task, drafts).await {
                    Ok(after) => task = after,
                    Err(StoreError::Conflict | StoreError::Illegal(_)) => {
                        task = self.visible(caller, id).await?;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if task.status.is_terminal() {
                self.withdraw_approvals(&task, |_| true).await?;
            }
            // One that has not started may be at capturing what the task starts from.
            self.0.runs.cancel(id, &caller.principal, reason.as_deref());
            return Ok(Cancellation { task, changed: true });
        }
        Err(ServiceError::conflict(format!("task `{id}` changes too fast to be cancelled")))
    }

    /// Queues a failed or cancelled task again, with a new budget of attempts.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] where it is neither, [`ServiceError::NotFound`].
    pub async fn retry(&self, caller: &Caller, id: TaskId) -> Result<Task, ServiceError> {
        caller.require(Right::Submit)?;
        let task = self.visible(caller, id).await?;
        if !matches!(task.status, Status::Failed | Status::Cancelled) {
            let status = task.status.as_str();
            let message =
                format!("task `{id}` is {status}; only a failed or cancelled one is retried");
            return Err(ServiceError::conflict(message));
        }
        Ok(self.append_retry(caller, &task).await?)
    }

    /// Begins another attempt, with what the last one need not be told again.
    async fn append_retry(&self, caller: &Caller, task: &Task) -> Result<Task, StoreError> {
        let diverged =
            task.error.as_ref().is_some_and(|error| error.code == ErrorCode::Nondeterminism);
        let kept = match diverged {
            true => None,
            false => Kept::of(&self.store().journal(task.id).await?),
        };
        let by = caller.principal.clone();
        let body = EventBody::RetryRequested {};
        let draft = Draft { at: self.now(), by, progress: None, body };
        let guard = Guard::Version(task.version);
        self.store().append(Append { kept, ..Append::new(task.id, guard, vec![draft]) }).await
    }

    /// Removes a terminal task with its log.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] where it has not ended, [`ServiceError::NotFound`].
    pub async fn delete(&self, caller: &Caller, id: TaskId) -> Result<(), ServiceError> {
        caller.require(Right::Submit)?;
        let task = self.visible(caller, id).await?;
        if !task.status.is_terminal() {
            let status = task.status.as_str();
            let message = format!("task `{id}` is {status}; cancel it before it is deleted");
            return Err(ServiceError::conflict(message));
        }
        if self.is_wanted(&task).await? {
            let message = format!("the parent of task `{id}` is at work, and may ask what it made");
            return Err(ServiceError::conflict(message));
        }
        Ok(self.remove(&task).await?)
    }

    /// Tells whether a task's parent may yet ask how it ended.
    pub(super) async fn is_wanted(&self, task: &Task) -> Result<bool, StoreError> {
        let spawned = task.lineage.as_ref().is_some_and(|lineage| lineage.number.is_some());
        match task.parent_id.filter(|_| spawned) {
            None => Ok(false),
            Some(parent) => {
                let parent = self.store().task(parent).await?;
                Ok(parent.is_some_and(|parent| !parent.status.is_terminal()))
            }
        }
    }

    /// Removes a terminal task at its version, with all that is its own.
    pub(super) async fn remove(&self, task: &Task) -> Result<(), StoreError> {
        self.store().delete(task.id, task.version).await?;
        self.forget_approvals(task).await
    }

    /// Retries the dead letters that a filter names, oldest last; answers how many.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] where the filter is wrong.
    pub async fn retry_many(
        &self,
        caller: &Caller,
        filter: BulkFilter,
    ) -> Result<u64, ServiceError> {
        self.each_dead_letter(caller, filter, async |task| {
            self.append_retry(caller, task).await.map(drop)
        })
        .await
    }

    /// Deletes the dead letters that a filter names; answers how many.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] where the filter is wrong.
    pub async fn discard_many(
        &self,
        caller: &Caller,
        filter: BulkFilter,
    ) -> Result<u64, ServiceError> {
        self.each_dead_letter(caller, filter, async |task| match self.is_wanted(task).await? {
            true => Err(StoreError::Conflict),
            false => self.remove(task).await,
        })
        .await
    }

    async fn each_dead_letter(
        &self,
        caller: &Caller,
        filter: BulkFilter,
        mut act: impl AsyncFnMut(&Task) -> Result<(), StoreError>,
    ) -> Result<u64, ServiceError> {
        caller.require(Right::Submit)?;
        let Some(mut query) = self.dead_letters(caller, filter).await? else { return Ok(0) };
        let mut count = 0;
        while count < MAX_BULK {
            let page = self.store().list(query.clone()).await?;
            for task in &page.items {
                match act(task).await {
                    Ok(()) => count += 1,
                    // Somebody else was quicker: it is no dead letter any more.
                    Err(
                        StoreError::Conflict | StoreError::Illegal(_) | StoreError::NotFound(_),
                    ) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match page.next {
                Some(next) => query.before = Some(next),
                None => break,
            }
        }
        Ok(count)
    }

    async fn dead_letters(
        &self,
        caller: &Caller,
        filter: BulkFilter,
    ) -> Result<Option<ListQuery>, ServiceError> {
        let status = filter.status.unwrap_or(Status::Failed);
        if !matches!(status, Status::Failed | Status::Cancelled) {
            return Err(ServiceError::invalid("/filter/status", "must be failed or cancelled"));
        }
        let label = match filter.label {
            None => None,
            Some(text) => Some(text.split_once(':').map_or_else(
                || Err(ServiceError::invalid("/filter/label", "must be key:value")),
                |(key, value)| Ok((key.to_owned(), value.to_owned())),
            )?),
        };
        let namespace = match filter.namespace {
            Some(namespace) if !caller.sees(&namespace) => return Ok(None),
            Some(namespace) => Some(namespace),
            None => caller.namespace.clone(),
        };
        let (executor, digest) = match filter.executor.as_deref() {
            None => (None, None),
            Some(text) => {
                let home = namespace.clone().unwrap_or_default();
                let Some((name, digest)) = self.named(&home, text).await? else {
                    return Ok(None);
                };
                (Some(name), digest)
            }
        };
        let filter = ListFilter {
            status: Some(status),
            executor,
            digest,
            parent_id: filter.parent_id,
            context_id: filter.context_id,
            label,
        };
        Ok(Some(ListQuery { namespace, filter, before: None, limit: MAX_PAGE }))
    }

    async fn append(
        &self,
        caller: &Caller,
        task: &Task,
        bodies: Vec<EventBody>,
    ) -> Result<Task, StoreError> {
        let at = self.now();
        let by = &caller.principal;
        let drafts = bodies
            .into_iter()
            .map(|body| Draft { at, by: by.clone(), progress: None, body })
            .collect();
        let guard = Guard::Version(task.version);
        self.store().append(Append::new(task.id, guard, drafts)).await
    }
}

/// Returns the event that ends a cancelled task.
pub(crate) fn cancelled(
    attempt: u32,
    by: &errand_core::Principal,
    reason: Option<&str>,
) -> EventBody {
    let message = match reason {
        Some(reason) => format!("cancelled by {by}: {reason}"),
        None => format!("cancelled by {by}"),
    };
    EventBody::Cancelled {
        error: TaskError {
            code: ErrorCode::Cancelled,
            message,
            detail: None,
            attempt,
            retryable: false,
        },
    }
}
