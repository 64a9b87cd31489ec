//! `/mcp`: what an agent does with tasks, as tools, tasks, resources and prompts of the Model Context
//! Protocol, over streamable HTTP.
//!
//! `rmcp` owns the protocol: its revisions, messages and transport. Here is what is said in it. Nothing is
//! kept here that a task's life depends on: a task that the protocol knows by an id is one of the store's,
//! with that id. What a session of an old revision subscribed to goes with the session.

mod arguments;
mod asking;
mod content;
mod functions;
mod handler;
mod outcome;
mod prompts;
mod questions;
mod resources;
mod round_trips;
mod sessions;
mod subscriptions;
mod tasks;
mod tools;
mod watching;

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;

use self::handler::Handler;
use self::round_trips::RoundTrips;
use self::sessions::Sessions;
use crate::app::App;
use crate::body::read_json;
use crate::call::authenticate;
use crate::problem::Problem;

/// Where it is.
pub(crate) const PATH: &str = "/mcp";
/// The header that names a session of an old revision.
const SESSION: &str = "mcp-session-id";

/// Everything behind [`PATH`]. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mcp(Arc<Parts>);

struct Parts {
    app: App,
    transport: StreamableHttpService<Handler, LocalSessionManager>,
    sessions: Sessions,
}

impl Mcp {
    pub(crate) fn new(app: &App) -> Self {
        let config = StreamableHttpServerConfig::default()
            // Host and origin are checked before every route of this server.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(app.config.max_json_bytes)
            .with_sse_keep_alive(Some(app.config.sse_keep_alive))
            .with_cancellation_token(app.stopping.child_token());
        let manager = Arc::new(LocalSessionManager::default());
        let round_trips = Arc::new(RoundTrips::new(&*app.service.random()));
        let for_handlers = app.clone();
        let handler = move || Ok(Handler::new(for_handlers.clone(), Arc::clone(&round_trips)));
        Self(Arc::new(Parts {
            app: app.clone(),
            transport: StreamableHttpService::new(handler, Arc::clone(&manager), config),
            sessions: Sessions::new(manager),
        }))
    }

    /// Answers a request of any method.
    pub(crate) async fn answer(self, request: Request<Body>) -> Response {
        self.try_answer(request).await.unwrap_or_else(IntoResponse::into_response)
    }

    async fn try_answer(&self, request: Request<Body>) -> Result<Response, Problem> {
        let Parts { app, transport, sessions } = &*self.0;
        let caller = authenticate(app, request.headers()).await?;
        let session = request.headers().get(SESSION).and_then(|id| id.to_str().ok());
        if let Some(session) = session {
            sessions.check(session, &caller).await?;
        }
        let base = app.hosts.base(request.headers());
        let mut request = match *request.method() {
            Method::POST => match whole(app, request).await {
                Ok(request) => request,
                Err(problem) => return Ok(refused(&problem)),
            },
            _ => request,
        };
        request.extensions_mut().insert(asking::From { caller: caller.clone(), base });
        let ends = request.method() == Method::DELETE;
        let mut response = transport.handle(request).await.map(Body::new);
        if ends && response.status() == StatusCode::ACCEPTED {
            // It is over when this answers, and some clients take nothing else for it.
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        if let Some(opened) = response.headers().get(SESSION).and_then(|id| id.to_str().ok()) {
            sessions.open(opened, &caller).await?;
        }
        Ok(response)
    }
}

/// Reads the body within the bounds of every JSON body of this server.
async fn whole(app: &App, request: Request<Body>) -> Result<Request<Body>, Problem> {
    let (parts, body) = request.into_parts();
    let mut bare = Request::new(body);
    *bare.headers_mut() = parts.headers.clone();
    let body = read_json(bare, app.json_limits()).await?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Says that a body could not be taken, in the protocol's words: there is no id to answer to.
fn refused(problem: &Problem) -> Response {
    let error = json!({
        "jsonrpc": "2.0",
        "id": null,
        "error": {"code": -32600, "message": problem.detail(), "data": problem.to_value()},
    });
    let headers = [(CONTENT_TYPE, "application/json")];
    let status = match problem.status() {
        // What this server can't read is what the protocol calls a bad request.
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    (status, headers, error.to_string()).into_response()
}
