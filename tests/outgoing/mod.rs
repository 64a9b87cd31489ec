//! Requests of tasks to the world outside: granted, made once, and bounded.

mod answers;
mod fetch;
mod grants;
mod javascript;
mod llm;
mod once;
mod python;
mod secrets;
mod waiting;

use serde_json::{Value, json};

use crate::harness::{Client, Peer, Server, plugin};

/// A server with `python`, which may send requests to a peer.
fn granted(peer: &Peer) -> Server {
    granted_with(peer, &[])
}

/// The same with further flags.
fn granted_with(peer: &Peer, flags: &[&str]) -> Server {
    let server = Server::start_with(flags);
    server.operator().upload("python", &plugin("python")).expect(201);
    grant(&server.operator(), "python", json!({"http": [{"url": peer.url()}]}));
    server
}

/// Replaces what an executor is granted.
fn grant(operator: &Client, executor: &str, grants: Value) {
    let headers = [("content-type", "application/json")];
    let body = grants.to_string();
    let path = format!("/v1/grants/{executor}");
    operator.send_with("PUT", &path, &headers, body.as_bytes()).expect(200);
}

/// Runs a program with the peer's address as `url`, and returns its task.
fn run(server: &Server, peer: &Peer, code: &str) -> Value {
    server.agent().run("python", &program(peer, code))
}

/// The input of a program with the peer's address as `url`.
fn program(peer: &Peer, code: &str) -> Value {
    json!({ "code": format!("import errand\nurl = {:?}\n{code}", peer.url()) })
}

/// The `http_called` events of a task.
fn calls(client: &Client, id: &str) -> Vec<Value> {
    let events = client.events(id).into_iter();
    events
        .filter(|event| event["kind"] == "http_called")
        .map(|event| event["data"].clone())
        .collect()
}

/// The result of a program that completed.
fn result(task: &Value) -> &Value {
    assert_eq!(task["status"], "completed", "{task:#}");
    &task["output"]["result"]
}

/// A task's id.
fn id(task: &Value) -> &str {
    task["id"].as_str().expect("a task has an id")
}
