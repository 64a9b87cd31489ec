//! Wrong command lines, help, and what this version does not do yet.

use std::process::Command;

use crate::harness::shell::alone;
use crate::harness::{self, errand, shell};

#[test]
fn wrong_command_lines_end_with_2_and_say_what_is_wrong() {
    for (line, part) in [
        ("bogus", "'bogus'"),
        ("show", "<ID>"),
        ("submit", "<EXECUTOR>"),
        ("run", "<FILE>"),
        ("run --fuel lots a.py", "not an amount of fuel"),
        ("run --memory lots a.py", "not a size"),
        ("run --timeout 5 a.py", "time unit"),
        ("run --bogus a.py", "'--bogus'"),
        ("run a.txt", ".py, .js, .mjs or .wasm"),
        ("run noending", ".py, .js, .mjs or .wasm"),
        ("run missing.py", "missing.py"),
        ("run missing.wasm", "missing.wasm"),
        ("list --status done", "completed"),
        ("list --label x", "key=value"),
        ("submit python --input {", "not JSON"),
        ("submit python --input @missing.json", "missing.json"),
        ("plugin add missing.wasm", "missing.wasm"),
        ("plugin new", "<NAME>"),
        ("plugin new ../up", "1 to 64 characters"),
        ("plugin new 2nd", "start with a digit"),
        ("plugin new a.b --lang rust", "a dot"),
        ("plugin new node_modules --lang js", "npm"),
        ("plugin new thing --lang cobol", "rust, python, js"),
        ("plugin test", "<FILE>"),
        ("plugin test missing.wasm", "missing.wasm"),
        ("plugin test a.wasm --cases tests --input {}", "--input"),
        ("plugin test a.wasm --fuel lots", "not an amount of fuel"),
        ("token create ci", "--right"),
        ("token create ci --right everything", "submit"),
        ("artifacts some-id -o file --json", "--json"),
        ("diff", "<ID>"),
        ("diff some-id --stat --json", "--json"),
        ("apply", "<ID>"),
        ("apply some-id -m text", "--branch"),
        ("apply some-id --branch new --force", "--force"),
        ("fork", "<ID>"),
        ("fork some-id --workspace .", "--workspace"),
        ("--server nonsense list", "nonsense"),
    ] {
        let line: Vec<&str> = line.split(' ').collect();
        alone(&line).fails(2, part);
    }
}

#[test]
fn a_wrong_name_is_refused_before_anything_is_read() {
    for name in ["a/b", "..", "A", "", "-a", &"a".repeat(65)] {
        let name = format!("--name={name}");
        alone(&["plugin", "add", "missing.wasm", &name]).fails(2, "1 to 64 characters");
    }
}

#[test]
fn what_is_not_there_yet_says_unsupported() {
    for line in [
        "worker --store postgres://x",
        "schedule list",
        "plugin add https://example.com/thing.wasm",
    ] {
        let line: Vec<&str> = line.split(' ').collect();
        alone(&line).fails(2, "unsupported");
    }
}

#[test]
fn a_file_that_nothing_here_runs_says_where_was_looked() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    std::fs::write(directory.path().join("a.js"), "").expect("it can be written");
    // Where no executors lie beside it.
    let alone = directory.path().join("bin/errand");
    std::fs::create_dir(alone.with_file_name("")).expect("it can be made");
    std::fs::copy(harness::errand_path(), &alone).expect("it can be copied");
    let mut command = Command::new(alone);
    command.args(["run", "a.js"]).current_dir(&directory).env("ERRAND_DATA", directory.path());
    shell::run(command.env_remove("ERRAND_PLUGINS")).fails(3, "javascript");
}

#[test]
fn help_and_version_are_data() {
    let overview = alone(&["--help"]).ok();
    for command in ["run", "serve", "submit", "watch", "plugin", "token", "doctor", "backup"] {
        assert!(overview.contains(&format!("\n  {command} ")), "{command} is not in: {overview}");
    }
    assert!(!overview.contains("__compile"), "that one is not for people");
    assert!(alone(&["--version"]).ok().starts_with("errand "));
    for command in [
        "run",
        "serve",
        "submit",
        "list",
        "watch",
        "logs",
        "artifacts",
        "diff",
        "apply",
        "fork",
        "plugin",
    ] {
        let help = alone(&[command, "--help"]).ok();
        assert!(help.contains(&format!("Usage: errand {command}")), "{help}");
    }
}

#[test]
fn a_bare_call_shows_what_there_is_and_nothing_internal() {
    assert!(alone(&[]).ok().contains("\nStart here:\n  run "));
    for line in [["plugin"], ["token"]] {
        let ran = alone(&line).expect(2);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains("Usage: errand"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("__compile"), "{}", ran.stderr);
    }
}

#[test]
fn the_examples_of_run_s_help_pass_flags_to_the_program() {
    let help = alone(&["run", "--help"]).ok();
    assert!(
        !help.contains(".wasm -- "),
        "what follows the file is the program's, `--` too: {help}"
    );
}

#[test]
fn without_a_server_every_command_that_needs_one_ends_with_5() {
    for line in [
        "submit python",
        "list",
        "show x",
        "watch x",
        "logs x",
        "result x",
        "events x",
        "artifacts x",
        "diff x",
        "apply x",
        "fork x",
        "cancel x",
        "retry x",
        "delete x",
        "plugin list",
        "plugin show x",
        "plugin remove x",
        "token list",
        "token revoke x",
        "--server http://127.0.0.1:1 list",
    ] {
        let line: Vec<&str> = line.split(' ').collect();
        let ran = alone(&line).fails(5, "no server");
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_says_nothing() {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = errand(&["doctor"]);
    for variable in ["ERRAND_DATA", "ERRAND_SERVER", "ERRAND_TOKEN"] {
        command.env(variable, "");
    }
    command.env("HOME", home.path()).env_remove("XDG_DATA_HOME");
    shell::run(&mut command).expect(0);
}

#[test]
fn completions_are_made_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(alone(&["completions", shell]).ok().contains("submit"), "{shell}");
    }
}
