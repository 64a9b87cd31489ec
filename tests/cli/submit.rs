//! `errand submit`: the forms of an input, the id, `--wait`, and what the server refuses.

use serde_json::{Value, json};

use super::submitted;
use crate::harness::{shared, shell};

#[test]
fn the_input_comes_from_the_line_from_a_file_or_from_standard_input() {
    let executor = shared::command_probe();
    let input = r#"{"args": ["print", "seen"]}"#;
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("input.json");
    std::fs::write(&file, input).expect("it can be written");
    let at_file = format!("@{}", file.display());
    for (source, stdin) in [(input, ""), (at_file.as_str(), ""), ("-", input)] {
        let mut command =
            shared::server().command(&["submit", executor, "--input", source, "--wait"]);
        let ran = shell::run_with(&mut command, stdin.as_bytes());
        assert_eq!(ran.json()["stdout"], "seen\n", "{source}");
    }
}

#[test]
fn with_wait_the_output_is_data_and_the_events_are_for_people() {
    let input = r#"{"args": ["print", "hello"]}"#;
    let line = ["submit", shared::command_probe(), "--input", input, "--wait"];
    let ran = shell::shared(&line).expect(0);
    let output: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(output, json!({"exit_code": 0, "stdout": "hello\n", "stderr": ""}));
    let mut told = ran.stderr.lines();
    let id = told.next().expect("the id comes first");
    assert_eq!(shell::shared(&["show", id, "--json"]).json()["id"], id);
    for kind in ["submitted", "started", "log", "completed"] {
        let line = told.next().expect("an event follows");
        assert!(line.contains(kind), "{kind} is not in {line:?}");
    }
}

#[test]
fn with_wait_a_failure_ends_with_1_and_no_data() {
    let input = r#"{"args": ["complain", "oh no", "exit", "3"]}"#;
    let line = ["submit", shared::command_probe(), "--input", input, "--wait"];
    let ran = shell::shared(&line).expect(1);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("executor_failed: the program exited with code 3"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("oh no"), "{}", ran.stderr);
}

#[test]
fn with_json_the_task_is_data_as_it_is_now_or_at_the_end() {
    let now = shell::shared(&["submit", shared::noop(), "--json", "--delay", "1h"]).json();
    assert_eq!(now["status"], "queued");
    shell::shared(&["cancel", now["id"].as_str().expect("it has one")]).expect(0);
    let end = shell::shared(&["submit", shared::noop(), "--json", "--wait"]).json();
    assert_eq!((&end["status"], &end["output"]), (&json!("completed"), &Value::Null));
}

#[test]
fn everything_that_was_asked_for_is_in_the_task() {
    let id = submitted(&[
        shared::noop(),
        "--label",
        "suite=cli-all",
        "--label",
        "k=v=w",
        "--priority",
        "-3",
        "--delay",
        "1h",
        "--fuel",
        "5M",
        "--memory",
        "64MiB",
        "--timeout",
        "1m 30s",
        "--max-attempts",
        "7",
        "--artifact",
        "out/**",
    ]);
    let task = shell::shared(&["show", &id, "--json"]).json();
    assert_eq!(task["labels"], json!({"suite": "cli-all", "k": "v=w"}));
    assert_eq!(
        (&task["priority"], &task["progress"]["fuel_limit"]),
        (&json!(-3), &json!(5_000_000))
    );
    let event = shell::shared(&["events", &id, "--json"]).json();
    let asked = &event["data"];
    assert_eq!(asked["limits"]["memory_bytes"], 64 << 20);
    assert_eq!(asked["limits"]["timeout_ms"], 90_000);
    assert_eq!(asked["retry"]["max_attempts"], 7);
    assert_eq!(asked["artifacts"], json!(["out/**"]));
    assert_eq!(asked["delay_ms"], 3_600_000);
    shell::shared(&["cancel", &id]).expect(0);
}

#[test]
fn the_same_key_gives_the_same_task_and_another_request_is_refused() {
    let line = |value: &'static str| {
        let label = if value == "a" { "x=a" } else { "x=b" };
        ["submit", shared::noop(), "--idempotency-key", "cli-key", "--label", label]
    };
    let first = shell::shared(&line("a")).ok();
    assert_eq!(shell::shared(&line("a")).ok(), first);
    shell::shared(&line("b")).fails(4, first.trim());
}

#[test]
fn what_the_server_refuses_names_the_field_and_ends_with_4() {
    let noop = shared::noop();
    let program = shared::command_probe();
    for (line, part) in [
        (vec!["no-such-executor"], "no executor `no-such-executor`"),
        (vec!["noop@ffff"], "/executor"),
        (vec![program, "--input", r#"{"args": 5}"#], "/input/args"),
        (vec![program, "--input", r#"{"argv": []}"#], "argv"),
        (vec![noop, "--fuel", "0"], "/limits/fuel"),
        (vec![noop, "--memory", "1TiB"], "/limits/memory_bytes"),
        (vec![noop, "--timeout", "48h"], "/limits/timeout_ms"),
        (vec![noop, "--max-attempts", "0"], "/retry/max_attempts"),
        (vec![noop, "--artifact", "../x"], "/artifacts/0"),
        (vec![noop, "--function", "f"], "/function"),
        (vec![noop, "--namespace", "other"], "other"),
    ] {
        let line: Vec<&str> = ["submit"].into_iter().chain(line).collect();
        shell::shared(&line).fails(4, part);
    }
}

#[test]
fn waiting_for_a_failure_says_it_once() {
    let program = shared::command_probe();
    let input = r#"{"args": ["complain", "what went wrong", "exit", "3"]}"#;
    let ran = shell::shared(&["submit", program, "--input", input, "--wait"]).expect(1);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.stderr.matches("what went wrong").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("executor_failed").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.ends_with("{\"exit_code\":3}\n"), "{}", ran.stderr);
}

#[test]
fn a_traceback_is_said_once() {
    let input = serde_json::json!({ "code": "raise ValueError('not so')" }).to_string();
    let args = ["submit", shared::python(), "--input", &input, "--wait"];
    let ran = shell::shared(&args).expect(1);
    assert_eq!(ran.stderr.matches("Traceback").count(), 1, "{}", ran.stderr);
    // Python's own last line, and the event that ended the task.
    assert_eq!(ran.stderr.matches("not so").count(), 3, "{}", ran.stderr);
}
