//! `GET /v1/tasks/{id}/diff` and `GET /v1/tasks/{id}/workspace`: what a task left in its workspace.

use errand_core::{Change, ChangeCounts, Digest, Node, TaskId, WorkspaceSource};
use http::StatusCode;
use http::header::HeaderMap;
use serde::{Serialize, Serializer};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};

use crate::accept;
use crate::app::App;
use crate::call::{Call, TaskPath};
use crate::openapi::RefusedQuery;
use crate::problem::{Code, Problem};
use crate::query::{Params, Query};
use crate::reply::{Answer, json};
use crate::streamed::{answer, attached};

const JSON: &str = "application/json";
pub(crate) const PATCH: &str = "text/x-diff";
const TAR: &str = "application/x-tar";
/// When a client is told to come back that asks while too many others are answered.
const BUSY_RETRY_MS: u64 = 2_000;

/// What a task changed in its workspace, sorted by path.
#[derive(Serialize, ToSchema)]
#[schema(as = Diff)]
pub(crate) struct DiffView<'a> {
    /// What is new.
    added: Vec<EntryView<'a>>,
    /// What is otherwise.
    modified: Vec<EntryView<'a>>,
    /// What is gone, as it was.
    deleted: Vec<EntryView<'a>>,
}

/// A path, and what has it.
#[derive(Serialize, ToSchema)]
#[schema(as = DiffEntry)]
struct EntryView<'a> {
    /// Relative to the workspace.
    path: &'a str,
    #[serde(flatten)]
    node: NodeView<'a>,
    /// What it was, where it is otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<NodeView<'a>>,
}

/// What has a path.
#[derive(Serialize, ToSchema)]
#[schema(as = DiffNode)]
struct NodeView<'a> {
    /// As git writes it: `100644` for a file, `100755` for one that can be executed, `120000` for a
    /// symbolic link, `040000` for a directory.
    mode: &'static str,
    /// Bytes of the file, or of the link's target; not of a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// Of the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    blake3: Option<Digest>,
    /// What a symbolic link says.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
}

impl<'a> From<&'a Node> for NodeView<'a> {
    fn from(node: &'a Node) -> Self {
        let mode = node.git_mode().unwrap_or("040000");
        let (size_bytes, blake3, target) = match node {
            Node::Directory => (None, None, None),
            Node::File { size_bytes, blake3, .. } => (Some(*size_bytes), Some(*blake3), None),
            Node::Symlink { target } => {
                let blake3 = Digest::of(target.as_bytes());
                (Some(target.len() as u64), Some(blake3), Some(target.as_str()))
            }
        };
        Self { mode, size_bytes, blake3, target }
    }
}

impl<'a> DiffView<'a> {
    fn of(changes: &'a [Change], with_directories: bool) -> Self {
        let mut view = Self { added: Vec::new(), modified: Vec::new(), deleted: Vec::new() };
        let shown = |node: &'a Option<Node>| {
            node.as_ref().filter(|node| with_directories || **node != Node::Directory)
        };
        for Change { path, before, after } in changes {
            let entry = |node, before| EntryView { path, node: NodeView::from(node), before };
            match (shown(before), shown(after)) {
                (None, Some(new)) => view.added.push(entry(new, None)),
                (Some(old), Some(new)) => view.modified.push(entry(new, Some(old.into()))),
                (Some(old), None) => view.deleted.push(entry(old, None)),
                (None, None) => {}
            }
        }
        view
    }
}

/// What of a diff is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffParams {
    /// Whether directories are listed too; a patch has none.
    #[param(default = false)]
    directories: Option<bool>,
}

impl Params for DiffParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self { directories: query.optional("directories") }
    }
}

/// Show what a task changed in its workspace
///
/// As JSON, or as a patch that `git apply` takes. Only of a task that has completed, or has failed in its
/// executor: what is stopped from outside leaves nothing.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/diff", tag = "tasks", operation_id = "get_diff",
    params(("id" = String, Path, description = "The task"), DiffParams),
    responses(
        (status = 200, description = "What it changed", content(
            (DiffView = "application/json"),
            (String = "text/x-diff"),
        )),
        (status = 406, description = "Neither is accepted", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has not ended, or its workspace was not kept", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many are being written", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn diff(
    call: Call<DiffParams>,
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Answer {
    let Call { app, caller, params, .. } = call;
    if accept::choose(&headers, &[JSON, PATCH])? == JSON {
        let changes = app.service.changes(&caller, id).await?;
        let view = DiffView::of(&changes, params.directories.unwrap_or(false));
        return json(StatusCode::OK, &view);
    }
    app.service.ended(&caller, id).await?;
    let (permit, stopping, service) = (permit(&app)?, app.stopping.clone(), app.service.clone());
    let write = |out| async move { service.write_diff(&caller, id, out).await };
    let mut response = answer(permit, stopping, write).await?;
    attached(&mut response, PATCH, &format!("{id}.diff"))?;
    Ok(response)
}

/// What of a workspace is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkspaceParams {
    /// Whether files and links that the task neither added nor modified are left out.
    #[param(default = false)]
    changed: Option<bool>,
}

impl Params for WorkspaceParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self { changed: query.optional("changed") }
    }
}

/// Fetch what a task left in its workspace
///
/// As a tar archive. Only of a task that has completed, or has failed in its executor.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/workspace", tag = "tasks", operation_id = "get_workspace",
    params(("id" = String, Path, description = "The task"), WorkspaceParams),
    responses(
        (status = 200, description = "The workspace", body = Vec<u8>, content_type = "application/x-tar"),
        (status = 409, description = "It has not ended, or its workspace was not kept", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many are being written", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn workspace(call: Call<WorkspaceParams>, TaskPath(id): TaskPath) -> Answer {
    let Call { app, caller, params, .. } = call;
    app.service.ended(&caller, id).await?;
    let (permit, stopping, service) = (permit(&app)?, app.stopping.clone(), app.service.clone());
    let changed = params.changed.unwrap_or(false);
    let write = |out| async move { service.write_workspace(&caller, id, changed, out).await };
    let mut response = answer(permit, stopping, write).await?;
    attached(&mut response, TAR, &format!("{id}.tar"))?;
    Ok(response)
}

/// Takes the right to write something large that is made while it is sent.
pub(crate) fn permit(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    app.workspaces.clone().try_acquire_owned().map_err(|_| {
        let detail = "too many workspaces are being written at the moment";
        let busy = Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::Busy, detail);
        busy.retry_after_ms(BUSY_RETRY_MS)
    })
}

/// What a workspace starts from, as it was found when its task was submitted.
#[derive(Clone, Copy)]
pub(super) struct SourceView<'a>(pub(super) &'a WorkspaceSource);

impl Serialize for SourceView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "from", rename_all = "snake_case")]
        enum Fork {
            Task { id: TaskId },
        }
        match self.0 {
            // Where that lies is nobody's business.
            WorkspaceSource::Task { id, .. } => Fork::Task { id: *id }.serialize(serializer),
            source => source.serialize(serializer),
        }
    }
}

/// How many files and links a task changed.
#[derive(Serialize, ToSchema)]
#[schema(as = Changes)]
pub(super) struct CountsView {
    /// New ones.
    added: u64,
    /// Ones that are otherwise.
    modified: u64,
    /// Ones that are gone.
    deleted: u64,
}

impl From<ChangeCounts> for CountsView {
    fn from(ChangeCounts { added, modified, deleted }: ChangeCounts) -> Self {
        Self { added, modified, deleted }
    }
}
