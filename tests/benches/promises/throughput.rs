//! How many submissions a second become durable, and how many tasks a second are completed.

use std::time::Instant;

use serde_json::json;

use crate::harness::{Server, plugin};
use crate::load::{self, Submission, client_runtime, noop_server, noop_task};
use crate::report::Figure;

/// Submissions of one measurement.
const SUBMITS: usize = 60_000;
/// Tasks that are run in one measurement.
const TASKS: usize = 40_000;
/// Tasks of one batch.
const BATCH: usize = 100;
/// Python tasks that are run in one measurement.
const PYTHON_TASKS: usize = 2_000;

/// Submits tasks over many connections while the queue is paused, so that submitting alone is measured.
pub(crate) fn durable_submits() -> Vec<Figure> {
    let mut figures = Vec::new();
    for connections in [1, 16, 64, 256] {
        let submits = if connections == 1 { SUBMITS / 20 } else { SUBMITS };
        let server = noop_server(true);
        let single = Submission::single(&server, &noop_task());
        let rate = client_runtime().block_on(async {
            let began = Instant::now();
            load::submit(&server, single, connections, submits).await;
            submits as f64 / began.elapsed().as_secs_f64()
        });
        let name = format!("durable submits, {connections} connections");
        let figure = Figure::new(name, rate, "/s");
        figures.push(if connections == 256 { figure.at_least(15_000.0) } else { figure });
    }
    figures
}

/// From the first submission until the last no-op task is durably completed, each in its own sandbox.
pub(crate) fn noop_tasks() -> Vec<Figure> {
    let single = {
        let server = noop_server(false);
        let submission = Submission::single(&server, &noop_task());
        completed_per_s(&server, submission, 256, TASKS)
    };
    let batches = {
        let server = noop_server(false);
        let submission = Submission::batch(&server, &noop_task(), BATCH);
        completed_per_s(&server, submission, 4, TASKS)
    };
    vec![
        Figure::new("no-op tasks to completed, single submits", single, "/s").at_least(8_000.0),
        Figure::new(format!("no-op tasks to completed, batches of {BATCH}"), batches, "/s")
            .at_least(14_000.0),
    ]
}

/// Whether a second worker helps, where guests are large.
pub(crate) fn python_tasks() -> Vec<Figure> {
    let [one, two] = ["1", "2"].map(|slots| {
        let server = Server::start_with(&["--slots", slots]);
        server.operator().upload("python", &plugin("python")).expect(201);
        let task = json!({ "executor": "python", "input": { "code": "print(1)" } });
        let submission = Submission::batch(&server, &task, BATCH);
        completed_per_s(&server, submission, 1, PYTHON_TASKS)
    });
    vec![
        Figure::new("python print(1) tasks, one worker", one, "/s"),
        Figure::new("python print(1) tasks, two workers", two, "/s"),
        Figure::new("python tasks, two workers against one", two / one, "×").at_least(1.6),
    ]
}

fn completed_per_s(
    server: &Server,
    submission: Submission,
    connections: usize,
    tasks: usize,
) -> f64 {
    client_runtime().block_on(async {
        let began = Instant::now();
        load::submit(server, submission, connections, tasks).await;
        load::until_completed(server, tasks).await;
        tasks as f64 / began.elapsed().as_secs_f64()
    })
}
