//! `/v1/approvals`: what tasks ask of people, and the answers.

use axum::extract::{FromRequestParts, Path, Request};
use errand_core::{ApprovalId, Digest, ExecutorRef, TaskId};
use errand_scheduler::{
    ApprovalList, ApprovalState, ApprovalStatus, Choice, DecisionRequest, Right,
};
use http::header::{HeaderMap, USER_AGENT};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::body::read_json;
use crate::call::{Call, Segment};
use crate::cursor;
use crate::fault::parse;
use crate::hosts::Base;
use crate::openapi::{RefusedBody, RefusedQuery};
use crate::problem::Problem;
use crate::query::{Params, Query};
use crate::reply::{Answer, Items, json};
use crate::streamed::{answer, attached};
use crate::tasks::artifacts;
use crate::tasks::workspace::{PATCH, permit};
use crate::time::Rfc3339;

/// How the command line names itself.
const CLI_AGENT: &str = "errand/";

/// A question of a task to a person, and the answer once there is one.
#[derive(Serialize, ToSchema)]
#[schema(as = Approval)]
pub(crate) struct ApprovalView<'a> {
    /// Its id: the task's, a dot, and its number among the task's questions.
    #[schema(value_type = String)]
    id: ApprovalId,
    /// The task that asks.
    #[schema(value_type = String)]
    task_id: TaskId,
    /// What runs that task.
    #[schema(value_type = String)]
    executor: &'a ExecutorRef,
    /// What is asked, in one line.
    title: &'a str,
    /// More of it, in Markdown.
    detail: &'a str,
    /// JSON Schema of the values that are to be filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    schema: Option<&'a Value>,
    /// Whether the changes in the task's workspace are shown with it, under `links.diff`.
    shows_diff: bool,
    /// Files that are shown with it, under `links.attachments`.
    attachments: Vec<AttachmentView<'a>>,
    /// Who may answer, by the names of their tokens; empty: whoever has the right to.
    approvers: &'a [String],
    /// The digest of all that is shown.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    digest: Digest,
    /// Where it is. Everything but `approved` is a no.
    #[schema(value_type = ApprovalStatusName)]
    status: &'static str,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    asked_at: Rfc3339,
    /// When it closes by itself, which is a no.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Rfc3339>,
    /// How it was closed, where that is on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<DecidedView<'a>>,
    /// Where more is.
    links: ApprovalLinks,
}

/// A file that is shown with a question.
#[derive(Serialize, ToSchema)]
#[schema(as = Attachment)]
struct AttachmentView<'a> {
    /// Relative to the workspace.
    path: &'a str,
    /// Its size.
    size_bytes: u64,
    /// Its content.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    blake3: Digest,
    /// Its media type.
    media_type: &'a str,
}

/// How an approval was closed.
#[derive(Serialize, ToSchema)]
#[schema(as = Decided)]
struct DecidedView<'a> {
    /// Who.
    by: &'a str,
    /// Through which door: `rest`, `cli`, `page`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a str>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Rfc3339,
    /// Why, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    /// What they filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'a Value>,
}

/// Where more of an approval is.
#[derive(Serialize, ToSchema)]
struct ApprovalLinks {
    /// The approval itself.
    #[serde(rename = "self")]
    this: String,
    /// The task that asks.
    task: String,
    /// The page on which a person decides.
    page: String,
    /// What the task had changed in its workspace, as a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    /// Before the paths of attachments.
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<String>,
}

/// Where an approval is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_scheduler::ApprovalStatus")]
enum ApprovalStatusName {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
}

