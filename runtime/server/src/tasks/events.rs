//! `GET /v1/tasks/{id}/events`: as one JSON answer, or followed as server-sent events.
//!
//! Nothing is read ahead of the client: the next event is asked for when the connection has taken the
//! last one, so a slow reader costs one page of events, and one that went away nothing.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use errand_core::TaskId;
use errand_scheduler::{Caller, Follow, Followed, ServiceError};
use futures_util::stream::{self, Stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::IntoParams;

use super::event_view::EventView;
use super::view::ProgressView;
use crate::accept;
use crate::app::App;
use crate::call::{Call, TaskPath, header};
use crate::openapi::RefusedQuery;
use crate::query::{Params, Query};
use crate::reply::{Answer, Items};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";
/// Events read at a time for a JSON answer.
const PAGE: usize = 256;

/// From where on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// Only events after this number. The header `Last-Event-ID` goes before it.
    #[param(minimum = 0, default = 0)]
    after: Option<u64>,
}

impl Params for EventParams {
    fn read(query: &mut Query<'_>) -> Self {
        Self { after: query.number("after", 0, u64::MAX) }
    }
}

/// Read or follow a task's events
///
/// As JSON: all that are recorded. As server-sent events: `id` is the event's number and `event` its
/// kind; live progress comes between as `progress`, without an `id`; the stream ends when the task has
/// ended.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/events", tag = "tasks", operation_id = "get_task_events",
    params(
        ("id" = String, Path, description = "The task"),
        EventParams,
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that was received"),
    ),
    responses(
        (status = 200, description = "The events", content(
            (Items<EventView> = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 406, description = "Neither is accepted", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn events(
    call: Call<EventParams>,
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Answer {
    let Call { app, caller, params, .. } = call;
    let last: Option<u64> = header(&headers, "last-event-id")?;
    let after = last.or(params.after).unwrap_or(0);
    match accept::choose(&headers, &[JSON, SSE])? {
        SSE => follow(app, &caller, id, after).await,
        _ => all(app, caller, id, after).await,
    }
}

async fn follow(app: App, caller: &Caller, id: TaskId, after: u64) -> Answer {
    let fuel_limit = app.service.task(caller, id).await?.limits.fuel;
    let follow = app.service.follow(caller, id, after).await?;
    let keep_alive = KeepAlive::new().interval(app.config.sse_keep_alive);
    let messages = messages(app, follow, fuel_limit);
    let mut response = Sse::new(messages).keep_alive(keep_alive).into_response();
    // Tells proxies not to hold messages back.
    let name = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(name, HeaderValue::from_static("no"));
    Ok(response)
}

fn messages(
    app: App,
    follow: Follow,
    fuel_limit: u64,
) -> impl Stream<Item = Result<Message, Infallible>> {
    stream::unfold((app, follow), move |(app, mut follow)| async move {
        let followed = tokio::select! {
            followed = follow.next() => followed,
            () = app.stopping.cancelled() => return None,
        };
        let message = match followed {
            Ok(Some(Followed::Event(event))) => {
                let message = Message::default().id(event.seq.to_string()).event(event.body.kind());
                written(message, &EventView::from(&event))
            }
            Ok(Some(Followed::Progress(progress))) => {
                let message = Message::default().event("progress");
                written(message, &ProgressView::new(&progress, fuel_limit))
            }
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        match message {
            Ok(message) => Some((Ok(message), (app, follow))),
            Err(error) => {
                // The client resumes after the last number it has.
                tracing::error!(%error, "an event stream broke off");
                None
            }
        }
    })
}

fn written(message: Message, data: &impl Serialize) -> Result<Message, ServiceError> {
    let text = serde_json::to_string(data)
        .map_err(|error| ServiceError::Internal { message: error.to_string() })?;
    Ok(message.data(text))
}

/// Answers all events up to the last one of this moment, written page by page.
async fn all(app: App, caller: Caller, id: TaskId, after: u64) -> Answer {
    let last = app.service.task(&caller, id).await?.version;
    let pages = Pages { app, caller, id, after, last, first: true };
    let body = stream::try_unfold(Some(pages), |pages| async move {
        match pages {
            Some(pages) => pages.next().await.map(Some),
            None => Ok::<_, ServiceError>(None),
        }
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

struct Pages {
    app: App,
    caller: Caller,
    id: TaskId,
    after: u64,
    last: u64,
    first: bool,
}

impl Pages {
    /// Returns the next piece of the answer, and what goes on after it.
    async fn next(mut self) -> Result<(Bytes, Option<Self>), ServiceError> {
        let mut piece = Vec::with_capacity(16 << 10);
        if self.first {
            piece.extend_from_slice(br#"{"items":["#);
        }
        let events = if self.after < self.last {
            self.app.service.events(&self.caller, self.id, self.after, PAGE).await?
        } else {
            Vec::new()
        };
        for event in events.iter().take_while(|event| event.seq <= self.last) {
            if !std::mem::take(&mut self.first) {
                piece.push(b',');
            }
            serde_json::to_writer(&mut piece, &EventView::from(event))
                .map_err(|error| ServiceError::Internal { message: error.to_string() })?;
            self.after = event.seq;
        }
        if events.is_empty() || self.after >= self.last {
            piece.extend_from_slice(b"]}");
            return Ok((piece.into(), None));
        }
        Ok((piece.into(), Some(self)))
    }
}
