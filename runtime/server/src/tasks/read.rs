//! `GET /v1/tasks`, `GET /v1/tasks/{id}` and `GET /v1/tasks/{id}/tree`.

use axum::extract::State;
use errand_core::{ContextId, Namespace, Status, TaskId};
use errand_scheduler::ListRequest;
use http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::TaskView;
use super::view::StatusName;
use crate::app::App;
use crate::call::{Call, TaskPath};
use crate::cursor;
use crate::openapi::RefusedQuery;
use crate::query::{Params, Query};
use crate::reply::{Answer, Items, json};

/// Longest wait for a task.
const MAX_WAIT_MS: u64 = 60_000;
/// Most items of one page.
pub(crate) const MAX_PAGE: u64 = 500;
/// Items of a page where nothing is said.
pub(crate) const DEFAULT_PAGE: usize = 50;

/// Which tasks to list. All conditions must hold.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// At this status.
    #[param(value_type = Option<StatusName>)]
    status: Option<Status>,
    /// `name`, or `name@digest-prefix`.
    executor: Option<String>,
    /// The tenant; left out: all that the token sees.
    #[param(value_type = Option<String>)]
    namespace: Option<Namespace>,
    /// Children of this task.
    #[param(value_type = Option<String>)]
    parent_id: Option<TaskId>,
    /// Of this conversation.
    #[param(value_type = Option<String>)]
    context_id: Option<ContextId>,
    /// With this label, as `key:value`.
    #[param(value_type = Option<String>)]
    label: Option<(String, String)>,
    /// `next_cursor` of the part before.
    #[param(value_type = Option<String>)]
    cursor: Option<TaskId>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

impl Params for ListParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self {
            status: query.with("status", parse_status),
            executor: query.optional("executor"),
            namespace: query.optional("namespace"),
            parent_id: query.optional("parent_id"),
            context_id: query.optional("context_id"),
            label: query.with("label", |text| {
                let (key, value) = text.split_once(':').ok_or("must be key:value")?;
                Ok((key.to_owned(), value.to_owned()))
            }),
            cursor: query.with("cursor", cursor::task),
            limit: query.number("limit", 1, MAX_PAGE),
        }
    }
}

fn parse_status(text: &str) -> Result<Status, String> {
    Status::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// List tasks
///
/// Newest first.
#[utoipa::path(
    get, path = "/v1/tasks", tag = "tasks", operation_id = "list_tasks",
    params(ListParams),
    responses((status = 200, description = "A page of tasks", body = Items<TaskView>), RefusedQuery),
)]
pub(crate) async fn list(call: Call<ListParams>) -> Answer {
    let Call { app, caller, params, base } = call;
    let request = ListRequest {
        status: params.status,
        executor: params.executor,
        namespace: params.namespace,
        parent_id: params.parent_id,
        context_id: params.context_id,
        label: params.label,
        cursor: params.cursor,
        limit: params.limit.map_or(DEFAULT_PAGE, |limit| limit as usize),
    };
    let page = app.service.list(&caller, request).await?;
    let items = page.items.iter().map(|task| TaskView::new(task, &base)).collect();
    json(StatusCode::OK, &Items { items, next_cursor: page.next.map(cursor::of_task) })
}

/// How long to wait.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GetParams {
    /// Answer at a terminal or waiting status, or after this time.
    #[param(minimum = 0, maximum = 60_000, default = 0)]
    wait_ms: Option<u64>,
}

impl Params for GetParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self { wait_ms: query.number("wait_ms", 0, MAX_WAIT_MS) }
    }
}

/// Show a task
#[utoipa::path(
    get, path = "/v1/tasks/{id}", tag = "tasks", operation_id = "get_task",
    params(("id" = String, Path, description = "The task"), GetParams),
    responses((status = 200, description = "The task as it is now", body = TaskView), RefusedQuery),
)]
pub(crate) async fn get(
    State(app): State<App>,
    call: Call<GetParams>,
    TaskPath(id): TaskPath,
) -> Answer {
    let Call { caller, params, base, .. } = call;
    let task = match params.wait_ms {
        None | Some(0) => app.service.task(&caller, id).await?,
        Some(wait_ms) => tokio::select! {
            task = app.service.wait(&caller, id, wait_ms) => task?,
            () = app.stopping.cancelled() => app.service.task(&caller, id).await?,
        },
    };
    json(StatusCode::OK, &TaskView::new(&task, &base))
}

/// A task and its descendants.
#[derive(Serialize, ToSchema)]
#[schema(as = Tree)]
pub(crate) struct TreeView<'a> {
    /// The task first, then its children, then theirs; `parent_id` says whose.
    items: Vec<TaskView<'a>>,
    /// Whether there are more than are in `items`.
    truncated: bool,
}

/// Show a task and its descendants
#[utoipa::path(
    get, path = "/v1/tasks/{id}/tree", tag = "tasks", operation_id = "get_task_tree",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "The tree", body = TreeView), RefusedQuery),
)]
pub(crate) async fn tree(call: Call, TaskPath(id): TaskPath) -> Answer {
    let Call { app, caller, base, .. } = call;
    let tree = app.service.tree(&caller, id).await?;
    let items = tree.items.iter().map(|task| TaskView::new(task, &base)).collect();
    json(StatusCode::OK, &TreeView { items, truncated: tree.truncated })
}
