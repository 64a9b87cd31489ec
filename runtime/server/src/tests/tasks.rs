//! `/v1/tasks`: submitting, showing and steering tasks.

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::harness::{Server, Setup, server, with, working_server};

#[tokio::test]
async fn a_task_has_all_its_fields_and_absolute_links() {
    let server = server().await;
    server.upload("prog").await;
    let request =
        json!({"executor": "prog", "input": {"n": 1}, "labels": {"a": "b"}, "priority": 5});
    let mut asked = server.request(Method::POST, "/v1/tasks", request.to_string());
    asked.headers_mut().insert("host", "localhost:9999".parse().unwrap());
    let reply = server.send(asked).await;
    assert_eq!(reply.status, 202);
    let task = reply.json();
    let id = task["id"].as_str().unwrap();
    let itself = format!("http://localhost:9999/v1/tasks/{id}");
    assert_eq!(reply.header("location"), itself);
    let (name, digest) = task["executor"].as_str().unwrap().split_once('@').unwrap();
    assert_eq!((name, digest.len()), ("prog", 64));
    let created_at = task["created_at"].as_str().unwrap();
    assert!(created_at.len() == 24 && created_at.ends_with('Z'), "{created_at}");
    let expected = json!({
        "id": id, "namespace": "default", "executor": task["executor"], "function": null,
        "status": "queued", "waiting_for": null, "attempt": 1, "priority": 5,
        "labels": {"a": "b"}, "parent_id": null, "context_id": null,
        "progress": {
            "fuel_used": 0, "fuel_limit": 10_000_000_000_000_u64,
            "done": null, "total": null, "message": null,
        },
        "output": null, "error": null,
        "created_at": created_at, "started_at": null, "finished_at": null,
        "links": {
            "self": itself, "events": format!("{itself}/events"),
            "console": format!("http://localhost:9999/tasks/{id}"),
        },
    });
    assert_eq!(task, expected);
    assert_eq!(server.get(&format!("/v1/tasks/{id}")).await.json()["status"], "queued");
}

#[tokio::test]
async fn output_and_error_are_told_at_the_end() {
    let server = working_server().await;
    let done = server.run(json!({"n": 7})).await;
    let task = server.get(&format!("/v1/tasks/{done}")).await.json();
    assert_eq!(task["status"], "completed");
    assert_eq!(task["output"], json!({"echo": {"n": 7}}));
    assert!(task["started_at"].is_string());

    let failed = server.run(json!({"do": "fail"})).await;
    let task = server.get(&format!("/v1/tasks/{failed}")).await.json();
    assert_eq!(task["status"], "failed");
    let error = json!({
        "code": "executor_failed", "message": "it said no", "detail": {"why": "because"},
        "attempt": 1, "retryable": false,
    });
    assert_eq!(task["error"], error);
}

#[tokio::test]
async fn a_request_that_is_wrong_names_every_fault() {
    let server = server().await;
    server.upload("prog").await;
    let wrong = json!({
        "executor": 5, "extra": 1, "priority": "high", "labels": {"k": 1},
        "limits": {"fuel": -1, "cpu": 2}, "retry": {"max_attempts": "x"},
    });
    let reply = server.post("/v1/tasks", wrong.clone()).await;
    let places = reply.faults();
    let expected = [
        "/executor",
        "/extra",
        "/labels/k",
        "/limits/cpu",
        "/limits/fuel",
        "/priority",
        "/retry/max_attempts",
    ];
    assert_eq!(places, expected);

    let batch = json!({"tasks": [{"executor": "prog"}, wrong, {"executor": "none"}]});
    let places = server.post("/v1/tasks/batch", batch).await.faults();
    assert!(places.iter().all(|place| place.starts_with("/tasks/1/")), "{places:?}");
    let batch = json!({"tasks": [{"executor": "prog"}, {"executor": "none"}]});
    assert_eq!(server.post("/v1/tasks/batch", batch).await.faults(), ["/tasks/1/executor"]);
    assert_eq!(server.get("/v1/tasks").await.json()["items"], json!([]));
    let asked = json!({"executor": "prog", "input": {"do": 1}});
    assert_eq!(server.post("/v1/tasks", asked).await.faults(), ["/input/do"]);
}

#[tokio::test]
async fn fields_of_later_issues_are_unsupported() {
    let server = server().await;
    server.upload("prog").await;
    let notify = json!([{"url": "https://example.org", "events": ["completed"]}]);
    let asked = json!({"executor": "prog", "notify": notify});
    server.post("/v1/tasks", asked).await.problem(422, "unsupported");
}

#[tokio::test]
async fn an_idempotency_key_gives_one_task() {
    let server = server().await;
    server.upload("prog").await;
    let body = json!({"executor": "prog", "input": {}});
    let ask = async |key: &str, body: &Value| {
        let request = server.request(Method::POST, "/v1/tasks", body.to_string());
        server.send(with(request, &[("idempotency-key", key)])).await
    };
    let first = ask("k1", &body).await;
    assert_eq!(first.status, 202);
    let again = ask("k1", &body).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(again.header("location"), first.header("location"));
    let in_body = json!({"executor": "prog", "input": {}, "idempotency_key": "k1"});
    assert_eq!(server.post("/v1/tasks", in_body.clone()).await.status, 200);
    assert_eq!(ask("k1", &in_body).await.status, 200);

    ask("k1", &json!({"executor": "prog", "input": {"n": 2}})).await.problem(409, "conflict");
    assert_eq!(ask("k2", &in_body).await.faults(), ["/idempotency_key"]);
    assert_eq!(ask("k3", &body).await.status, 202);
}

