//! `watch`, `events`, `logs`: a task's log as it comes and as it is.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{completed, submitted};
use crate::harness::{shared, shell};

fn python(code: &str) -> String {
    json!({ "code": code }).to_string()
}

#[test]
fn watching_shows_each_event_once_and_ends_with_the_task() {
    let input = r#"{"args": ["both", "3"]}"#;
    let id = submitted(&[shared::command_probe(), "--input", input]);
    let ran = shell::shared(&["watch", &id]).expect(0);
    let numbers: Vec<u64> = ran
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    let count = u64::try_from(numbers.len()).expect("few");
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{}", ran.stdout);
    assert!(ran.stdout.contains("stdout │ out 3"), "{}", ran.stdout);
    assert!(ran.stdout.contains("stderr │ err 3"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("completed\n"), "{}", ran.stdout);
}

#[test]
fn watching_a_failure_ends_with_1_and_says_why() {
    let input = r#"{"args": ["spin"]}"#;
    let id = submitted(&[shared::command_probe(), "--input", input, "--fuel", "100M"]);
    let ran = shell::shared(&["watch", &id]).expect(1);
    assert!(ran.stderr.contains("fuel_exhausted"), "{}", ran.stderr);
}

#[test]
fn watching_as_json_is_a_line_for_each_event() {
    let id = completed(&[shared::noop()]);
    let ran = shell::shared(&["watch", &id, "--json"]).expect(0);
    assert_eq!(ran.stderr, "");
    let events: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["submitted", "started", "completed"]);
    let rest = shell::shared(&["watch", &id, "--json", "--after", "2"]).json();
    assert_eq!(rest["seq"], 3);
}

#[test]
fn live_progress_reaches_a_pipe_as_lines_for_people() {
    let code = "import errand
for step in range(20):
    errand.progress(step, 20, 'counting')
    sum(range(5_000_000))";
    let id = submitted(&[shared::python(), "--input", &python(code)]);
    let ran = shell::shared(&["watch", &id]).expect(0);
    assert!(ran.stderr.contains("/20 · counting · fuel "), "{}", ran.stderr);
    assert!(ran.stderr.lines().all(|line| line.len() > "progress: ".len()), "{}", ran.stderr);
    assert!(!ran.stdout.contains("counting"), "live progress is no event: {}", ran.stdout);
}

#[test]
fn events_are_the_log_after_a_number() {
    let id = completed(&[shared::noop()]);
    let text = shell::shared(&["events", &id]).ok();
    assert_eq!(text.lines().count(), 3, "{text}");
    let last = shell::shared(&["events", &id, "--after", "2", "--json"]).json();
    assert_eq!((&last["seq"], &last["kind"]), (&json!(3), &json!("completed")));
    assert_eq!(shell::shared(&["events", &id, "--after", "3"]).ok(), "");
    let followed = shell::shared(&["events", &id, "--follow"]).ok();
    assert_eq!(followed.lines().count(), 3, "{followed}");
}

#[test]
fn logs_are_what_was_written_and_can_be_narrowed() {
    let code = "import errand, sys
print('to stdout')
print('to stderr', file=sys.stderr)
errand.log('to the log', level='warn')";
    let id = completed(&[shared::python(), "--input", &python(code)]);
    let all = shell::shared(&["logs", &id]).ok();
    for line in ["to stdout\n", "to stderr\n", "warn: to the log\n"] {
        assert!(all.contains(line), "{line:?} is not in {all:?}");
    }
    assert_eq!(shell::shared(&["logs", &id, "--stream", "stdout"]).ok(), "to stdout\n");
    assert_eq!(shell::shared(&["logs", &id, "--stream", "stderr"]).ok(), "to stderr\n");
    assert_eq!(shell::shared(&["logs", &id, "--attempt", "2"]).ok(), "");
    let entry = shell::shared(&["logs", &id, "--stream", "log", "--json"]).json();
    assert_eq!(entry["data"]["level"], "warn");
}

#[test]
fn following_logs_shows_lines_while_the_task_runs() {
    let code = "import time
print('first', flush=True)
while True: pass";
    let id = submitted(&[shared::python(), "--input", &python(code)]);
    let mut follower = shared::server()
        .command(&["logs", "-f", &id])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = follower.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("text");
    assert_eq!(line, "first\n");
    assert_eq!(shell::shared(&["show", &id, "--json"]).json()["status"], "running");
    shell::shared(&["cancel", &id]).expect(0);
    assert!(follower.wait().expect("it ends with the task").success());
}

#[test]
fn a_reader_that_goes_away_ends_a_command_in_silence() {
    let code = "for n in range(20000): print('line', n)";
    let id = completed(&[shared::python(), "--input", &python(code)]);
    for line in [["logs", &id], ["watch", &id], ["events", &id]] {
        let mut child = shared::server()
            .command(&line)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::with_capacity(16, stdout).read_line(&mut first).expect("text");
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(0), "{line:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{line:?}");
    }
}
