//! Load on a server, and waiting for what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::connection::{Connection, request};
use crate::harness::{Server, plugin};

/// How often a waiting client asks. Asking costs the server little, and a measurement takes seconds.
const POLL: Duration = Duration::from_millis(10);

/// A request's bytes and how many tasks it submits.
#[derive(Clone)]
pub(crate) struct Submission {
    request: Arc<Vec<u8>>,
    tasks: usize,
}

impl Submission {
    /// One task.
    pub(crate) fn single(server: &Server, task: &Value) -> Self {
        let request = request("POST", "/v1/tasks", &server.agent_token(), &task.to_string());
        Self { request: Arc::new(request), tasks: 1 }
    }

    /// A batch of the same task.
    pub(crate) fn batch(server: &Server, task: &Value, tasks: usize) -> Self {
        let body = json!({ "tasks": vec![task; tasks] }).to_string();
        let request = request("POST", "/v1/tasks/batch", &server.agent_token(), &body);
        Self { request: Arc::new(request), tasks }
    }
}

/// Starts a server with the no-op executor, and pauses its queue where wanted.
pub(crate) fn noop_server(paused: bool) -> Server {
    let server = Server::start();
    let operator = server.operator();
    operator.upload("noop", &plugin("test/noop")).expect(201);
    if paused {
        set_paused(&server, true);
    }
    server
}

/// Stops or goes on starting tasks.
pub(crate) fn set_paused(server: &Server, paused: bool) {
    let path = if paused { "/v1/queue/pause" } else { "/v1/queue/resume" };
    let answer = server.operator().post(path, &json!({}));
    assert_eq!(answer.status / 100, 2, "{}", String::from_utf8_lossy(&answer.bytes));
}

/// The no-op task that is measured.
pub(crate) fn noop_task() -> Value {
    json!({ "executor": "noop", "input": { "number": 1 } })
}

/// Submits so many tasks over so many connections, as quickly as they are acknowledged.
pub(crate) async fn submit(
    server: &Server,
    submission: Submission,
    connections: usize,
    tasks: usize,
) {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(server.url()).await);
    }
    let left = Arc::new(AtomicUsize::new(tasks / submission.tasks));
    let clients: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (left, request) = (left.clone(), submission.request.clone());
            tokio::spawn(async move {
                let take = |left: usize| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    let (status, body) = connection.call(&request).await;
                    assert_eq!(status, 202, "{}", String::from_utf8_lossy(body));
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client ends well");
    }
}

/// Waits until so many tasks are completed.
pub(crate) async fn until_completed(server: &Server, tasks: usize) {
    let ask = request("GET", "/v1/queue", &server.agent_token(), "");
    let mut connection = Connection::open(server.url()).await;
    loop {
        let (status, body) = connection.call(&ask).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
        let queue: Value = serde_json::from_slice(body).expect("the answer is JSON");
        let count = |status: &str| queue["by_status"][status].as_u64().expect("a count");
        assert_eq!(count("failed") + count("cancelled"), 0, "{queue}");
        if count("completed") >= tasks as u64 {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A runtime for clients: one thread, since they share the machine with the server.
pub(crate) fn client_runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be started")
}
