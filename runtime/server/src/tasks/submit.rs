//! `POST /v1/tasks` and `POST /v1/tasks/batch`.

use axum::extract::Request;
use errand_core::{Submitted, Task};
use errand_scheduler::{BatchRequest, Right, TaskRequest};
use http::StatusCode;

use super::request::{BatchBody, TaskRequestBody};
use super::{Link, TaskView};
use crate::body::read_json;
use crate::call::{Call, header};
use crate::openapi::RefusedBody;
use crate::problem::{Problem, WireFault};
use crate::reply::{Answer, Items, json, json_at};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Submit a task
///
/// It is durable when this answers. The answer comes at once; follow the task through its links.
#[utoipa::path(
    post, path = "/v1/tasks", tag = "tasks", operation_id = "submit_task",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and request give the same task")),
    request_body = TaskRequestBody,
    responses(
        (status = 202, description = "The task is queued", body = TaskView, headers(("Location" = String))),
        (status = 200, description = "The key was used with the same request before: that task", body = TaskView),
        RefusedBody,
    ),
)]
pub(crate) async fn submit(call: Call, request: Request) -> Answer {
    let Call { app, caller, base, .. } = call;
    caller.require(Right::Submit)?;
    let key: Option<String> = header(request.headers(), IDEMPOTENCY_KEY)?;
    let body = read_json(request, app.json_limits()).await?;
    let mut wish = TaskRequest::from_slice(&body)?;
    if let Some(key) = key {
        if wish.idempotency_key.as_ref().is_some_and(|other| *other != key) {
            let message = "differs from the header `Idempotency-Key`";
            return Err(Problem::invalid(vec![WireFault::body("/idempotency_key", message)]));
        }
        wish.idempotency_key = Some(key);
    }
    let (status, task) = match app.service.submit(&caller, wish).await? {
        Submitted::Created(task) => {
            app.submitted.inc();
            (StatusCode::ACCEPTED, task)
        }
        Submitted::Existing(task) => (StatusCode::OK, task),
    };
    json_at(status, Link::to_task(&base, task.id).to_string(), &TaskView::new(&task, &base))
}

/// Submit many tasks
///
/// All or none. They are durable when this answers, and in order.
#[utoipa::path(
    post, path = "/v1/tasks/batch", tag = "tasks", operation_id = "submit_tasks",
    request_body = BatchBody,
    responses(
        (status = 202, description = "The tasks are queued", body = Items<TaskView>),
        RefusedBody,
    ),
)]
pub(crate) async fn submit_batch(call: Call, request: Request) -> Answer {
    let Call { app, caller, base, .. } = call;
    caller.require(Right::Submit)?;
    let body = read_json(request, app.json_limits()).await?;
    let batch = BatchRequest::from_slice(&body)?;
    drop(body);
    let submitted = app.service.submit_batch(&caller, batch).await?;
    let created = submitted.iter().filter(|one| matches!(one, Submitted::Created(_))).count();
    app.submitted.inc_by(created as u64);
    let tasks: Vec<TaskView<'_>> =
        submitted.iter().map(|one| TaskView::new(task_of(one), &base)).collect();
    json(StatusCode::ACCEPTED, &Items::all(tasks))
}

fn task_of(submitted: &Submitted) -> &Task {
    match submitted {
        Submitted::Created(task) | Submitted::Existing(task) => task,
    }
}
