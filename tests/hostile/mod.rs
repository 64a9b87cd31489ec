//! Bad input of every kind: uploads, requests, connections, guests, processes.
//!
//! Each ends in the documented error, and a task that runs beside it finishes unharmed.

mod archives;
mod bombs;
mod bounds;
mod connections;
mod corpus;
mod files;
mod output;
mod processes;
mod requests;
mod results;
mod sandbox;
mod traps;
mod uploads;
mod workspaces;

use std::hint::black_box;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::harness::{Client, shared};

/// Half a second of work, more or less.
const NEIGHBOUR_STEPS: u64 = 100_000_000;

/// What the neighbour computes, computed here.
static NEIGHBOUR_SUM: LazyLock<u64> = LazyLock::new(|| {
    (0..NEIGHBOUR_STEPS).fold(0_u64, |sum, step| {
        black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step))
    })
});

/// A task that is at work while something bad happens, and whose result would show it.
struct Neighbour {
    client: Client,
    id: String,
}

impl Neighbour {
    /// Starts one on the shared server, and answers once it is seen to work.
    fn start() -> Self {
        Self::start_on(shared::agent(), shared::probe())
    }

    /// Starts one on a server that has the probe under a name.
    fn start_on(client: Client, probe: &str) -> Self {
        let id = client.submit(&json!({
            "executor": probe, "input": {"do": "spin", "iterations": NEIGHBOUR_STEPS},
        }));
        client
            .follow(&id, &[])
            .until(|message| matches!(message.event.as_str(), "progress" | "completed" | "failed"));
        Self { client, id }
    }

    fn finishes_unharmed(self) {
        let task = self.client.finish(&self.id);
        assert_eq!(task["status"], "completed", "{task}");
        assert_eq!(task["output"]["sum"], *NEIGHBOUR_SUM);
        let starts = self.client.events(&self.id);
        let starts = starts.iter().filter(|event| event["kind"] == "started").count();
        assert_eq!(starts, 1, "it was not started twice");
    }
}

/// Runs a bad task beside a neighbour, and returns it once both have ended.
fn beside_a_neighbour(request: &Value) -> Value {
    let neighbour = Neighbour::start();
    let client = shared::agent();
    let task = client.finish(&client.submit(request));
    neighbour.finishes_unharmed();
    task
}

/// Checks that a task failed because it met a bound, which the error names.
fn met_a_bound(task: &Value, code: &str, limit: &str, value: u64) {
    assert_eq!(task["status"], "failed", "{task}");
    let error = &task["error"];
    assert_eq!(error["code"], code, "{error}");
    assert_eq!(error["detail"], json!({"limit": limit, "value": value}), "{error}");
    assert_eq!(error["retryable"], false, "{error}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    assert_eq!(task["attempt"], 1, "it is not tried again");
}
