//! `/v1/contexts/{id}`: conversations that tasks belong to, their state, and what happened in them.

use axum::extract::{FromRequestParts, Request};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use errand_core::{ContextId, ContextState, TaskId};
use errand_scheduler::{ContextEvent, Right, ServiceError};
use futures_util::{Stream, stream};
use http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderName, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::accept;
use crate::app::App;
use crate::approvals::ApprovalView;
use crate::body::read_json;
use crate::call::{Call, Segment, header};
use crate::cursor;
use crate::openapi::{RefusedBody, RefusedQuery};
use crate::problem::{Code, Problem, WireFault};
use crate::query::{Params, Query};
use crate::reply::{Answer, json};
use crate::tasks::event_view::EventView;
use crate::tasks::view::TaskView;

const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";
/// Events in one answer, unless fewer are asked for.
const PAGE: u64 = 500;

/// A conversation: its state, its tasks, and what they wait for.
#[derive(Serialize, ToSchema)]
#[schema(as = Context)]
pub(crate) struct ContextView<'a> {
    /// Its id.
    #[schema(value_type = String)]
    id: &'a ContextId,
    /// What its tasks and its agent keep in it: any JSON, null at first.
    #[schema(value_type = Value)]
    state: &'a Value,
    /// Changes with each write of the state; its `ETag`.
    version: String,
    /// Its tasks, newest first.
    tasks: Vec<TaskView<'a>>,
    /// Whether there are more.
    truncated: bool,
    /// What of it waits for a person's decision.
    approvals: Vec<ApprovalView<'a>>,
    /// What `after` is for what happens from now on.
    cursor: String,
}

/// Show a conversation
///
/// All that who comes back to it needs to know: its state, its tasks, what waits for a decision, and where
/// to go on reading its events.
#[utoipa::path(
    get, path = "/v1/contexts/{id}", tag = "contexts", operation_id = "get_context",
    params(("id" = String, Path, description = "The conversation, as tasks name it in `context_id`")),
    responses((status = 200, description = "The conversation", body = ContextView), RefusedQuery),
)]
pub(crate) async fn get(call: Call, ContextPath(id): ContextPath) -> Answer {
    let Call { app, caller, base, .. } = call;
    let context = app.service.context(&caller, &id).await?;
    let view = ContextView {
        id: &id,
        state: &context.state.value,
        version: context.state.version.to_string(),
        tasks: context.tasks.iter().map(|task| TaskView::new(task, &base)).collect(),
        truncated: context.truncated,
        approvals: context.approvals.iter().map(|one| ApprovalView::new(one, &base)).collect(),
        cursor: position_text(context.position),
    };
    let mut response = json(StatusCode::OK, &view)?;
    tagged(&mut response, &context.state)?;
    Ok(response)
}

/// Replace the state of a conversation
///
/// With `If-Match` only where nobody else wrote in between; `If-None-Match: *` only where nobody has written
/// yet. Without either, whatever was there.
#[utoipa::path(
    put, path = "/v1/contexts/{id}/state", tag = "contexts", operation_id = "put_context_state",
    params(
        ("id" = String, Path, description = "The conversation"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the state that is replaced"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only where there is none"),
    ),
    request_body(content = Value, description = "Any JSON, up to 1 MiB"),
    responses(
        (status = 200, description = "It is written", body = StateView, headers(("ETag" = String))),
        (status = 412, description = "Somebody else wrote in between", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedBody,
    ),
)]
pub(crate) async fn put_state(
    call: Call,
    ContextPath(id): ContextPath,
    headers: HeaderMap,
    request: Request,
) -> Answer {
    let Call { app, caller, .. } = call;
    caller.require(Right::Submit)?;
    let version = expected(&headers)?;
    let body = read_json(request, app.json_limits()).await?;
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::malformed(format!("read the body: {error}")))?;
    let written = app.service.set_context_state(&caller, &id, value, version).await;
    let state = match written {
        Err(ServiceError::Conflict { message }) if version.is_some() => {
            return Err(Problem::new(StatusCode::PRECONDITION_FAILED, Code::Conflict, message));
        }
        written => written?,
    };
    let view = StateView { state: &state.value, version: state.version.to_string() };
    let mut response = json(StatusCode::OK, &view)?;
    tagged(&mut response, &state)?;
    Ok(response)
}

/// A version of a conversation's state.
#[derive(Serialize, ToSchema)]
#[schema(as = ContextState)]
pub(crate) struct StateView<'a> {
    /// The state.
    #[schema(value_type = Value)]
    state: &'a Value,
    /// Changes with each write.
    version: String,
}

/// Reads which version is to be replaced.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let fault = |name: &str, message: &str| {
        Problem::invalid(vec![WireFault::parameter(name.to_owned(), message.to_owned())])
    };
    if let Some(tag) = headers.get(IF_MATCH) {
        let tag = tag.to_str().unwrap_or_default().trim();
        let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        let version = version.and_then(|version| version.parse().ok());
        return match version {
            Some(version) => Ok(Some(version)),
            None => Err(fault("If-Match", "must be one `ETag` of the state")),
        };
    }
    match headers.get(IF_NONE_MATCH).map(|tag| tag.as_bytes() == b"*") {
        Some(true) => Ok(Some(0)),
        Some(false) => Err(fault("If-None-Match", "must be `*`")),
        None => Ok(None),
    }
}

