//! The tasks extension: a long call is answered with a task, which is one of the store's, with its id.
//!
//! It is durable before the answer. It is known to whoever started it, and to nobody else here; REST and
//! the plain tools show a namespace's tasks to all of its tokens that may read.

use errand_core::{ErrorCode, Status, Task as Errand, TaskId, UnixMillis};
use rmcp::model::{
    CreateTaskResult, DetailedTask, ErrorData, GetTaskResult, InputResponses, Task, TaskPayload,
    TaskStatus,
};
use serde_json::json;

use super::asking::Asking;
use super::content::object;
use super::outcome::Standing;
use super::{questions, watching};
use crate::problem::Problem;
use crate::time::Rfc3339;

/// The shortest and the longest time between two looks that a client is told to wait.
const POLL_MS: (u64, u64) = (200, 5_000);
/// A task is looked at again after this part of its age.
const POLL_PART: u64 = 8;

/// Answers a call with the task that it started.
pub(super) fn started(asking: &Asking, standing: &Standing) -> CreateTaskResult {
    CreateTaskResult::new(seed(asking, standing))
}

/// Returns a task as it stands.
///
/// # Errors
/// Where there is none that the caller started.
pub(super) async fn get(asking: &Asking, id: &str) -> Result<GetTaskResult, ErrorData> {
    let id = own(asking, id).await?;
    let standing = watching::stand(asking, id).await.map_err(protocol)?;
    let payload = payload(asking, &standing)?;
    Ok(GetTaskResult::new(DetailedTask::new(seed(asking, &standing), payload)))
}

/// Gives a task what its questions were answered with. Answers to what is not open are passed over: they
/// may have crossed another's.
///
/// # Errors
/// Where there is no such task, or an answer does not fit its question.
pub(super) async fn update(
    asking: &Asking,
    id: &str,
    responses: InputResponses,
) -> Result<(), ErrorData> {
    let id = own(asking, id).await?;
    let standing = watching::stand(asking, id).await.map_err(protocol)?;
    for state in &standing.questions {
        if let Some(response) = responses.get(&questions::key(state)) {
            questions::answer(asking, state, response).await.map_err(protocol)?;
        }
    }
    Ok(())
}

/// Cancels a task.
///
/// # Errors
/// Where there is no such task.
pub(super) async fn cancel(asking: &Asking, id: &str) -> Result<(), ErrorData> {
    let id = own(asking, id).await?;
    let cancelled = asking.service().cancel(&asking.caller, id, None).await;
    cancelled.map(drop).map_err(|error| protocol(error.into()))
}

/// Finds a task that the caller started.
async fn own(asking: &Asking, text: &str) -> Result<TaskId, ErrorData> {
    let unknown = || {
        let text: String = text.chars().take(64).collect();
        ErrorData::invalid_params(format!("there is no task `{}`", text.escape_debug()), None)
    };
    let id: TaskId = text.parse().map_err(|_| unknown())?;
    let first = asking.service().events(&asking.caller, id, 0, 1).await.map_err(|_| unknown())?;
    let is_own = first.first().is_some_and(|event| event.by == asking.caller.principal);
    is_own.then_some(id).ok_or_else(unknown)
}

fn seed(asking: &Asking, standing: &Standing) -> Task {
    let task = &standing.task;
    let now = asking.service().now();
    let changed = task.finished_at.unwrap_or(now);
    let at = |moment: UnixMillis| Rfc3339(moment).to_string();
    let mut seed =
        Task::new(task.id.to_string(), status(standing), at(task.created_at), at(changed))
            .with_status_message(standing.message());
    if !task.status.is_terminal() {
        seed = seed.with_poll_interval_ms(poll_ms(task, now));
    }
    seed
}

fn status(standing: &Standing) -> TaskStatus {
    let task = &standing.task;
    match task.status {
        Status::Completed => TaskStatus::Completed,
        Status::Failed if broke(task) => TaskStatus::Failed,
        // What the tool says of its failure is a result like any other.
        Status::Failed => TaskStatus::Completed,
        Status::Cancelled => TaskStatus::Cancelled,
        _ if !standing.questions.is_empty() => TaskStatus::InputRequired,
        _ => TaskStatus::Working,
    }
}

fn payload(asking: &Asking, standing: &Standing) -> Result<TaskPayload, ErrorData> {
    Ok(match status(standing) {
        TaskStatus::Completed => {
            TaskPayload::Completed { result: object(&standing.to_result(&asking.base))? }
        }
        TaskStatus::Failed => TaskPayload::Failed { error: object(&broken(&standing.task))? },
        TaskStatus::Cancelled => TaskPayload::Cancelled,
        TaskStatus::InputRequired => {
            let input_requests = questions::requests(asking, &standing.questions);
            TaskPayload::InputRequired { input_requests }
        }
        _ => TaskPayload::Working,
    })
}

/// Tells whether a task did not come to its own end: it crashed, or the server gave it up.
fn broke(task: &Errand) -> bool {
    use ErrorCode as E;
    let code = task.error.as_ref().map(|error| error.code);
    matches!(code, Some(E::Trap | E::Nondeterminism | E::ExecutorMissing | E::Lost | E::Internal))
}

fn broken(task: &Errand) -> ErrorData {
    let message = task.error.as_ref().map_or_else(String::new, |error| error.message.clone());
    ErrorData::internal_error(message, Some(json!({"task_id": task.id, "error": task.error})))
}

/// A new task may end at once; one that is at work for long, or waits for a person, is not looked at as
/// often.
fn poll_ms(task: &Errand, now: UnixMillis) -> u64 {
    (now.since_ms(task.created_at) / POLL_PART).clamp(POLL_MS.0, POLL_MS.1)
}

/// Says in the protocol's words why something could not be done.
pub(super) fn protocol(problem: Problem) -> ErrorData {
    let data = Some(problem.to_value());
    let message = problem.detail().to_owned();
    match problem.status().as_u16() {
        500.. => ErrorData::internal_error(message, data),
        404 | 422 => ErrorData::invalid_params(message, data),
        _ => ErrorData::invalid_request(message, data),
    }
}
