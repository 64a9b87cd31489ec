//! Changing the course of tasks: cancel, retry, delete, and dead letters in bulk.

use axum::extract::Request;
use errand_core::Status;
use errand_scheduler::{BulkFilter, Right, ServiceError, SignalRequest};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::TaskView;
use super::view::StatusName;
use crate::body::{read_json, read_nothing};
use crate::call::{Call, TaskPath};
use crate::fault::parse;
use crate::openapi::{RefusedBody, RefusedState};
use crate::problem::Problem;
use crate::reply::{Answer, json, no_content};

/// Why a task is cancelled. The body may be left out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = CancelRequest)]
pub(crate) struct CancelBody {
    /// Recorded with the event.
    #[schema(required = false, max_length = 1_000)]
    reason: Option<String>,
}

/// Cancel a task and its descendants
#[utoipa::path(
    post, path = "/v1/tasks/{id}/cancel", tag = "tasks", operation_id = "cancel_task",
    params(("id" = String, Path, description = "The task")),
    request_body(content = Option<CancelBody>),
    responses(
        (status = 202, description = "It is being stopped", body = TaskView),
        (status = 200, description = "It had ended before, and is unchanged", body = TaskView),
        RefusedBody,
    ),
)]
pub(crate) async fn cancel(call: Call, TaskPath(id): TaskPath, request: Request) -> Answer {
    let Call { app, caller, base, .. } = call;
    caller.require(Right::Submit)?;
    let body = read_json(request, app.json_limits()).await?;
    let CancelBody { reason } = if body.is_empty() { CancelBody::default() } else { parse(&body)? };
    let cancelled = app.service.cancel(&caller, id, reason).await?;
    let status = if cancelled.changed { StatusCode::ACCEPTED } else { StatusCode::OK };
    json(status, &TaskView::new(&cancelled.task, &base))
}

/// A message to a task.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignalRequest, example = json!({"name": "go", "payload": {"speed": 3}}))]
pub(crate) struct SignalBody {
    /// What the task waits for it by.
    #[schema(pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    name: String,
    /// What it says: any JSON, up to 256 KiB; null where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<Value>, required = false)]
    payload: Value,
}

/// Send a signal to a task
///
/// It counts whether the task waits for it already or not. The task takes those of one name in the order
/// in which they came.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/signals", tag = "tasks", operation_id = "send_signal",
    params(("id" = String, Path, description = "The task")),
    request_body = SignalBody,
    responses((status = 202, description = "It is in the task's log", body = TaskView), RefusedBody),
)]
pub(crate) async fn signal(call: Call, TaskPath(id): TaskPath, request: Request) -> Answer {
    let Call { app, caller, base, .. } = call;
    caller.require(Right::Submit)?;
    let SignalBody { name, payload } = parse(&read_json(request, app.json_limits()).await?)?;
    let task = app.service.signal(&caller, id, SignalRequest { name, payload }).await?;
    json(StatusCode::ACCEPTED, &TaskView::new(&task, &base))
}

/// Try a failed or cancelled task again
#[utoipa::path(
    post, path = "/v1/tasks/{id}/retry", tag = "tasks", operation_id = "retry_task",
    params(("id" = String, Path, description = "The task")),
    responses((status = 202, description = "It is queued again", body = TaskView), RefusedState),
)]
pub(crate) async fn retry(call: Call, TaskPath(id): TaskPath, request: Request) -> Answer {
    let Call { app, caller, base, .. } = call;
    read_nothing(request, app.json_limits()).await?;
    let task = app.service.retry(&caller, id).await?;
    json(StatusCode::ACCEPTED, &TaskView::new(&task, &base))
}

/// Delete a task that has ended
///
/// With its log and its files.
#[utoipa::path(
    delete, path = "/v1/tasks/{id}", tag = "tasks", operation_id = "delete_task",
    params(("id" = String, Path, description = "The task")),
    responses((status = 204, description = "It is gone"), RefusedState),
)]
pub(crate) async fn delete(call: Call, TaskPath(id): TaskPath) -> Answer {
    call.app.service.delete(&call.caller, id).await?;
    no_content()
}

/// Which dead letters.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkRequest, example = json!({"filter": {"executor": "python"}}))]
pub(crate) struct BulkBody {
    /// Conditions that all must hold; `{}` means every failed task.
    #[schema(value_type = BulkFilterBody)]
    filter: BulkFilter,
}

/// Which dead letters. All conditions must hold.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkFilter)]
#[expect(dead_code, reason = "describes errand_scheduler::BulkFilter")]
pub(crate) struct BulkFilterBody {
    /// `failed` where it is left out, or `cancelled`.
    #[schema(value_type = Option<StatusName>, required = false)]
    status: Option<Status>,
    /// `name`, or `name@digest-prefix`.
    #[schema(required = false)]
    executor: Option<String>,
    /// The tenant; left out: all that the token sees.
    #[schema(required = false, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    namespace: Option<String>,
    /// Children of this task.
    #[schema(required = false, min_length = 26, max_length = 26)]
    parent_id: Option<String>,
    /// Of this conversation.
    #[schema(required = false, min_length = 1, max_length = 128)]
    context_id: Option<String>,
    /// `key:value`.
    #[schema(required = false)]
    label: Option<String>,
}

/// How many tasks a bulk call was for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Count {
    /// How many. Ten thousand at most in one call.
    count: u64,
}

/// Retry dead letters
#[utoipa::path(
    post, path = "/v1/tasks/retry", tag = "tasks", operation_id = "retry_tasks",
    request_body = BulkBody,
    responses((status = 202, description = "They are queued again", body = Count), RefusedBody),
)]
pub(crate) async fn retry_many(call: Call, request: Request) -> Answer {
    let Call { app, caller, .. } = call;
    caller.require(Right::Submit)?;
    let BulkBody { filter } = parse(&read_json(request, app.json_limits()).await?)?;
    let count = to_the_end(async move || app.service.retry_many(&caller, filter).await).await?;
    json(StatusCode::ACCEPTED, &Count { count })
}

/// Discard dead letters
///
/// They are deleted with their logs and files.
#[utoipa::path(
    post, path = "/v1/tasks/discard", tag = "tasks", operation_id = "discard_tasks",
    request_body = BulkBody,
    responses((status = 202, description = "They are gone", body = Count), RefusedBody),
)]
pub(crate) async fn discard_many(call: Call, request: Request) -> Answer {
    let Call { app, caller, .. } = call;
    caller.require(Right::Submit)?;
    let BulkBody { filter } = parse(&read_json(request, app.json_limits()).await?)?;
    let count = to_the_end(async move || app.service.discard_many(&caller, filter).await).await?;
    json(StatusCode::ACCEPTED, &Count { count })
}

/// Drives a bulk call to its end, also when the client goes away in between.
///
/// The compiler can't tell that the service's future is `Send`, for the async closures in it; so a
/// thread that may block drives it.
async fn to_the_end(
    call: impl AsyncFnOnce() -> Result<u64, ServiceError> + Send + 'static,
) -> Result<u64, Problem> {
    let runtime = tokio::runtime::Handle::current();
    let done = tokio::task::spawn_blocking(move || runtime.block_on(call()));
    Ok(done.await.map_err(Problem::internal)??)
}
