//! `errand plugin test`: an executor run without a server, and its cases.
//!
//! The shared server's data directory is used, since what is compiled lies there; the server is not.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::shell::{self, Ran};
use crate::harness::{plugin_path, shared, wasm};

fn path(of: &Path) -> &str {
    of.to_str().expect("a test's path is text")
}

/// Tests a guest that was built.
fn tested(guest: &str, args: &[&str]) -> Ran {
    let file = plugin_path(guest);
    let args: Vec<&str> =
        ["plugin", "test", path(&file)].into_iter().chain(args.iter().copied()).collect();
    shell::shared(&args)
}

/// The lines of JSON that a command printed.
fn lines(ran: &Ran) -> Vec<Value> {
    let parsed =
        |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    ran.stdout.lines().map(parsed).collect()
}

/// A directory with files in it.
struct Files(TempDir);

impl Files {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        for (name, bytes) in files {
            std::fs::write(directory.path().join(name), bytes).expect("it can be written");
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Tests the file `a.wasm`.
    fn test(&self, args: &[&str]) -> Ran {
        let file = self.path("a.wasm");
        let args: Vec<&str> =
            ["plugin", "test", path(&file)].into_iter().chain(args.iter().copied()).collect();
        shell::shared(&args)
    }
}

#[test]
fn a_test_shows_the_executor_the_events_the_cost_and_the_output() {
    let input = r#"{"do": "print", "text": "hello\n"}"#;
    let ran = tested("test/probe", &["--input", input]).expect(0);
    for part in [
        "Does what its input says, for tests.",
        "native",
        "submitted          probe@",
        "log                stdout │ hello",
        "completed",
        "took ",
        "fuel ",
    ] {
        assert!(ran.stderr.contains(part), "{part:?} is not in: {}", ran.stderr);
    }
    serde_json::from_str::<Value>(&ran.stdout).expect("the output alone is data");
}

#[test]
fn the_events_are_those_that_a_server_records() {
    let input = r#"{"do": "print", "text": "hello\n"}"#;
    let here = lines(&tested("test/probe", &["--input", input, "--json"]).expect(0));
    let id = super::completed(&[shared::probe(), "--input", input, "--max-attempts", "1"]);
    let there = lines(&shell::shared(&["events", &id, "--json"]));
    // What differs from one run to the next.
    let plain = |event: &Value| {
        let mut event = event.clone();
        for name in ["at", "by"] {
            event.as_object_mut().expect("an event is an object").remove(name);
        }
        if let Some(data) = event["data"].as_object_mut() {
            data.remove("worker");
        }
        event
    };
    let here: Vec<Value> = here
        .iter()
        .filter(|line| line["type"] == "event")
        .map(|line| plain(&line["event"]))
        .collect();
    assert_eq!(here, there.iter().map(plain).collect::<Vec<_>>());
}

#[test]
fn a_failure_is_said_once_and_ends_with_1() {
    let input = r#"{"do": "no such thing"}"#;
    let ran = tested("test/probe", &["--input", input]).expect(1);
    assert_eq!(ran.stderr.matches("no action is called").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(r#"{"code":"wrong_input"}"#), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let ran = tested("test/probe", &["--input", input, "--json"]).expect(1);
    let last = lines(&ran).pop().expect("it printed lines");
    assert_eq!((&last["type"], &last["passed"]), (&json!("result"), &json!(false)));
    assert_eq!(last["error"]["code"], "executor_failed");
}

#[test]
fn what_a_server_would_refuse_is_refused() {
    tested("test/probe", &["--input", "{}"]).expect(4).has("/input: ");
    tested("test/probe", &["--input", r#"{"do": "x"}"#, "--function", "f"])
        .expect(4)
        .has("/function");
    tested("test/probe", &["--input", r#"{"do": "x"}"#, "--fuel", "0"])
        .expect(4)
        .has("/limits/fuel");
    tested("test/probe", &["--input", "{"]).fails(2, "--input is not JSON");
    tested("test/probe", &["--expect", "{"]).fails(2, "--expect is not JSON");
    tested("test/probe", &["--input", "-", "--expect", "-"]).fails(2, "standard input");
    let files = Files::with(&[("a.wasm", b"no wasm")]);
    files.test(&[]).fails(4, "it is not wasm");
}

#[test]
fn a_program_gets_its_arguments_and_its_standard_input() {
    let input = r#"{"args": ["cat"], "stdin": "from the input"}"#;
    let expected = r#"{"exit_code": 0, "stdout": "from the input", "stderr": ""}"#;
    tested("test/command-probe", &["--input", input, "--expect", expected]).expect(0);
    let ran = tested("test/command-probe", &["--input", r#"{"args": ["exit", "3"]}"#]).expect(1);
    assert!(ran.stderr.contains(r#"{"exit_code":3}"#), "{}", ran.stderr);
}

#[test]
fn an_output_other_than_the_expected_one_fails_with_a_diff() {
    let input = r#"{"do": "answer_raw", "text": "{\"a\": 1, \"b\": 2}"}"#;
    tested("test/probe", &["--input", input, "--expect", r#"{"b": 2.0, "a": 1}"#]).expect(0);
    let ran =
        tested("test/probe", &["--input", input, "--expect", r#"{"a": 1, "b": 3}"#]).expect(1);
    assert!(ran.stderr.contains("-   \"b\": 3\n  +   \"b\": 2\n"), "{}", ran.stderr);
}

#[test]
fn a_limit_ends_the_task() {
    let ran = tested("test/command-probe", &["--input", r#"{"args": ["spin"]}"#, "--fuel", "5M"]);
    ran.expect(1).has("fuel_exhausted");
}

#[test]
fn the_first_example_of_the_schema_is_the_input_where_none_is_given() {
    let schema = r#"{"type": "object", "required": ["n"], "examples": [{"n": 7}]}"#;
    let files = Files::with(&[("a.wasm", &wasm::native(schema, "{}", "null"))]);
    let ran = files.test(&[]).expect(0);
    assert!(ran.stderr.contains(r#"{"n":7} (the first example"#), "{}", ran.stderr);
    assert_eq!(ran.stdout, "null\n");
}

#[test]
fn an_executor_that_contradicts_its_own_schemas_fails() {
    let wrong_example = r#"{"type": "object", "examples": [{}, 5]}"#;
    let files = Files::with(&[
        ("a.wasm", &wasm::native(wrong_example, r#"{"type": "string"}"#, "1")),
        ("case.json", br#"{"input": {}, "expect": 1}"#),
    ]);
    let ran = files.test(&[]).expect(1);
    assert!(ran.stderr.contains("example 2 of the input schema does not fit"), "{}", ran.stderr);
    assert!(ran.stderr.contains("does not fit the executor's own output schema"), "{}", ran.stderr);
    let ran = files.test(&["--cases", path(&files.path("case.json"))]).expect(1);
    assert!(ran.stdout.contains("FAIL  its description"), "{}", ran.stdout);
    assert!(ran.stdout.contains("FAIL  case"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("0 passed, 2 failed\n"), "{}", ran.stdout);
}

const CASES: &str = r#"[
    {"name": "answers", "input": {"do": "answer_raw", "text": "[1, 2]"}, "expect": [1, 2]},
    {"name": "fails", "input": {"do": "x"}, "expect_error": {"code": "executor_failed", "detail": {"code": "wrong_input"}}},
    {"name": "is refused", "input": {}, "expect_error": {"code": "invalid"}},
    {"name": "completes", "input": {"do": "print", "text": "said"}},
    {"name": "leaves a file", "input": {"do": "write_text", "path": "/workspace/a.txt", "text": "text"},
     "artifacts": ["*.txt"], "expect_artifacts": {"a.txt": "text"}}
]"#;

#[test]
fn cases_that_pass_end_with_0() {
    let files = Files::with(&[("cases.json", CASES.as_bytes())]);
    let cases = files.path("cases.json");
    let ran = tested("test/probe", &["--cases", path(&cases)]);
    let text = ran.ok();
    assert_eq!(text.matches("pass  ").count(), 5, "{text}");
    assert!(text.ends_with("5 passed, 0 failed\n"), "{text}");
    let ran = tested("test/probe", &["--cases", path(&cases), "--json"]).expect(0);
    let told = lines(&ran);
    assert_eq!(told[2]["error"]["code"], "invalid");
    assert_eq!(told[5], json!({"type": "summary", "passed": 5, "failed": 0}));
}

#[test]
fn cases_that_fail_say_how_and_end_with_1() {
    let files = Files::with(&[(
        "cases.json",
        br#"[
            {"name": "other", "input": {"do": "answer_raw", "text": "[1, 2]"}, "expect": [1, 3]},
            {"name": "completes", "input": {"do": "print", "text": "said"}, "expect_error": {"code": "trap"}},
            {"name": "fails", "input": {"do": "x"}},
            {"name": "elsewise", "input": {"do": "x"}, "expect_error": {"code": "trap"}},
            {"name": "leaves less", "input": {"do": "write_text", "path": "/workspace/a.txt", "text": "text"},
             "artifacts": ["*"], "expect_artifacts": {"a.txt": "other text", "b.txt": ""}}
        ]"#,
    )]);
    let ran = tested("test/probe", &["--cases", path(&files.path("cases.json"))]).expect(1);
    let text = ran.stdout;
    for part in [
        "FAIL  other",
        "-   3\n        +   2\n",
        "it was to fail with `trap`, and completed",
        "stdout │ said",
        "it was to complete: executor_failed: no action is called \"x\"",
        "-   \"code\": \"trap\"\n        +   \"code\": \"executor_failed\"\n",
        "the artifact `a.txt` is not what is expected",
        "it left no artifact `b.txt`; it left a.txt",
        "0 passed, 5 failed\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn cases_that_can_not_be_read_are_a_mistake_of_the_caller() {
    let files =
        Files::with(&[("broken.json", b"{"), ("wrong.json", br#"{"input": 1, "expekt": 2}"#)]);
    std::fs::create_dir(files.path("none")).expect("it can be made");
    for (cases, part) in [
        ("broken.json", "EOF"),
        ("wrong.json", "unknown field `expekt`"),
        ("missing.json", "missing.json"),
        ("none", "there are no cases"),
    ] {
        tested("test/noop", &["--cases", path(&files.path(cases))]).fails(2, part);
    }
}

#[test]
fn a_signal_cancels_the_task_and_leaves_no_directory() {
    let file = plugin_path("test/command-probe");
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let args =
        ["plugin", "test", path(&file), "--json", "--input", r#"{"args": ["print", "x", "spin"]}"#];
    let mut child = shared::server()
        .command(&args)
        .env("ERRAND_DATA", data.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = || {
        let line = lines.next().expect("there is more").expect("it can be read");
        serde_json::from_str::<Value>(&line).expect("it is JSON")
    };
    while next()["event"]["kind"] != "started" {}
    kill_process(Pid::from_child(&child), Signal::INT).expect("it can be signalled");
    let last = loop {
        let line = next();
        if line["type"] == "result" {
            break line;
        }
    };
    assert_eq!(last["status"], "cancelled");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    let left = std::fs::read_dir(data.path().join("runs")).expect("it is there").count();
    assert_eq!(left, 0);
}
