//! Clients that stop in the middle, go away, don't read, or come in crowds.

use std::thread;

use serde_json::json;

use super::Neighbour;
use crate::harness::{Client, Raw, Server, plugin, shared};

/// More than the connections that a server holds at a time: one that it forgets to let go is missed.
const MORE_THAN_IT_HOLDS: usize = 1_000;

fn half_a_body(server: &Server) -> Raw {
    let mut raw = Raw::connect(server);
    let headers = "content-type: application/json\r\ncontent-length: 1000\r\n";
    raw.send_head(server, "POST /v1/tasks", headers);
    raw.send(b"{\"executor\": \"no");
    raw
}

#[test]
fn half_a_body_and_then_an_end_submits_nothing() {
    let neighbour = Neighbour::start();
    let mut raw = half_a_body(shared::server());
    raw.finish();
    assert!(matches!(raw.head(), None | Some((400, _))), "it is refused or closed");
    // Cut off without a word.
    for _ in 0..MORE_THAN_IT_HOLDS {
        drop(half_a_body(shared::server()));
    }
    let mut upload = Raw::connect(shared::server());
    let headers = "content-type: application/wasm\r\ncontent-length: 1000000\r\n";
    upload.send_head(shared::server(), "POST /v1/executors?name=half", headers);
    upload.send(b"\0asm\x01\0\0\0");
    drop(upload);
    shared::operator().get("/v1/executors/half").problem(404, "not_found");
    neighbour.finishes_unharmed();
}

#[test]
fn half_a_body_and_then_silence_holds_nobody_up() {
    let neighbour = Neighbour::start();
    let server = shared::server();
    let mut silent: Vec<Raw> = (0..50).map(|_| half_a_body(server)).collect();
    silent.extend((0..50).map(|_| {
        let mut raw = Raw::connect(server);
        raw.send(b"GET /v1/tasks HTTP/1.1\r\nhost: localh");
        raw
    }));
    let task = shared::agent().run(shared::noop(), &json!({}));
    assert_eq!(task["status"], "completed");
    neighbour.finishes_unharmed();
    drop(silent);
}

#[test]
fn a_stalled_upload_does_not_keep_others_from_uploading() {
    let server = Server::start();
    let stalled: Vec<Raw> = (0..2)
        .map(|_| {
            let mut raw = Raw::connect(&server);
            let headers = "content-type: application/wasm\r\ncontent-length: 1000000\r\n";
            raw.send_head(&server, "POST /v1/executors?name=stalled", headers);
            raw.send(b"\0asm");
            raw
        })
        .collect();
    // Both are being read before the third comes.
    let uploader = {
        let client = server.operator();
        thread::spawn(move || client.upload("third", &crate::harness::wasm::ends_at_once("third")))
    };
    let (answered, answer) = std::sync::mpsc::channel();
    thread::spawn(move || answered.send(uploader.join().expect("it is answered").status));
    let status = answer.recv_timeout(std::time::Duration::from_secs(20));
    assert!(matches!(status, Ok(201 | 429)), "{status:?}: the third was held up by two that stall");
    drop(stalled);
}

#[test]
fn a_follower_that_goes_away_is_forgotten_and_its_task_goes_on() {
    let neighbour = Neighbour::start();
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::probe(), "input": {"do": "spin_forever"},
    }));
    client.follow(&id, &[]).until_it_runs();
    for _ in 0..MORE_THAN_IT_HOLDS {
        // A connection of its own, closed after the first message.
        let messages = shared::agent().follow(&id, &[]).next();
        assert!(messages.is_some());
    }
    assert_eq!(client.get(&format!("/v1/tasks/{id}")).expect(200)["status"], "running");
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    client.finish(&id);
    neighbour.finishes_unharmed();
}

#[test]
fn a_follower_that_does_not_read_holds_its_task_not_up() {
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::probe(), "input": {"do": "print", "bytes": 3_000_000},
        "limits": {"output_bytes": 4_000_000},
    }));
    let mut idle: Vec<Raw> = (0..8)
        .map(|_| {
            let mut raw = Raw::connect(shared::server());
            let line = format!("GET /v1/tasks/{id}/events");
            raw.send_head(shared::server(), &line, "accept: text/event-stream\r\n");
            raw
        })
        .collect();
    let task = client.finish(&id);
    assert_eq!(task["status"], "completed", "{task}");
    // It can still read all of it.
    let mut late = idle.pop().expect("there is one");
    assert_eq!(late.head().map(|(status, _)| status), Some(200));
}

#[test]
fn a_flood_of_requests_and_idle_connections_is_served_in_turn() {
    const CLIENTS: usize = 32;
    const EACH: usize = 60;
    let server = Server::start();
    let operator = server.operator();
    operator.upload("noop", &plugin("test/noop")).expect(201);
    operator.upload("probe", &plugin("test/probe")).expect(201);
    let neighbour = Neighbour::start_on(operator.clone(), "probe");
    let idle: Vec<Raw> = (0..300).map(|_| Raw::connect(&server)).collect();
    let (url, token) = (server.url().to_owned(), server.agent_token());
    let flood: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let client = Client::new(&url, &token);
            thread::spawn(move || {
                let request = json!({"executor": "noop", "labels": {"test": "flood"}});
                let submit = |_| client.post("/v1/tasks", &request).status;
                (0..EACH).map(submit).filter(|status| *status == 202).count()
            })
        })
        .collect();
    let accepted: usize = flood.into_iter().map(|one| one.join().expect("it is answered")).sum();
    assert_eq!(accepted, CLIENTS * EACH);
    neighbour.finishes_unharmed();
    drop(idle);
    // Every one that was acknowledged is there, and ends.
    let mut path = "/v1/tasks?label=test:flood&limit=500".to_owned();
    let mut found = 0;
    loop {
        let page = operator.get(&path).expect(200);
        for task in page["items"].as_array().expect("a list") {
            let id = task["id"].as_str().expect("a task has an id");
            assert_eq!(operator.finish(id)["status"], "completed");
            found += 1;
        }
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/v1/tasks?label=test:flood&limit=500&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, accepted);
}
