//! The route table: every path of version 1, and who answers it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use errand_scheduler::Service;
use http::Uri;
use tokio::sync::Semaphore;
use utoipa::openapi::HttpMethod::{self, Delete, Get, Patch, Post};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, AppParts};
use crate::config::ServerConfig;
use crate::console::{self, Console};
use crate::front::FrontLayer;
use crate::hosts::Hosts;
use crate::mcp::{self, Mcp};
use crate::metrics::HttpMetrics;
use crate::problem::Problem;
use crate::tasks::{artifacts, control, events, read, submit, workspace};
use crate::unsupported::{self, NotYet};
use crate::{
    approvals, backup, blobs, console_codes, contexts, executors, grants, health, openapi, queue,
    tokens,
};

/// Builds the REST interface and the pages over a service.
///
/// # Panics
/// Never: that the table is free of conflicts is tested.
pub fn router(service: Service, config: ServerConfig) -> Router {
    let console = Console::new(&service);
    router_with_console(service, config, console)
}

/// Builds the same with a console that the caller keeps a clone of, to have codes made.
///
/// # Panics
/// Never: that the table is free of conflicts is tested.
pub fn router_with_console(service: Service, config: ServerConfig, console: Console) -> Router {
    let (routes, mut api) = table();
    let routes = unsupported::add(routes, &mut api, NOT_YET);
    // The pages are for people, and no part of the API that is described.
    let routes = routes.merge(console::routes());
    let paths = api.paths.paths.keys().map(String::as_str).chain(console::PATHS).chain([mcp::PATH]);
    let metrics = HttpMetrics::new(paths);
    openapi::finish(&mut api);
    let openapi = api.to_json().expect("the description of the API can be written").into();
    let app = App::new(AppParts {
        service,
        hosts: Hosts::new(&config),
        metrics,
        console,
        submitted: Default::default(),
        uploads: Semaphore::new(config.max_uploads),
        blob_uploads: Semaphore::new(config.max_blob_uploads),
        backups: Arc::new(Semaphore::new(1)),
        workspaces: Arc::new(Semaphore::new(config.max_workspaces)),
        openapi,
        stopping: config.stopping.clone(),
        config,
    });
    let mcp = Mcp::new(&app);
    let routes = routes.route(mcp::PATH, any(move |request: Request| mcp.clone().answer(request)));
    routes.fallback(unknown_path).layer(FrontLayer(app.clone())).with_state(app)
}

/// The methods and paths stand at the handlers, where they are also described.
fn table() -> (Router<App>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(openapi::frame())
        // /v1/executors
        .routes(routes!(executors::upload, executors::list))
        .routes(routes!(executors::get, executors::remove))
        // /v1/tasks
        .routes(routes!(submit::submit, read::list))
        .routes(routes!(submit::submit_batch))
        .routes(routes!(control::retry_many))
        .routes(routes!(control::discard_many))
        // /v1/tasks/{id}
        .routes(routes!(read::get, control::delete))
        .routes(routes!(read::tree))
        .routes(routes!(events::events))
        .routes(routes!(control::cancel))
        .routes(routes!(control::retry))
        .routes(routes!(control::signal))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::get))
        .routes(routes!(workspace::diff))
        .routes(routes!(workspace::workspace))
        // /v1/approvals
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::get, approvals::decide))
        .routes(routes!(approvals::diff))
        .routes(routes!(approvals::attachment))
        .routes(routes!(console_codes::create))
        // /v1/contexts
        .routes(routes!(contexts::get))
        .routes(routes!(contexts::put_state))
        .routes(routes!(contexts::events))
        // /v1/blobs
        .routes(routes!(blobs::upload))
        // operations
        .routes(routes!(queue::get))
        .routes(routes!(queue::pause))
        .routes(routes!(queue::resume))
        .routes(routes!(queue::workers))
        .routes(routes!(tokens::create, tokens::list))
        .routes(routes!(tokens::revoke))
        .routes(routes!(grants::get, grants::put))
        .routes(routes!(backup::make))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(health::openapi))
        .split_for_parts()
}

/// What later versions answer.
const NOT_YET: &[NotYet] = &[
    not_yet(Get, "/v1/schedules", "list_schedules", "listing schedules"),
    not_yet(Post, "/v1/schedules", "create_schedule", "making schedules"),
    not_yet(Get, "/v1/schedules/{id}", "get_schedule", "showing a schedule"),
    not_yet(Patch, "/v1/schedules/{id}", "change_schedule", "changing schedules"),
    not_yet(Delete, "/v1/schedules/{id}", "delete_schedule", "deleting schedules"),
    NotYet { open: true, ..not_yet(Get, "/.well-known/agent-card.json", "agent_card", "A2A") },
    not_yet(Get, "/", "console", "the console"),
];

const fn not_yet(
    method: HttpMethod,
    path: &'static str,
    operation_id: &'static str,
    what: &'static str,
) -> NotYet {
    NotYet { method, path, operation_id, what, open: false }
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at `{}`", uri.path()))
}