#[tokio::test]
async fn a_batch_is_answered_in_order() {
    let server = server().await;
    server.upload("prog").await;
    let tasks: Vec<Value> =
        (0..5).map(|n| json!({"executor": "prog", "labels": {"n": n.to_string()}})).collect();
    let reply = server.post("/v1/tasks/batch", json!({ "tasks": tasks })).await;
    assert_eq!(reply.status, 202);
    let items = reply.json()["items"].as_array().unwrap().clone();
    let numbers: Vec<&str> =
        items.iter().map(|task| task["labels"]["n"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4"]);

    assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": []})).await.faults(), ["/tasks"]);
    let many = vec![json!({"executor": "prog"}); 1_001];
    assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": many})).await.faults(), ["/tasks"]);
}

#[tokio::test]
async fn a_full_queue_is_429_and_says_when_to_come_back() {
    let server = Server::new(Setup { queue_bound: 1, ..Setup::default() }).await;
    server.upload("prog").await;
    server.submit(json!({})).await;
    let reply = server.post("/v1/tasks", json!({"executor": "prog"})).await;
    reply.problem(429, "queue_full");
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn waiting_ends_with_the_time_the_task_or_the_server() {
    let server = working_server().await;
    let id = server.submit(json!({"do": "hold"})).await;
    let uri = format!("/v1/tasks/{id}?wait_ms=5");
    assert!(server.get(&uri).await.json()["finished_at"].is_null());

    let uri = format!("/v1/tasks/{id}?wait_ms=20000");
    let (task, ()) = tokio::join!(server.get(&uri), async { server.gate.add_permits(1) });
    assert_eq!(task.json()["status"], "completed");

    let id = server.submit(json!({"do": "hold"})).await;
    let uri = format!("/v1/tasks/{id}?wait_ms=20000");
    let (task, ()) = tokio::join!(server.get(&uri), async { server.stopping.cancel() });
    assert_eq!(task.status, 200);
    assert_eq!(server.get(&format!("/v1/tasks/{id}?wait_ms=60001")).await.faults(), ["wait_ms"]);
}

#[tokio::test]
async fn cancel_retry_and_delete_follow_the_state() {
    let server = server().await;
    server.upload("prog").await;
    let id = server.submit(json!({})).await;
    let uri = |call: &str| format!("/v1/tasks/{id}{call}");
    server.post(&uri("/retry"), json!({})).await.problem(409, "conflict");
    server.delete(&uri("")).await.problem(409, "conflict");

    let reply = server.post(&uri("/cancel"), json!({"reason": "enough"})).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (202, &json!("cancelled")));
    assert_eq!(reply.json()["error"]["code"], "cancelled");
    let bare = server.request(Method::POST, &uri("/cancel"), Body::empty());
    assert_eq!(server.send(bare).await.status, 200);
    let wrong = server.post(&uri("/cancel"), json!({"why": 1, "reason": 2})).await;
    assert_eq!(wrong.faults(), ["", "/reason"]);

    let reply = server.post(&uri("/retry"), json!({})).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (202, &json!("queued")));
    server.post(&uri("/cancel"), json!({})).await;
    let reply = server.delete(&uri("")).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0));
    server.get(&uri("")).await.problem(404, "not_found");
}

#[tokio::test]
async fn dead_letters_are_handled_in_bulk() {
    let server = working_server().await;
    for _ in 0..3 {
        server.run(json!({"do": "fail"})).await;
    }
    server.run(json!({})).await;
    let none = json!({"filter": {"executor": "another"}});
    assert_eq!(server.post("/v1/tasks/discard", none).await.json(), json!({"count": 0}));
    let reply = server.post("/v1/tasks/discard", json!({"filter": {}})).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (202, json!({"count": 3})));
    let reply = server.post("/v1/tasks/retry", json!({"filter": {}})).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (202, json!({"count": 0})));
    assert_eq!(server.get("/v1/tasks").await.json()["items"].as_array().unwrap().len(), 1);

    server.post("/v1/tasks/retry", json!({})).await.problem(422, "invalid");
    let wrong = json!({"filter": {"status": "no", "label": 1, "parent_id": "x", "more": 1}});
    let places = server.post("/v1/tasks/retry", wrong).await.faults();
    assert_eq!(places, ["/filter", "/filter/label", "/filter/parent_id", "/filter/status"]);
}

#[tokio::test]
async fn a_tree_starts_with_the_task() {
    let server = server().await;
    server.upload("prog").await;
    let id = server.submit(json!({})).await;
    let child = json!({"executor": "prog", "parent_id": id});
    let child = server.post("/v1/tasks", child).await.json()["id"].clone();
    let tree = server.get(&format!("/v1/tasks/{id}/tree")).await.json();
    let ids: Vec<&Value> =
        tree["items"].as_array().unwrap().iter().map(|task| &task["id"]).collect();
    assert_eq!(ids, [&json!(id), &child]);
    assert_eq!(tree["truncated"], false);
}