impl<'a> ApprovalView<'a> {
    pub(crate) fn new(state: &'a ApprovalState, base: &Base) -> Self {
        let approval = &state.approval;
        let id = approval.id;
        let this = format!("{base}/v1/approvals/{id}");
        let attachment = |file: &'a errand_core::Artifact| AttachmentView {
            path: &file.path,
            size_bytes: file.size_bytes,
            blake3: file.blake3,
            media_type: &file.media_type,
        };
        Self {
            id,
            task_id: id.task,
            executor: &approval.executor,
            title: &approval.title,
            detail: &approval.detail,
            schema: approval.schema.as_ref(),
            shows_diff: approval.workspace.is_some(),
            attachments: approval.attachments.iter().map(attachment).collect(),
            approvers: &approval.approvers,
            digest: approval.digest,
            status: state.status().as_str(),
            asked_at: Rfc3339(approval.asked_at),
            expires_at: approval.expires_at.map(Rfc3339),
            decided: approval.closed.as_ref().map(|closed| DecidedView {
                by: closed.by.as_str(),
                via: closed.via.as_deref(),
                at: Rfc3339(closed.at),
                comment: closed.comment.as_deref(),
                values: closed.values.as_ref(),
            }),
            links: ApprovalLinks {
                task: format!("{base}/v1/tasks/{}", id.task),
                page: format!("{base}/approvals/{id}"),
                diff: approval.workspace.is_some().then(|| format!("{this}/diff")),
                attachments: (!approval.attachments.is_empty())
                    .then(|| format!("{this}/attachments/")),
                this,
            },
        }
    }
}

/// Which approvals are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// At this status; left out: all.
    #[param(value_type = Option<ApprovalStatusName>, inline)]
    status: Option<ApprovalStatus>,
    /// Of this task; left out: of all.
    #[param(value_type = Option<String>)]
    task_id: Option<TaskId>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<String>,
    /// How many at most.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 500, default = 100)]
    limit: usize,
}

impl Params for ListParams {
    fn read(query: &mut Query<'_>) -> Self {
        let status = |text: &str| {
            serde_json::from_value(Value::String(text.to_owned())).map_err(|_| {
                "must be one of pending, approved, denied, expired, cancelled".to_owned()
            })
        };
        let key = |text: &str| {
            let key = cursor::key(text)?;
            String::from_utf8(key).map_err(|_| "is not a cursor that this list gave".to_owned())
        };
        Self {
            status: query.with("status", status),
            task_id: query.optional("task_id"),
            cursor: query.with("cursor", key),
            limit: query.number("limit", 1, 500).unwrap_or(0) as usize,
        }
    }
}

/// List approvals
///
/// The oldest task's first.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals", operation_id = "list_approvals",
    params(ListParams),
    responses((status = 200, description = "A page of them", body = Items<ApprovalView>), RefusedQuery),
)]
pub(crate) async fn list(call: Call<ListParams>) -> Answer {
    let Call { app, caller, base, params } = call;
    let ListParams { status, task_id: task, cursor, limit } = params;
    let request = ApprovalList { status, task, cursor, limit };
    let (states, next) = app.service.approvals(&caller, request).await?;
    let items = states.iter().map(|state| ApprovalView::new(state, &base)).collect();
    let next_cursor = next.map(|key| cursor::of_key(key.as_bytes()));
    json(StatusCode::OK, &Items { items, next_cursor })
}

/// Show an approval
#[utoipa::path(
    get, path = "/v1/approvals/{id}", tag = "approvals", operation_id = "get_approval",
    params(("id" = String, Path, description = "The approval")),
    responses((status = 200, description = "The approval", body = ApprovalView), RefusedQuery),
)]
pub(crate) async fn get(call: Call, ApprovalPath(id): ApprovalPath) -> Answer {
    let Call { app, caller, base, .. } = call;
    let state = app.service.approval(&caller, id).await?;
    json(StatusCode::OK, &ApprovalView::new(&state, &base))
}

/// A person's decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecisionRequest, example = json!({"decision": "approve", "comment": "go ahead"}))]
pub(crate) struct DecisionBody {
    /// Yes or no.
    #[schema(value_type = ChoiceName, inline)]
    decision: Choice,
    /// The digest of what was shown; where it is given it must be that of what is asked.
    #[serde(default)]
    #[schema(required = false, pattern = "^[0-9a-f]{64}$")]
    digest: Option<String>,
    /// Why.
    #[serde(default)]
    #[schema(required = false, max_length = 4_000)]
    comment: Option<String>,
    /// What was filled in, by the question's schema.
    #[serde(default)]
    #[schema(value_type = Option<Value>, required = false)]
    values: Option<Value>,
}

