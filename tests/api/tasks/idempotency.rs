//! The same key and request give the same task.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use super::{AN_HOUR_MS, text};
use crate::harness::{Answer, shared};

fn request(key: Option<&str>) -> Value {
    let mut request = json!({"executor": shared::noop(), "delay_ms": AN_HOUR_MS});
    if let Some(key) = key {
        request["idempotency_key"] = json!(key);
    }
    request
}

fn send(key: &str, request: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    let body = request.to_string();
    shared::agent().send_with("POST", "/v1/tasks", &headers, body.as_bytes())
}

#[test]
fn a_key_in_the_header_or_in_the_request_names_one_task() {
    let first = send("key-1", &request(None)).expect(202);
    let again = send("key-1", &request(None));
    assert!(again.header("location").is_some_and(|url| url.ends_with(&text(&first["id"]))));
    assert_eq!(again.expect(200)["id"], first["id"]);
    let in_the_request = shared::agent().post("/v1/tasks", &request(Some("key-1"))).expect(200);
    assert_eq!(in_the_request["id"], first["id"]);
    assert_eq!(send("key-1", &request(Some("key-1"))).expect(200)["id"], first["id"]);
    assert_ne!(send("key-2", &request(None)).expect(202)["id"], first["id"]);
}

#[test]
fn another_request_under_a_used_key_is_refused() {
    send("key-3", &request(None)).expect(202);
    let mut other = request(None);
    other["input"] = json!({"n": 1});
    send("key-3", &other).problem(409, "conflict");
    let problem = send("key-3", &request(Some("key-4"))).problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/idempotency_key");
}

#[test]
fn many_clients_with_one_key_at_once_make_one_task() {
    let clients: Vec<_> =
        (0..16).map(|_| thread::spawn(|| send("key-5", &request(None)))).collect();
    let answers: Vec<_> =
        clients.into_iter().map(|client| client.join().expect("it is answered")).collect();
    let created = answers.iter().filter(|answer| answer.status == 202).count();
    let ids: BTreeSet<_> = answers.iter().map(|answer| text(&answer.json()["id"])).collect();
    assert_eq!((created, ids.len()), (1, 1), "{answers:?}");
}

#[test]
fn a_key_belongs_to_its_namespace() {
    let first = send("key-6", &request(None)).expect(202);
    let operator = shared::operator();
    let token = json!({"name": "other", "namespace": "keys", "rights": ["submit", "upload"]});
    let token = text(&operator.post("/v1/tokens", &token).expect(201)["token"]);
    let other = crate::harness::Client::new(shared::server().url(), &token);
    other.upload("noop", &crate::harness::plugin("test/noop")).expect(201);
    let second = other.post("/v1/tasks", &request(Some("key-6"))).expect(202);
    assert_ne!(first["id"], second["id"]);
}
