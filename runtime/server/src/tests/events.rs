//! `GET /v1/tasks/{id}/events`, as JSON and as server-sent events.

use std::collections::BTreeMap;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::Method;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::harness::{PATIENCE, Server, with, working_server};

/// A followed stream, message by message.
struct Followed {
    body: BodyDataStream,
    text: String,
}

impl Followed {
    async fn open(server: &Server, uri: &str, headers: &[(&'static str, &str)]) -> Self {
        let request = server.request(Method::GET, uri, Body::empty());
        let request = with(with(request, &[("accept", "text/event-stream")]), headers);
        let response = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Returns the fields of the next message; nothing at the end.
    async fn next(&mut self) -> Option<BTreeMap<String, String>> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let fields = message
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect::<BTreeMap<_, _>>();
                self.text = rest.to_owned();
                if !fields.is_empty() {
                    return Some(fields);
                }
                continue;
            }
            let piece = tokio::time::timeout(PATIENCE, self.body.next()).await;
            let piece = piece.expect("the stream goes on")?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<BTreeMap<String, String>> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message);
        }
        messages
    }
}

fn kinds(messages: &[BTreeMap<String, String>]) -> Vec<&str> {
    messages.iter().map(|message| message["event"].as_str()).collect()
}

#[tokio::test]
async fn recorded_events_are_numbered_and_whole() {
    let server = working_server().await;
    let id = server.run(json!({"do": "log", "count": 600})).await;
    let reply = server.get(&format!("/v1/tasks/{id}/events")).await;
    assert_eq!(reply.header("content-type"), "application/json");
    let items = reply.json()["items"].as_array().unwrap().clone();
    let seqs: Vec<u64> = items.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=items.len() as u64).collect::<Vec<_>>());
    assert!(items.len() > 600);

    assert_eq!(items[0]["kind"], "submitted");
    assert_eq!(items[0]["by"], "operator");
    assert_eq!(items[0]["data"]["input"]["count"], 600);
    assert_eq!(items[1]["kind"], "started");
    assert_eq!(items[2]["data"]["kind"], "counted");
    let last = items.last().unwrap();
    assert_eq!(last["kind"], "completed");
    assert!(last["data"]["output"].is_object());
    let log = items.iter().find(|event| event["kind"] == "log").unwrap();
    assert_eq!(log["data"]["stream"], "stdout");
    assert_eq!(log["data"]["text"], "hello\n");
    for event in &items {
        let mut names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["at", "attempt", "by", "data", "kind", "seq"]);
        assert!(event["at"].as_str().unwrap().ends_with('Z'));
    }

    let after = items.len() as u64 - 1;
    let tail = server.get(&format!("/v1/tasks/{id}/events?after={after}")).await.json();
    assert_eq!(tail["items"], json!([last]));
    let beyond = server.get(&format!("/v1/tasks/{id}/events?after=99999")).await.json();
    assert_eq!(beyond, json!({"items": []}));
}

#[tokio::test]
async fn a_finished_task_is_replayed_and_the_stream_ends() {
    let server = working_server().await;
    let id = server.run(json!({"do": "log"})).await;
    let uri = format!("/v1/tasks/{id}/events");
    let messages = Followed::open(&server, &uri, &[]).await.rest().await;
    assert_eq!(kinds(&messages), ["submitted", "started", "emitted", "log", "completed"]);
    for (index, message) in messages.iter().enumerate() {
        assert_eq!(message["id"], (index + 1).to_string());
        let data: Value = serde_json::from_str(&message["data"]).unwrap();
        assert_eq!(data["seq"], index + 1);
        assert_eq!(data["kind"], message["event"].as_str());
    }

    let later = Followed::open(&server, &format!("{uri}?after=3"), &[]).await.rest().await;
    assert_eq!(kinds(&later), ["log", "completed"]);
    let resumed = [("last-event-id", "4")];
    let later = Followed::open(&server, &format!("{uri}?after=1"), &resumed).await.rest().await;
    assert_eq!(kinds(&later), ["completed"]);
}

#[tokio::test]
async fn a_running_task_tells_its_progress_and_its_end() {
    let server = working_server().await;
    let id = server.submit(json!({"do": "hold"})).await;
    let uri = format!("/v1/tasks/{id}/events");
    let mut followed = Followed::open(&server, &uri, &[]).await;
    let progress = loop {
        let message = followed.next().await.unwrap();
        if message["event"] == "progress" {
            break message;
        }
    };
    assert!(!progress.contains_key("id"));
    let data: Value = serde_json::from_str(&progress["data"]).unwrap();
    let fuel_limit = 10_000_000_000_000_u64;
    let expected = json!({
        "fuel_used": 77, "fuel_limit": fuel_limit, "done": 3, "total": 9, "message": "holding",
    });
    assert_eq!(data, expected);
    let task = server.get(&format!("/v1/tasks/{id}")).await.json();
    assert_eq!(task["progress"], expected);

    server.gate.add_permits(1);
    let rest = followed.rest().await;
    assert_eq!(rest.last().unwrap()["event"], "completed");
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let server = working_server().await;
    let request = json!({"executor": "prog", "delay_ms": 1_000_000});
    let task = server.post("/v1/tasks", request).await.json();
    let uri = format!("/v1/tasks/{}/events", task["id"].as_str().unwrap());
    let mut followed = Followed::open(&server, &uri, &[]).await;
    assert_eq!(followed.next().await.unwrap()["event"], "submitted");
    server.stopping.cancel();
    assert!(followed.next().await.is_none());
}

#[tokio::test]
async fn wrong_wishes_are_refused() {
    let server = working_server().await;
    let id = server.submit(json!({})).await;
    let uri = format!("/v1/tasks/{id}/events");
    server.get_with(&uri, &[("accept", "text/html")]).await.problem(406, "not_acceptable");
    assert_eq!(server.get(&format!("{uri}?after=-1")).await.faults(), ["after"]);
    assert_eq!(server.get_with(&uri, &[("last-event-id", "x")]).await.faults(), ["last-event-id"]);
    let sse = [("accept", "text/event-stream")];
    let missing = "/v1/tasks/00000000000000000000000000/events";
    server.get_with(missing, &sse).await.problem(404, "not_found");
}
