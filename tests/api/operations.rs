//! `/v1/queue`, `/v1/workers`, `/healthz`, `/readyz` and `/metrics`.

use serde_json::{Value, json};

use super::{AN_HOUR_MS, members, submit_for_later, submit_looping, text};
use crate::harness::{Client, Server, shared, wasm};

#[test]
fn a_paused_queue_starts_nothing_until_it_goes_on_also_over_a_restart() {
    let server = Server::start_with(&["--slots", "1"]);
    let client = server.operator();
    client.upload("end", &wasm::ends_at_once("paused")).expect(201);
    assert_eq!(client.post("/v1/queue/pause", &json!({})).expect(200)["paused"], true);
    let id = client.submit(&json!({"executor": "end"}));
    assert_eq!(client.get("/v1/queue").expect(200)["paused"], true);
    // Would be done in a few milliseconds.
    let task = client.get(&format!("/v1/tasks/{id}?wait_ms=300")).expect(200);
    assert_eq!(task["status"], "queued");

    let (status, data) = server.stop();
    assert!(status.success());
    let server = Server::start_on(data, &["--slots", "1"]);
    let client = server.operator();
    assert_eq!(client.get("/v1/queue").expect(200)["paused"], true);
    let task = client.get(&format!("/v1/tasks/{id}?wait_ms=300")).expect(200);
    assert_eq!(task["status"], "queued");
    assert_eq!(client.post("/v1/queue/resume", &json!({})).expect(200)["paused"], false);
    assert_eq!(client.finish(&id)["status"], "completed");
}

#[test]
fn the_queue_tells_its_depth_and_workers_what_they_run() {
    let server = Server::start_with(&["--slots", "2"]);
    let client = server.operator();
    client.upload("loop", &wasm::loops("depth")).expect(201);
    client.upload("end", &wasm::ends_at_once("depth")).expect(201);
    let empty = client.get("/v1/queue").expect(200);
    assert_eq!(empty["oldest_age_ms"], Value::Null);
    let running = client.submit(&json!({"executor": "loop"}));
    client.follow(&running, &[]).until_it_runs();
    for executor in ["loop", "end", "end"] {
        client.submit(&json!({"executor": executor, "delay_ms": AN_HOUR_MS}));
    }
    client.finish(&client.submit(&json!({"executor": "end"})));

    let queue = client.get("/v1/queue").expect(200);
    let by_status = json!({
        "queued": 3, "running": 1, "waiting": 0, "completed": 1, "failed": 0, "cancelled": 0,
    });
    assert_eq!(queue["by_status"], by_status);
    assert_eq!(queue["by_executor"], json!({"loop": 1, "end": 2}));
    assert!(queue["oldest_age_ms"].is_u64(), "{queue}");

    let workers = client.get("/v1/workers").expect(200);
    let [worker] = workers["items"].as_array().expect("a list").as_slice() else {
        panic!("there is one worker: {workers}")
    };
    assert_eq!(worker["slots"], 2);
    assert!(worker["id"].is_string());
    let [task] = worker["running"].as_array().expect("a list").as_slice() else {
        panic!("it runs one task: {workers}")
    };
    assert_eq!(task["task_id"], running);
    assert!(task["lease_until"].is_string());

    let metrics = String::from_utf8(client.get("/metrics").bytes).expect("metrics are text");
    for line in [
        "errand_tasks{status=\"queued\"} 3",
        "errand_tasks{status=\"running\"} 1",
        "errand_queued_tasks{executor=\"end\"} 2",
        "errand_tasks_submitted_total 5",
        "errand_queue_paused 0",
    ] {
        assert!(metrics.lines().any(|have| have == line), "{line} is not in\n{metrics}");
    }
    client.post(&format!("/v1/tasks/{running}/cancel"), &json!({})).expect(202);
    client.finish(&running);
}

#[test]
fn pausing_resuming_and_workers_are_the_operators() {
    let agent = shared::agent();
    agent.post("/v1/queue/pause", &json!({})).problem(403, "forbidden");
    agent.post("/v1/queue/resume", &json!({})).problem(403, "forbidden");
    let id = submit_looping(&agent, "workers");
    assert_eq!(shared::operator().get("/v1/queue").expect(200)["paused"], false);
    agent.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
}

#[test]
fn health_and_readiness_need_no_token() {
    let anonymous = Client::anonymous(shared::server().url());
    for path in ["/healthz", "/readyz"] {
        assert_eq!(anonymous.get(path).status, 200, "{path}");
    }
}

#[test]
fn metrics_are_prometheus_text() {
    let client = shared::agent();
    client.post(&format!("/v1/tasks/{}/cancel", submit_for_later(&client, "metrics")), &json!({}));
    let answer = client.ask("GET", "/metrics", &[("accept", "text/plain")]);
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text_of = String::from_utf8(answer.bytes).expect("metrics are text");
    assert!(text_of.contains("# TYPE errand_http_requests counter"), "{text_of}");
    for line in text_of.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().expect("a line has a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    // Neither ids nor paths that clients make up become time series.
    client.get("/made-up-path-of-a-client");
    let again = String::from_utf8(client.get("/metrics").bytes).expect("metrics are text");
    assert!(!again.contains("made-up-path"), "{again}");
}

#[test]
fn a_new_data_directory_holds_two_tokens_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let server = shared::server();
    for (file, uploads) in [("agent.token", false), ("operator.token", true)] {
        let path = server.data().join(file);
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
        let token = std::fs::read_to_string(&path).expect("it can be read");
        assert_eq!(token.lines().count(), 1);
        let client = Client::new(server.url(), token.trim());
        client.get("/v1/tasks?limit=1").expect(200);
        let tokens = client.get("/v1/tokens");
        assert_eq!(tokens.status == 200, uploads, "{file}: {tokens:?}");
    }
    let listed = shared::operator().get("/v1/tokens").expect(200);
    let items = listed["items"].as_array().expect("a list");
    let agent = items.iter().find(|item| item["name"] == "agent").expect("it is listed");
    assert_eq!(agent["rights"], json!(["read", "submit"]));
    assert!(members(agent).contains("namespace"), "{}", text(&agent["id"]));
}