/// Yes or no.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_scheduler::Choice")]
enum ChoiceName {
    Approve,
    Deny,
}

/// Decide an approval
///
/// Once: the second decision is refused, whatever it is. The task goes on.
#[utoipa::path(
    post, path = "/v1/approvals/{id}", tag = "approvals", operation_id = "decide_approval",
    params(("id" = String, Path, description = "The approval")),
    request_body = DecisionBody,
    responses((status = 200, description = "The decided approval", body = ApprovalView), RefusedBody),
)]
pub(crate) async fn decide(
    call: Call,
    ApprovalPath(id): ApprovalPath,
    headers: HeaderMap,
    request: Request,
) -> Answer {
    let Call { app, caller, base, .. } = call;
    caller.require(Right::Approve)?;
    let DecisionBody { decision, digest, comment, values } =
        parse(&read_json(request, app.json_limits()).await?)?;
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let via = if agent.starts_with(CLI_AGENT) { "cli" } else { "rest" };
    let request = DecisionRequest { decision, digest, comment, values };
    let state = app.service.decide(&caller, id, request, via).await?;
    json(StatusCode::OK, &ApprovalView::new(&state, &base))
}

/// Show what a task had changed when it asked
///
/// As a patch that `git apply` takes; where the question shows no changes there is nothing here.
#[utoipa::path(
    get, path = "/v1/approvals/{id}/diff", tag = "approvals", operation_id = "get_approval_diff",
    params(("id" = String, Path, description = "The approval")),
    responses(
        (status = 200, description = "The patch", body = String, content_type = "text/x-diff"),
        (status = 429, description = "Too many are being written", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn diff(call: Call, ApprovalPath(id): ApprovalPath) -> Answer {
    let Call { app, caller, .. } = call;
    let (permit, stopping, service) = (permit(&app)?, app.stopping.clone(), app.service.clone());
    let write = |out| async move { service.write_approval_diff(&caller, id, out).await };
    let mut response = answer(permit, stopping, write).await?;
    attached(&mut response, PATCH, &format!("{id}.diff"))?;
    Ok(response)
}

/// Fetch a file that is shown with an approval
#[utoipa::path(
    get, path = "/v1/approvals/{id}/attachments/{*path}", tag = "approvals", operation_id = "get_attachment",
    params(
        ("id" = String, Path, description = "The approval"),
        ("path" = String, Path, description = "Relative to the workspace; may contain `/`"),
    ),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        RefusedQuery,
    ),
)]
pub(crate) async fn attachment(
    call: Call,
    AttachmentPath(id, path): AttachmentPath,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let file = call.app.service.attachment(&call.caller, id, &path).await?;
    artifacts::send(file, &method, &headers).await
}

/// The approval that a path names.
pub(crate) struct ApprovalPath(pub(crate) ApprovalId);

impl FromRequestParts<App> for ApprovalPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Segment(id) = Segment::from_request_parts(parts, app).await?;
        parse_approval_id(&id).map(Self)
    }
}

/// An approval, and a path below it.
pub(crate) struct AttachmentPath(pub(crate) ApprovalId, pub(crate) String);

impl FromRequestParts<App> for AttachmentPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path((id, path)): Path<(String, String)> =
            Path::from_request_parts(parts, app)
                .await
                .map_err(|rejection| Problem::malformed(rejection.body_text()))?;
        Ok(Self(parse_approval_id(&id)?, path))
    }
}

/// Reads an approval's id. What can't be one names no approval.
fn parse_approval_id(text: &str) -> Result<ApprovalId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found(format!("there is no approval `{}`", text.escape_debug())))
}
