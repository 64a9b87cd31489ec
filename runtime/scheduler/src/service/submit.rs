//! Submitting tasks.

use errand_core::{Event, EventBody, NewTask, StoreError, Submitted, TaskId, UnixMillis};

use super::check::{Findings, Passed};
use super::workspace::Starts;
use super::{BatchRequest, Caller, Fault, Right, Service, ServiceError, TaskRequest};

impl Service {
    /// Submits one task. It is durable when this answers.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] with all that is wrong with the request, [`ServiceError::Conflict`]
    /// where its idempotency key was used with another, [`ServiceError::QueueFull`].
    pub async fn submit(
        &self,
        caller: &Caller,
        request: TaskRequest,
    ) -> Result<Submitted, ServiceError> {
        let mut submitted = self.submit_all(caller, vec![request], false).await?;
        submitted.pop().ok_or_else(|| ServiceError::internal("the store answered no task"))
    }

    /// Submits many tasks, all or none. They are durable when this answers, and in order.
    ///
    /// # Errors
    /// As [`Service::submit`]; the faults point into the list, such as `/tasks/3/limits/fuel`.
    pub async fn submit_batch(
        &self,
        caller: &Caller,
        batch: BatchRequest,
    ) -> Result<Vec<Submitted>, ServiceError> {
        if batch.tasks.is_empty() || batch.tasks.len() > BatchRequest::MAX_TASKS {
            let message = format!("must be from 1 to {} tasks", BatchRequest::MAX_TASKS);
            return Err(ServiceError::invalid("/tasks", message));
        }
        self.submit_all(caller, batch.tasks, true).await
    }

    async fn submit_all(
        &self,
        caller: &Caller,
        requests: Vec<TaskRequest>,
        batch: bool,
    ) -> Result<Vec<Submitted>, ServiceError> {
        caller.require(Right::Submit)?;
        let mut faults = Vec::new();
        let mut unsupported = None;
        let mut starts = Starts::default();
        let mut passed = Vec::with_capacity(requests.len());
        for (index, request) in requests.into_iter().enumerate() {
            let prefix = if batch { format!("/tasks/{index}") } else { String::new() };
            let mut found = Findings { faults: Vec::new(), unsupported: None, prefix: &prefix };
            passed.extend(self.check(caller, request, &mut starts, &mut found).await?);
            unsupported = unsupported.or(found.unsupported);
            faults.append(&mut found.faults);
            if faults.len() >= Fault::MOST {
                break;
            }
        }
        if !faults.is_empty() {
            return Err(ServiceError::Invalid { faults });
        }
        if let Some(what) = unsupported {
            return Err(ServiceError::Unsupported { what });
        }
        let now = self.now();
        let ids = self.fresh_ids(now, passed.len());
        let tasks = passed
            .into_iter()
            .zip(ids)
            .map(|(Passed { submission, idempotency }, id)| NewTask {
                id,
                submitted: Event {
                    seq: 1,
                    at: now,
                    by: caller.principal.clone(),
                    attempt: 1,
                    progress: None,
                    body: EventBody::Submitted(Box::new(submission)),
                },
                idempotency,
            })
            .collect();
        self.store().submit(tasks).await.map_err(|error| match error {
            StoreError::IdempotencyConflict { index, task } => {
                let of = if batch { format!(" of /tasks/{index}") } else { String::new() };
                let message = format!(
                    "the idempotency key{of} was used with another request (task `{task}`)"
                );
                ServiceError::conflict(message)
            }
            error => error.into(),
        })
    }

    /// Makes ids that sort in the order in which they are answered: nothing but their order is known
    /// of the random parts.
    fn fresh_ids(&self, now: UnixMillis, count: usize) -> Vec<TaskId> {
        let mut bytes = vec![0; count * 10];
        self.0.parts.random.fill(&mut bytes);
        let mut random: Vec<u128> = bytes
            .chunks_exact(10)
            .map(|ten| ten.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)))
            .collect();
        random.sort_unstable();
        random.into_iter().map(|random| TaskId::from_parts(now.0, random)).collect()
    }
}
