//! How many submissions a second become durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

use crate::connection::{Connection, request};
use crate::harness::{Server, plugin};
use crate::report::Figure;

/// Submissions of one measurement.
const SUBMITS: usize = 60_000;
/// What is promised with 256 connections.
const PROMISED_PER_S: f64 = 15_000.0;

/// Submits tasks over many connections while the queue is paused, so that submitting alone is measured.
pub(crate) fn durable_submits() -> Vec<Figure> {
    let mut figures = Vec::new();
    for connections in [1, 16, 64, 256] {
        let submits = if connections == 1 { SUBMITS / 20 } else { SUBMITS };
        let rate = submits_per_s(connections, submits);
        let name = format!("durable submits, {connections} connections");
        let figure = Figure::new(name, rate, "/s");
        figures.push(if connections == 256 { figure.at_least(PROMISED_PER_S) } else { figure });
    }
    figures
}

fn submits_per_s(connections: usize, submits: usize) -> f64 {
    let server = Server::start();
    let operator = server.operator();
    operator.upload("noop", &plugin("test/noop")).expect(201);
    assert_eq!(operator.post("/v1/queue/pause", &json!({})).status / 100, 2);
    let body = json!({ "executor": "noop", "input": { "number": 1 } }).to_string();
    let submit = Arc::new(request("POST", "/v1/tasks", &server.agent_token(), &body));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started");
    runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(server.url()).await);
        }
        let left = Arc::new(AtomicUsize::new(submits));
        let began = Instant::now();
        let clients: Vec<_> = open
            .into_iter()
            .map(|mut connection| {
                let (left, submit) = (left.clone(), submit.clone());
                tokio::spawn(async move {
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                            left.checked_sub(1)
                        })
                        .is_ok()
                    {
                        let (status, body) = connection.call(&submit).await;
                        assert_eq!(status, 202, "{}", String::from_utf8_lossy(body));
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("a client ends well");
        }
        submits as f64 / began.elapsed().as_secs_f64()
    })
}
