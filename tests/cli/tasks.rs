//! `list`, `show`, `result`, `cancel`, `retry`, `delete`, `artifacts`: a task in each of its states.

use serde_json::json;

use super::{completed, submitted};
use crate::harness::{shared, shell};

/// A task that runs until it is stopped, and is known to run.
fn spinning() -> String {
    let id = submitted(&[shared::command_probe(), "--input", r#"{"args": ["spin"]}"#]);
    shared::agent().follow(&id, &[]).until_it_runs();
    id
}

#[test]
fn a_list_is_a_table_or_json_and_can_be_narrowed() {
    let label = "suite=cli-list";
    let first = completed(&[shared::noop(), "--label", label]);
    let second = completed(&[shared::noop(), "--label", label]);
    let table = shell::shared(&["list", "--label", label]).ok();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ID ") && lines[0].contains("STATUS"), "{table}");
    assert!(lines[1].starts_with(&second) && lines[2].starts_with(&first), "newest first: {table}");
    assert_eq!(lines.len(), 3, "{table}");

    let list = shell::shared(&["list", "--label", label, "--status", "completed", "--json"]).json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    let none = shell::shared(&["list", "--label", label, "--status", "failed"]).expect(0);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no tasks\n"));
}

#[test]
fn a_long_list_goes_on_where_it_ended() {
    let label = "suite=cli-pages";
    let mut ids: Vec<String> =
        (0..3).map(|_| completed(&[shared::noop(), "--label", label])).collect();
    ids.reverse();
    let ran = shell::shared(&["list", "--label", label, "--limit", "2"]).expect(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    let cursor = ran.stderr.split("--cursor ").nth(1).expect("it says how to go on");
    let cursor = cursor.trim_end().trim_end_matches('`');
    let rest = shell::shared(&["list", "--label", label, "--cursor", cursor, "--json"]).json();
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest["items"][0]["id"], ids[2]);
    let all = shell::shared(&["list", "--label", label, "--limit", "0"]).expect(0);
    assert_eq!((all.stdout.lines().count(), all.stderr.as_str()), (4, ""));
    shell::shared(&["list", "--cursor", "nonsense"]).fails(4, "cursor");
}

#[test]
fn a_running_task_is_shown_cancelled_retried_and_deleted() {
    let id = spinning();
    let shown = shell::shared(&["show", &id]).ok();
    assert!(shown.contains("running") && shown.contains("fuel"), "{shown}");
    shell::shared(&["result", &id]).fails(4, "running");
    shell::shared(&["delete", &id]).fails(4, "cancel");
    shell::shared(&["retry", &id]).fails(4, "running");

    let ran = shell::shared(&["cancel", &id]).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.contains(&id)), ("", true));
    let ran = shell::shared(&["result", "--wait", &id]).expect(1);
    assert!(ran.stderr.contains("cancelled by agent"), "{}", ran.stderr);
    let again = shell::shared(&["cancel", &id]).expect(0);
    assert!(again.stderr.contains("already"), "{}", again.stderr);

    let retried = shell::shared(&["retry", &id, "--json"]).json();
    assert_eq!(retried["attempt"], 2);
    shared::agent().follow(&id, &[]).until(|message| message.data["attempt"] == 2);
    let stopped = shell::shared(&["cancel", &id, "--json"]).json();
    assert_eq!(stopped["id"], id);
    shell::shared(&["watch", &id]).expect(1);

    let ran = shell::shared(&["delete", &id]).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.contains(&id)), ("", true));
    shell::shared(&["show", &id]).fails(3, &id);
}

#[test]
fn a_completed_task_is_not_retried() {
    let id = completed(&[shared::noop()]);
    shell::shared(&["retry", &id]).fails(4, "completed");
}

#[test]
fn what_is_not_there_ends_with_3() {
    for line in [
        "show nope",
        "result nope",
        "events nope",
        "logs nope",
        "watch nope",
        "artifacts nope",
        "cancel nope",
        "retry nope",
        "delete nope",
        "show ../executors",
    ] {
        let line: Vec<&str> = line.split(' ').collect();
        shell::shared(&line).fails(3, "there is no task");
    }
    shell::shared(&["show", ""]).fails(2, "a value is required");
}

#[test]
fn what_is_not_there_comes_with_where_to_look_for_it() {
    let id = completed(&[shared::noop()]);
    for (line, hint) in [
        (["show", "nope"].as_slice(), "hint: `errand list` shows"),
        (&["artifacts", "nope"], "hint: `errand list` shows"),
        (&["artifacts", &id, "nope.txt"], "hint: `errand artifacts ID` shows"),
        (&["plugin", "show", "nope"], "hint: `errand plugin list` shows"),
        (&["token", "revoke", "nope"], "hint: `errand token list` shows"),
    ] {
        shell::shared(line).fails(3, hint);
    }
}

#[test]
fn of_several_each_is_tried() {
    let ids = [completed(&[shared::noop()]), completed(&[shared::noop()])];
    let ran = shell::shared(&["delete", &ids[0], "nope", &ids[1]]).expect(3);
    assert!(ran.stderr.contains("there is no task `nope`"), "{}", ran.stderr);
    for id in &ids {
        shell::shared(&["show", id]).expect(3);
    }
}

