//! How long one task takes on an idle server.

use std::time::Instant;

use serde_json::{Value, json};

use crate::connection::{Connection, request};
use crate::harness::{Server, plugin};
use crate::report::{Figure, percentile};

/// Tasks of one measurement, one after the other.
const TASKS: usize = 300;
/// Tasks before it.
const WARM_UP: usize = 30;

/// From sending a submission until its `started` event has come over a stream of its own.
pub(crate) fn submit_to_started() -> Vec<Figure> {
    let mut times = measure("noop", "test/noop", json!({}), Until::Started);
    vec![
        Figure::new("submit to started, idle server, p50", percentile(&mut times, 50.0), "ms")
            .at_most(2.0),
        Figure::new("submit to started, idle server, p99", percentile(&mut times, 99.0), "ms")
            .at_most(10.0),
    ]
}

/// From sending `print(1)` until its result is here.
pub(crate) fn python_result() -> Vec<Figure> {
    let mut times = measure("python", "python", json!({ "code": "print(1)" }), Until::Result);
    vec![
        Figure::new("python print(1), submit to result, p50", percentile(&mut times, 50.0), "ms")
            .at_most(8.0),
        Figure::new("python print(1), submit to result, p99", percentile(&mut times, 99.0), "ms"),
    ]
}

#[derive(Clone, Copy)]
enum Until {
    Started,
    Result,
}

/// Times in milliseconds.
fn measure(executor: &str, wasm: &str, input: Value, until: Until) -> Vec<f64> {
    let server = Server::start();
    server.operator().upload(executor, &plugin(wasm)).expect(201);
    let token = server.agent_token();
    let body = json!({ "executor": executor, "input": input }).to_string();
    let submit = request("POST", "/v1/tasks", &token, &body);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started");
    runtime.block_on(async {
        let mut connection = Connection::open(server.url()).await;
        let mut times = Vec::new();
        for round in 0..WARM_UP + TASKS {
            let stream = Connection::open(server.url()).await;
            let began = Instant::now();
            let (status, body) = connection.call(&submit).await;
            assert_eq!(status, 202, "{}", String::from_utf8_lossy(body));
            let task: Value = serde_json::from_slice(body).expect("the answer is JSON");
            let id = task["id"].as_str().expect("a task has an id");
            match until {
                Until::Started => {
                    let path = format!("/v1/tasks/{id}/events");
                    let events = String::from_utf8(request("GET", &path, &token, ""))
                        .expect("a request is text")
                        .replace("content-type: application/json", "accept: text/event-stream");
                    stream.read_until(events.as_bytes(), b"event: started").await;
                }
                Until::Result => {
                    let path = format!("/v1/tasks/{id}?wait_ms=60000");
                    let (_, body) = connection.call(&request("GET", &path, &token, "")).await;
                    let task: Value = serde_json::from_slice(body).expect("the answer is JSON");
                    assert_eq!(task["status"], "completed", "{task}");
                }
            }
            if round >= WARM_UP {
                times.push(began.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        times
    })
}
