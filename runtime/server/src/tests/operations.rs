//! The queue, workers, health and metrics.

use axum::body::Body;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::harness::{server, working_server};

#[tokio::test]
async fn the_queue_tells_its_depth_and_is_paused_and_resumed() {
    let server = server().await;
    server.upload("prog").await;
    server.submit(json!({})).await;
    let queue = server.get("/v1/queue").await.json();
    assert_eq!(queue["by_status"]["queued"], 1);
    assert_eq!(queue["by_status"].as_object().unwrap().len(), 6);
    assert_eq!(queue["by_executor"], json!({"prog": 1}));
    assert!(queue["oldest_age_ms"].is_u64());
    assert_eq!(queue["paused"], false);
    assert_eq!(server.post("/v1/queue/pause", json!({})).await.json(), json!({"paused": true}));
    assert_eq!(server.get("/v1/queue").await.json()["paused"], true);
    assert_eq!(server.post("/v1/queue/resume", json!({})).await.json(), json!({"paused": false}));
}

#[tokio::test]
async fn workers_tell_what_they_run() {
    let server = working_server().await;
    let id = server.submit(json!({"do": "hold"})).await;
    let running = loop {
        let workers = server.get("/v1/workers").await.json();
        assert_eq!(workers["items"][0]["id"], "worker-1");
        assert!(workers["items"][0]["slots"].as_u64().unwrap() >= 1);
        if let Some(running) = workers["items"][0]["running"].get(0) {
            break running.clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(running["task_id"], id);
    assert!(running["lease_until"].is_string());
    server.gate.add_permits(1);
}

#[tokio::test]
async fn health_needs_no_token_and_readiness_ends_with_the_server() {
    let server = server().await;
    for uri in ["/healthz", "/readyz"] {
        let mut request = server.request(Method::GET, uri, Body::empty());
        request.headers_mut().remove(AUTHORIZATION);
        let reply = server.send(request).await;
        assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({"status": "ok"})));
    }
    server.stopping.cancel();
    assert_eq!(server.get("/healthz").await.status, 200);
    server.get("/readyz").await.problem(503, "unavailable");
}

#[tokio::test]
async fn requests_and_tasks_are_counted() {
    let server = server().await;
    server.upload("prog").await;
    server.submit(json!({})).await;
    server.get("/nowhere").await;
    server.get("/v1/tasks/x").await;
    let reply = server.get("/metrics").await;
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    for line in [
        r#"errand_http_requests_total{route="/v1/tasks",method="POST",status="202"} 1"#,
        r#"errand_http_requests_total{route="/v1/tasks/{id}",method="GET",status="404"} 1"#,
        r#"errand_http_requests_total{route="unmatched",method="GET",status="404"} 1"#,
        r#"errand_http_request_duration_seconds_count{route="/v1/tasks"} 1"#,
        r#"errand_tasks{status="queued"} 1"#,
        r#"errand_queued_tasks{executor="prog"} 1"#,
        "errand_tasks_submitted_total 1",
        "# UNIT errand_http_request_duration_seconds seconds",
    ] {
        assert!(text.lines().any(|known| known == line), "no {line} in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));

    let plain = server.get_with("/metrics", &[("accept", "text/plain")]).await;
    assert!(plain.header("content-type").starts_with("text/plain"));
    server.get_with("/metrics", &[("accept", "image/png")]).await.problem(406, "not_acceptable");
    let mut request = server.request(Method::GET, "/metrics", Body::empty());
    request.headers_mut().remove(AUTHORIZATION);
    server.send(request).await.problem(401, "unauthenticated");
}