#[test]
fn a_result_is_json_and_a_failure_says_why() {
    let id = completed(&[shared::command_probe(), "--input", r#"{"args": ["print", "x"]}"#]);
    let output = json!({"exit_code": 0, "stdout": "x\n", "stderr": ""});
    assert_eq!(shell::shared(&["result", &id]).json(), output);
    assert_eq!(shell::shared(&["result", &id, "--json"]).json(), output);

    let input = r#"{"args": ["exit", "3"]}"#;
    let id = submitted(&[shared::command_probe(), "--input", input]);
    let ran = shell::shared(&["result", "--wait", &id]).expect(1);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("executor_failed: "), "{}", ran.stderr);
    let ran = shell::shared(&["result", &id, "--json"]).expect(1);
    let error: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(error["error"]["code"], "executor_failed");
    assert_eq!(error["error"]["detail"]["exit_code"], 3);
}

#[test]
fn artifacts_are_listed_printed_and_written() {
    let input = r##"{"args": ["write", "/workspace/report.md", "# Report"]}"##;
    let id = completed(&[shared::command_probe(), "--input", input, "--artifact", "*.md"]);
    let table = shell::shared(&["artifacts", &id]).ok();
    assert!(table.starts_with("PATH ") && table.contains("report.md"), "{table}");
    let list = shell::shared(&["artifacts", &id, "--json"]).json();
    assert_eq!(list["items"][0]["size_bytes"], 8);
    assert_eq!(shell::shared(&["artifacts", &id, "report.md"]).ok(), "# Report");

    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("kept.md");
    let path = file.to_str().expect("its path is text");
    let ran = shell::shared(&["artifacts", &id, "report.md", "-o", path]).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.contains(path)), ("", true));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "# Report");

    let all = directory.path().join("all.tar");
    let path = all.to_str().expect("its path is text");
    let ran = shell::shared(&["artifacts", &id, "-o", path]).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.contains(path)), ("", true));
    let all = std::fs::read(&all).expect("it is there");
    let mut archive = tar::Archive::new(all.as_slice());
    let entries = archive.entries().expect("it is an archive");
    let names: Vec<_> =
        entries.map(|entry| entry.expect("it is whole").path_bytes().into_owned()).collect();
    assert_eq!(names, [b"report.md"]);

    shell::shared(&["artifacts", &id, "other.md"]).fails(3, "other.md");
    let absent = directory.path().join("absent.md");
    let path = absent.to_str().expect("its path is text");
    shell::shared(&["artifacts", &id, "other.md", "-o", path]).fails(3, "other.md");
    assert!(!absent.exists(), "nothing is written of what is not there");
    shell::shared(&["artifacts", &id, "report.md", "-o", "/no/such/place"]).fails(2, "/no/such");

    let bare = completed(&[shared::noop()]);
    let none = shell::shared(&["artifacts", &bare]).expect(0);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no artifacts\n"));
}

#[test]
fn artifacts_go_through_a_pipe_byte_by_byte() {
    let code = "open('all.bin', 'wb').write(bytes(range(256)) * 4096)";
    let input = json!({"code": code}).to_string();
    let id = completed(&[shared::python(), "--input", &input, "--artifact", "all.bin"]);
    let output = shared::server()
        .command(&["artifacts", &id, "all.bin"])
        .output()
        .expect("the command can be run");
    assert!(output.status.success());
    assert_eq!(output.stdout, (0..=255).collect::<Vec<u8>>().repeat(4096));
}

#[test]
fn failed_tasks_are_retried_and_deleted_by_conditions() {
    let failed = |label: &str| {
        let input = r#"{"args": ["exit", "3"]}"#;
        let id = submitted(&[shared::command_probe(), "--input", input, "--label", label]);
        shell::shared(&["result", "--wait", &id]).expect(1);
        id
    };
    let (one, two) = (failed("cli=bulk"), failed("cli=bulk"));
    let other = failed("cli=bulk-not");
    let retried = shell::shared(&["retry", "--all", "--label", "cli=bulk"]).expect(0);
    assert_eq!(
        (retried.stdout.as_str(), retried.stderr.as_str()),
        ("", "2 tasks are queued again\n")
    );
    for id in [&one, &two] {
        shell::shared(&["result", "--wait", id]).expect(1);
        assert_eq!(shell::shared(&["show", id, "--json"]).json()["attempt"], 2);
    }
    assert_eq!(shell::shared(&["show", &other, "--json"]).json()["attempt"], 1);
    let none = ["retry", "--all", "--status", "cancelled", "--label", "cli=bulk", "--json"];
    assert_eq!(shell::shared(&none).json(), json!({"count": 0}));
    shell::shared(&["delete", "--all", "--label", "cli=bulk"]).expect(0).has("2 tasks are deleted");
    shell::shared(&["show", &one]).fails(3, "no task");
    shell::shared(&["show", &other]).expect(0);
    shell::shared(&["delete", &other, "--label", "cli=bulk"]).fails(2, "cannot be used");
    shell::shared(&["delete", "--label", "cli=bulk"]).fails(2, "--all");
    shell::shared(&["delete", "--all", &other]).fails(2, "cannot be used");
    shell::shared(&["retry", "--all", "--status", "queued"]).fails(2, "failed, cancelled");
    shell::shared(&["delete"]).fails(2, "ID");
}
