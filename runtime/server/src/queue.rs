//! `/v1/queue` and `/v1/workers`: how much is to do, and who does it.

use std::collections::BTreeMap;

use axum::extract::Request;
use errand_core::{ExecutorName, Status, TaskId, WorkerId};
use errand_scheduler::{RunningTask, WorkerView};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::read_nothing;
use crate::call::Call;
use crate::openapi::{RefusedQuery, RefusedState};
use crate::reply::{Answer, Items, json};
use crate::time::Rfc3339;

/// The queue as a whole, or one tenant's part of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueBody<'a> {
    /// Whether no task is started for now.
    paused: bool,
    /// Tasks by status.
    #[schema(value_type = BTreeMap<String, u64>)]
    by_status: BTreeMap<&'static str, u64>,
    /// Queued tasks by executor.
    #[schema(value_type = BTreeMap<String, u64>)]
    by_executor: &'a BTreeMap<ExecutorName, u64>,
    /// How long the oldest queued task has been there.
    #[schema(required)]
    oldest_age_ms: Option<u64>,
}

/// Show how deep the queue is
#[utoipa::path(
    get, path = "/v1/queue", tag = "operations", operation_id = "get_queue",
    responses((status = 200, description = "The queue", body = QueueBody), RefusedQuery),
)]
pub(crate) async fn get(call: Call) -> Answer {
    let view = call.app.service.queue(&call.caller).await?;
    let by_status = Status::ALL
        .iter()
        .zip(view.depth.by_status)
        .map(|(status, count)| (status.as_str(), count))
        .collect();
    let now = call.app.service.now();
    let body = QueueBody {
        paused: view.paused,
        by_status,
        by_executor: &view.depth.queued_by_executor,
        oldest_age_ms: view.depth.oldest_queued_at.map(|oldest| now.since_ms(oldest)),
    };
    json(StatusCode::OK, &body)
}

/// Whether the queue is paused.
#[derive(Serialize, ToSchema)]
pub(crate) struct Paused {
    /// Whether no task is started for now.
    paused: bool,
}

/// Start no further tasks
///
/// On every worker, and over restarts. What runs goes on.
#[utoipa::path(
    post, path = "/v1/queue/pause", tag = "operations", operation_id = "pause_queue",
    responses((status = 200, description = "It is paused", body = Paused), RefusedState),
)]
pub(crate) async fn pause(call: Call, request: Request) -> Answer {
    read_nothing(request, call.app.json_limits()).await?;
    call.app.service.pause_queue(&call.caller).await?;
    json(StatusCode::OK, &Paused { paused: true })
}

/// Start tasks again
#[utoipa::path(
    post, path = "/v1/queue/resume", tag = "operations", operation_id = "resume_queue",
    responses((status = 200, description = "It goes on", body = Paused), RefusedState),
)]
pub(crate) async fn resume(call: Call, request: Request) -> Answer {
    read_nothing(request, call.app.json_limits()).await?;
    call.app.service.resume_queue(&call.caller).await?;
    json(StatusCode::OK, &Paused { paused: false })
}

/// A worker.
#[derive(Serialize, ToSchema)]
#[schema(as = Worker)]
pub(crate) struct WorkerBody<'a> {
    /// Its id.
    #[schema(value_type = String)]
    id: &'a WorkerId,
    /// How many tasks it runs at most, where it is known.
    #[schema(required)]
    slots: Option<usize>,
    /// How many of its slots nobody computes in, where it is known. A task that waits holds none.
    #[schema(required)]
    free_slots: Option<usize>,
    /// What it runs.
    running: Vec<RunningBody>,
}

/// A task that a worker runs.
#[derive(Serialize, ToSchema)]
#[schema(as = RunningTask)]
pub(crate) struct RunningBody {
    /// The task.
    #[schema(value_type = String)]
    task_id: TaskId,
    /// When its lease ends unless it is renewed.
    #[schema(value_type = String, format = DateTime)]
    lease_until: Rfc3339,
}

/// Show who runs what
#[utoipa::path(
    get, path = "/v1/workers", tag = "operations", operation_id = "list_workers",
    responses((status = 200, description = "The workers", body = Items<WorkerBody>), RefusedQuery),
)]
pub(crate) async fn workers(call: Call) -> Answer {
    let workers = call.app.service.workers(&call.caller).await?;
    json(StatusCode::OK, &Items::all(workers.iter().map(worker).collect()))
}

fn worker(view: &WorkerView) -> WorkerBody<'_> {
    let running = |task: &RunningTask| RunningBody {
        task_id: task.task_id,
        lease_until: Rfc3339(task.lease_until),
    };
    WorkerBody {
        id: &view.id,
        slots: view.slots,
        free_slots: view.free_slots,
        running: view.running.iter().map(running).collect(),
    }
}
