//! In which order tasks are started.

use serde_json::json;

use super::text;
use crate::harness::{Server, wasm};

/// Long enough that two of them don't start within one millisecond of the clock.
const COUNT: u64 = 20_000_000;

#[test]
fn higher_priority_goes_first_and_older_goes_before_newer() {
    let server = Server::start_with(&["--slots", "1"]);
    let client = server.operator();
    client.upload("count", &wasm::counts_to(COUNT)).expect(201);
    client.post("/v1/queue/pause", &json!({})).expect(200);
    let submitted: Vec<(i32, String)> = [0, 5, -1, 5, 0, i32::MAX, i32::MIN]
        .map(|priority| {
            (priority, client.submit(&json!({"executor": "count", "priority": priority})))
        })
        .into();
    client.post("/v1/queue/resume", &json!({})).expect(200);
    let mut started: Vec<(String, String)> = submitted
        .iter()
        .map(|(_, id)| (text(&client.finish(id)["started_at"]), id.clone()))
        .collect();
    started.sort();
    let mut expected = submitted;
    // Of one priority the older goes first; what was submitted in the same millisecond is as old.
    expected.sort_by_key(|(priority, id)| (std::cmp::Reverse(*priority), id.clone()));
    let started: Vec<_> = started.into_iter().map(|(_, id)| id).collect();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(started, expected);
}
