//! `/healthz`, `/readyz`, `/metrics` and `/openapi.json`.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use errand_core::Status;
use errand_scheduler::Collected;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accept;
use crate::app::App;
use crate::call::Call;
use crate::openapi::RefusedQuery;
use crate::problem::{Code, Problem};
use crate::reply::{Answer, json};

const OPENMETRICS: &str = "application/openmetrics-text";
const PLAIN: &str = "text/plain";

/// How it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Tell whether the server answers
#[utoipa::path(
    get, path = "/healthz", tag = "operations", operation_id = "healthz", security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn healthz() -> Answer {
    json(StatusCode::OK, &Health { status: "ok" })
}

/// Tell whether the server can work
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "readyz", security(()),
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "It is stopping, or its store does not answer", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Answer {
    let unavailable =
        |detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, detail);
    if app.stopping.is_cancelled() {
        return Err(unavailable("the server is stopping"));
    }
    if let Err(error) = app.service.ready().await {
        tracing::warn!(%error, "not ready");
        return Err(unavailable("the store does not answer; the server's log says why"));
    }
    json(StatusCode::OK, &Health { status: "ok" })
}

/// Describe the API
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations", operation_id = "openapi", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(crate) async fn openapi(State(app): State<App>) -> Response {
    let mut response = Response::new(Body::from(app.openapi.clone()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExecutorLabel {
    executor: String,
}

/// Read what is counted, as Prometheus text
///
/// Requests are the whole server's; tasks are those that the token sees.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses(
        (status = 200, description = "OpenMetrics text", content(
            (String = "application/openmetrics-text"), (String = "text/plain"),
        )),
        (status = 406, description = "Neither is accepted", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn metrics(call: Call, headers: HeaderMap) -> Answer {
    let Call { app, caller, .. } = call;
    let kind = match accept::choose(&headers, &[OPENMETRICS, PLAIN])? {
        OPENMETRICS => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        _ => "text/plain; version=0.0.4; charset=utf-8",
    };
    let view = app.service.queue(&caller).await?;

    let tasks = Family::<StatusLabel, Gauge>::default();
    for (status, count) in Status::ALL.iter().zip(view.depth.by_status) {
        tasks.get_or_create(&StatusLabel { status: status.as_str() }).set(count as i64);
    }
    let queued = Family::<ExecutorLabel, Gauge>::default();
    for (name, count) in view.depth.queued_by_executor {
        queued.get_or_create(&ExecutorLabel { executor: name.to_string() }).set(count as i64);
    }
    let oldest: Gauge = Gauge::default();
    let now = app.service.now();
    let age_ms = view.depth.oldest_queued_at.map_or(0, |oldest| now.since_ms(oldest));
    oldest.set((age_ms / 1_000) as i64);
    let paused: Gauge = Gauge::default();
    paused.set(i64::from(view.paused));

    let mut moment = Registry::with_prefix("errand");
    moment.register("tasks", "Tasks that are stored, by status", tasks);
    moment.register("queued_tasks", "Queued tasks by executor", queued);
    moment.register_with_unit(
        "queue_oldest_age",
        "How long the oldest queued task has been there",
        Unit::Seconds,
        oldest,
    );
    moment.register("queue_paused", "Whether no task is started for now", paused);
    moment.register("tasks_submitted", "Tasks accepted since the start", app.submitted.clone());
    // The whole store's, so only for those who see all of it.
    if caller.namespace.is_none() {
        collected(&mut moment, app.service.collected());
    }
    let text = app.metrics.encode(&moment).map_err(Problem::internal)?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

fn collected(moment: &mut Registry, collected: Collected) {
    let counter = |count: u64| {
        let counter = Counter::<u64>::default();
        counter.inc_by(count);
        counter
    };
    let Collected { tasks, uploads, blobs, blob_bytes } = collected;
    moment.register("tasks_collected", "Ended tasks removed for their age", counter(tasks));
    moment.register("uploads_collected", "Unused uploads removed for their age", counter(uploads));
    moment.register("blobs_collected", "Blobs removed that nothing needed", counter(blobs));
    moment.register_with_unit(
        "blobs_collected",
        "How large the removed blobs were together",
        Unit::Bytes,
        counter(blob_bytes),
    );
}
