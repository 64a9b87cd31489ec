//! Guests whose result is too much, or no result at all.

use serde_json::json;

use super::{beside_a_neighbour, met_a_bound};
use crate::harness::shared;

#[test]
fn a_result_over_the_output_limit_ends_at_it() {
    let task = beside_a_neighbour(&json!({
        "executor": shared::probe(), "input": {"do": "large_output", "bytes": 2_000_000},
        "limits": {"output_bytes": 1_000_000},
    }));
    met_a_bound(&task, "output_limit", "output_bytes", 1_000_000);
}

#[test]
fn a_large_result_within_the_limit_is_kept() {
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::probe(), "input": {"do": "large_output", "bytes": 4_000_000},
        "limits": {"output_bytes": 5_000_000},
    }));
    let task = client.finish(&id);
    assert_eq!(task["output"].as_str().map(str::len), Some(4_000_000));
}

#[test]
fn a_result_that_is_not_json_fails_its_task() {
    let deep = "[".repeat(100_000);
    for wrong in ["", "{", "nonsense", "NaN", "1 2", "{\"a\": 1e999999", "\"\u{1}\"", &deep] {
        let input = json!({"do": "answer_raw", "text": wrong});
        let task = beside_a_neighbour(&json!({"executor": shared::probe(), "input": input}));
        assert_eq!(task["status"], "failed", "{wrong:.20}: {task}");
        assert_eq!(task["error"]["code"], "executor_failed", "{wrong:.20}: {task}");
        assert_eq!(task["error"]["retryable"], false);
    }
}

#[test]
fn a_failure_can_not_be_larger_than_the_output_limit() {
    let input = json!({
        "do": "fail", "code": "c".repeat(10_000), "message": "m".repeat(1_000_000),
        "detail": "d".repeat(1_000_000),
    });
    let task = beside_a_neighbour(&json!({
        "executor": shared::probe(), "input": input, "limits": {"output_bytes": 10_000},
    }));
    assert_eq!(task["error"]["code"], "executor_failed");
    let size = task["error"].to_string().len();
    assert!(size < 20_000, "the error has {size} bytes");
}

#[test]
fn progress_and_events_of_any_size_and_kind_are_cut_or_refused() {
    let long = "x".repeat(1_000_000);
    let client = shared::agent();
    let input = json!({"do": "progress", "done": u64::MAX, "total": 1, "message": long});
    let task = client.run(shared::probe(), &input);
    assert_eq!(task["status"], "completed", "{task}");
    let message = task["progress"]["message"].as_str().expect("it has a message");
    assert!(message.len() < 10_000, "{} bytes", message.len());
    for (kind, data) in [("large", json!(long)), ("../UPPER", json!(1)), ("", json!(1))] {
        let input = json!({"do": "emit", "kind": kind, "data": data});
        let task = client.run(shared::probe(), &input);
        assert!(task["output"]["err"].is_object(), "{kind}: {}", task["status"]);
    }
}