fn tagged(response: &mut Response, state: &ContextState) -> Result<(), Problem> {
    let tag = HeaderValue::try_from(format!("\"{}\"", state.version)).map_err(Problem::internal)?;
    response.headers_mut().insert(ETAG, tag);
    Ok(())
}

/// What happened in a conversation.
#[derive(Serialize, ToSchema)]
#[schema(as = ContextEvents)]
pub(crate) struct EventsView<'a> {
    /// The events, in the order in which they were written.
    items: Vec<ItemView<'a>>,
    /// What `after` is for what comes next.
    cursor: String,
    /// Whether there is more by now.
    more: bool,
}

/// An event of one of a conversation's tasks.
#[derive(Serialize, ToSchema)]
#[schema(as = ContextEvent)]
struct ItemView<'a> {
    /// Whose.
    #[schema(value_type = String)]
    task_id: TaskId,
    #[serde(flatten)]
    event: EventView<'a>,
}

impl<'a> From<&'a ContextEvent> for ItemView<'a> {
    fn from(event: &'a ContextEvent) -> Self {
        Self { task_id: event.task, event: EventView::from(&event.event) }
    }
}

/// From where on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsParams {
    /// The `cursor` of an earlier answer; left out: from the beginning.
    #[param(value_type = Option<String>)]
    after: Option<u64>,
    /// About how many at most.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 500, default = 500)]
    limit: usize,
}

impl Params for EventsParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self {
            after: query.with("after", position),
            limit: query.number("limit", 1, PAGE).unwrap_or(PAGE) as usize,
        }
    }
}

/// Read what happened in a conversation
///
/// The events of all its tasks, in the order in which they were written. As a stream with
/// `Accept: text/event-stream`: `id:` is the cursor, `event:` the kind; it resumes after `Last-Event-ID` and
/// goes on until the client leaves.
#[utoipa::path(
    get, path = "/v1/contexts/{id}/events", tag = "contexts", operation_id = "get_context_events",
    params(
        ("id" = String, Path, description = "The conversation"), EventsParams,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, for a stream"),
    ),
    responses(
        (status = 200, description = "The events", content(
            (EventsView = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 406, description = "Neither is accepted", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn events(
    call: Call<EventsParams>,
    ContextPath(id): ContextPath,
    headers: HeaderMap,
) -> Answer {
    let Call { app, caller, params, .. } = call;
    caller.require(Right::Read)?;
    let mut response = if accept::choose(&headers, &[JSON, EVENT_STREAM])? == EVENT_STREAM {
        let last: Option<String> = header(&headers, "last-event-id")?;
        let last = last.map(|text| position(&text)).transpose().map_err(|message| {
            Problem::invalid(vec![WireFault::parameter("last-event-id".to_owned(), message)])
        })?;
        let after = last.or(params.after).unwrap_or(0);
        let stopping = app.stopping.clone();
        let followed = follow(app, caller, id, after);
        let until = futures_util::StreamExt::take_until(followed, stopping.cancelled_owned());
        let mut response = Sse::new(until).keep_alive(KeepAlive::default()).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        response
    } else {
        let after = params.after.unwrap_or(0);
        let found = app.service.context_events(&caller, &id, after, params.limit).await?;
        let view = EventsView {
            items: found.items.iter().map(ItemView::from).collect(),
            cursor: position_text(found.position),
            more: !found.is_all,
        };
        json(StatusCode::OK, &view)?
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Follows a conversation: each event as it is written.
fn follow(
    app: App,
    caller: errand_scheduler::Caller,
    id: ContextId,
    after: u64,
) -> impl Stream<Item = Result<SseEvent, axum::Error>> {
    let pages =
        stream::unfold((app, caller, id, after), |(app, caller, id, mut after)| async move {
            loop {
                let found =
                    app.service.context_events(&caller, &id, after, PAGE as usize).await.ok()?;
                let moved = found.position > after;
                after = found.position;
                if !found.items.is_empty() {
                    return Some(((found.items, after), (app, caller, id, after)));
                }
                if !moved {
                    app.service.context_changed(&caller, &id, after).await.ok()?;
                }
            }
        });
    futures_util::StreamExt::flat_map(pages, |(items, position)| {
        let last = items.len() - 1;
        let events: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let event = SseEvent::default().event(item.event.body.kind());
                // A position is one of the whole page: who breaks off in it reads it again.
                let event = if at == last { event.id(position_text(position)) } else { event };
                event.json_data(ItemView::from(item))
            })
            .collect();
        stream::iter(events)
    })
}

fn position_text(position: u64) -> String {
    cursor::of_key(&position.to_be_bytes())
}

fn position(text: &str) -> Result<u64, String> {
    let bytes = <[u8; 8]>::try_from(&cursor::key(text)?[..]);
    bytes
        .map(u64::from_be_bytes)
        .map_err(|_| "is not a cursor of a conversation's events".to_owned())
}

/// The conversation that a path names.
pub(crate) struct ContextPath(ContextId);

impl FromRequestParts<App> for ContextPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Segment(id) = Segment::from_request_parts(parts, app).await?;
        ContextId::new(&id)
            .map(Self)
            .map_err(|_| Problem::not_found(format!("there is no context `{}`", id.escape_debug())))
    }
}
