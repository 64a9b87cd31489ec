//! Guests that print for ever, and that print what is no text.

use serde_json::{Value, json};

use super::{beside_a_neighbour, met_a_bound};
use crate::harness::shared;

const LIMIT_BYTES: u64 = 200_000;

/// All that a task's log holds of a stream.
fn logged(id: &Value, stream: &str) -> String {
    let id = id.as_str().expect("a task has an id");
    let events = shared::agent().events(id);
    let lines = events.iter().filter(|event| event["data"]["stream"] == stream);
    lines.map(|event| event["data"]["text"].as_str().expect("a log has text")).collect()
}

#[test]
fn printing_for_ever_ends_at_the_output_limit_and_keeps_what_fits() {
    for stream in ["stdout", "stderr"] {
        let task = beside_a_neighbour(&json!({
            "executor": shared::probe(), "input": {"do": "print_forever", "to": stream},
            "limits": {"output_bytes": LIMIT_BYTES},
        }));
        met_a_bound(&task, "output_limit", "output_bytes", LIMIT_BYTES);
        let kept = logged(&task["id"], stream).len() as u64;
        assert!(kept > LIMIT_BYTES / 4 && kept <= LIMIT_BYTES, "{kept} bytes were kept");
    }
    let task = beside_a_neighbour(&json!({
        "executor": shared::command_probe(), "input": {"args": ["flood"]},
        "limits": {"output_bytes": LIMIT_BYTES},
    }));
    met_a_bound(&task, "output_limit", "output_bytes", LIMIT_BYTES);
}

#[test]
fn logging_for_ever_ends_at_the_output_limit() {
    let task = beside_a_neighbour(&json!({
        "executor": shared::probe(), "input": {"do": "log_forever"},
        "limits": {"output_bytes": LIMIT_BYTES},
    }));
    met_a_bound(&task, "output_limit", "output_bytes", LIMIT_BYTES);
    assert!(logged(&task["id"], "log").len() as u64 <= LIMIT_BYTES);
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_the_rest_is_kept() {
    let input = json!({"args": ["invalid-utf8", "print", "still here"]});
    let task = beside_a_neighbour(&json!({"executor": shared::command_probe(), "input": input}));
    let expected = String::from_utf8_lossy(b"before \xff\xfe\xc3( after\nstill here\n");
    assert_eq!(task["output"]["stdout"], *expected);
    assert_eq!(logged(&task["id"], "stdout"), *expected);
}

#[test]
fn a_character_in_two_writes_stays_one() {
    let input = json!({"args": ["half-character"]});
    let task = beside_a_neighbour(&json!({"executor": shared::command_probe(), "input": input}));
    assert_eq!(task["output"]["stdout"], "€\n");
    assert_eq!(logged(&task["id"], "stdout"), "€\n");
}

#[test]
fn terminal_controls_never_leave_the_server_as_such() {
    let input = json!({"args": ["escapes"]});
    let task = beside_a_neighbour(&json!({"executor": shared::command_probe(), "input": input}));
    let id = task["id"].as_str().expect("a task has an id");
    let stdout = task["output"]["stdout"].as_str().expect("a command has output");
    assert!(stdout.contains("\u{1b}[31mred") && stdout.contains('\0'), "{stdout:?}");
    let client = shared::agent();
    for accept in ["application/json", "text/event-stream"] {
        let path = format!("/v1/tasks/{id}/events");
        let answer = client.ask("GET", &path, &[("accept", accept)]);
        assert_eq!(answer.status, 200);
        let raw = answer.bytes.iter().find(|byte| byte.is_ascii_control() && **byte != b'\n');
        assert_eq!(raw, None, "in {accept}");
    }
}

#[test]
fn a_message_can_not_break_out_of_its_stream() {
    let message = "line\n\nid: 99\nevent: completed\ndata: {}\n\n\r\revent: failed\r\n\r\n";
    let input = json!({"do": "log", "level": "info", "message": message});
    let task = beside_a_neighbour(&json!({"executor": shared::probe(), "input": input}));
    let id = task["id"].as_str().expect("a task has an id");
    let events: Vec<_> =
        shared::agent().follow(id, &[]).map(|message| message.event.clone()).collect();
    assert_eq!(events, ["submitted", "started", "log", "completed"]);
}
