//! From how a run ended to the events that say so.

use std::sync::Arc;

use errand_core::{
    Draft, ErrorCode, EventBody, Failure, InterruptReason, Left, Outcome, Principal, Ran, Saved,
    Task, TaskError,
};

use super::Worker;
use super::run::Stop;
use crate::service::cancelled;

/// Runs of one attempt that may end in a crash or a lost lease before one comes further. One more, and the
/// task is `lost`: it may be what kills its worker.
const MAX_RECOVERIES: u32 = 5;

/// How a run ended.
pub(super) enum Ending {
    /// By itself.
    Ran(Ran),
    /// It was stopped.
    Stopped(Stop),
}

impl Ending {
    pub(super) fn cancelled(by: &Principal, reason: Option<String>) -> Self {
        Self::Stopped(Stop::Cancel { by: by.clone(), reason })
    }

    /// Returns the events that end the run, none where it has lost the right to append, and what the task
    /// saved, where it did.
    pub(super) fn drafts(self, worker: &Worker, task: &Task) -> (Vec<Draft>, Option<Box<Saved>>) {
        let mut saved = None;
        let (by, bodies) = match self {
            Self::Ran(Ran { outcome, left }) => (
                None,
                match outcome {
                    Outcome::Completed(output) => {
                        let left = left.filter(|left| *left != Left::default()).map(Box::new);
                        vec![EventBody::Completed { output: Arc::new(output), left }]
                    }
                    Outcome::Failed(failure) => vec![failed(worker, task, failure, left)],
                    Outcome::Interrupted(reason) => interrupted(task, reason),
                    Outcome::Saved(all) => {
                        let state_bytes = all.checkpoint.state.len() as u64;
                        saved = Some(all);
                        vec![EventBody::CheckpointSaved { state_bytes }]
                    }
                },
            ),
            Self::Stopped(Stop::Drain) => (None, interrupted(task, InterruptReason::Drain)),
            Self::Stopped(Stop::Cancel { by, reason }) => {
                let body = cancelled(task.attempt, &by, reason.as_deref());
                (Some(by), vec![body])
            }
            Self::Stopped(Stop::Lost | Stop::Cold) => (None, Vec::new()),
        };
        let by = by.unwrap_or_else(|| worker.principal.clone());
        let at = worker.service.now();
        let draft = |body| Draft { at, by: by.clone(), progress: None, body };
        (bodies.into_iter().map(draft).collect(), saved)
    }
}

fn failed(worker: &Worker, task: &Task, failure: Failure, left: Option<Left>) -> EventBody {
    let Failure { code, message, detail, retryable } = failure;
    let error = TaskError { code, message, detail, attempt: task.attempt, retryable };
    if !retryable || !task.may_retry() {
        return EventBody::Failed { error, left: left.map(Box::new) };
    }
    // Full jitter: what failed together does not come back together.
    let longest_ms = task.retry.backoff_after_ms(task.attempts_used());
    let delay_ms = worker.service.0.parts.random.up_to(longest_ms);
    let not_before = worker.service.now().plus_ms(delay_ms);
    EventBody::RetryScheduled { error, delay_ms, not_before }
}

/// Returns what records an interruption, and ends a task that was interrupted too often.
pub(super) fn interrupted(task: &Task, reason: InterruptReason) -> Vec<EventBody> {
    let mut bodies = vec![EventBody::Interrupted { reason }];
    if reason != InterruptReason::Drain && task.recoveries >= MAX_RECOVERIES {
        let message = format!(
            "its worker died {} times while it ran, and it came no further",
            task.recoveries + 1
        );
        bodies.push(EventBody::Failed {
            error: TaskError {
                code: ErrorCode::Lost,
                message,
                detail: None,
                attempt: task.attempt,
                retryable: false,
            },
            left: None,
        });
    }
    bodies
}
