//! Programs that can be had from npm: those of agents, each told of Errand by `errand mcp install` and asked
//! what servers it knows; and the Inspector, with which people look at a server.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::together;
use crate::harness::{Server, errand, errand_path, release_dir};

fn programs() -> PathBuf {
    let programs = release_dir().join("../mcp/clients");
    assert!(programs.join("installed").exists(), "they are missing: run `make mcp`");
    fs::canonicalize(programs).expect("they are there")
}

/// A program, and the Node that it needs.
fn of_npm(program: &str) -> Command {
    let bin = programs().join("node_modules/.bin");
    let node = programs().join("node_modules/node/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(bin.join(program));
    command.env("PATH", format!("{}:{}:{path}", node.display(), bin.display()));
    command
}

/// Installs Errand into a client, and returns what the client's own list of servers says.
fn listed(client: &str, program: &str) -> String {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let data = home.path().join("data");
    fs::create_dir(&data).expect("it can be made");
    // The usual port may be taken by another test.
    fs::write(data.join("errand.toml"), "listen = \"127.0.0.1:0\"\n").expect("it is written");
    let alone = |command: &mut Command| {
        command.env("HOME", home.path()).current_dir(home.path());
        for variable in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).output().expect("it runs")
    };
    let installed = alone(errand(&["mcp", "install", client, "--data"]).arg(&data));
    assert!(installed.status.success(), "{installed:?}");
    let listed = alone(of_npm(program).args(["mcp", "list"]));
    // Whoever connected has started a server, which goes on.
    let note = fs::read_to_string(data.join("server.json")).unwrap_or_default();
    if let Some(pid) = serde_json::from_str::<Value>(&note).ok().and_then(|it| it["pid"].as_i64()) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid"));
        let _ = rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::KILL);
    }
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&listed.stdout),
        String::from_utf8_lossy(&listed.stderr)
    );
    let line = text.lines().find(|line| line.contains("errand")).unwrap_or_default();
    assert!(!line.is_empty(), "{client} does not list it: {text}");
    line.to_owned()
}

#[test]
fn claude_code_connects() {
    let line = listed("claude-code", "claude");
    assert!(line.contains("Connected"), "{line}");
}

#[test]
fn opencode_connects() {
    let line = listed("opencode", "opencode");
    assert!(line.contains("connected"), "{line}");
}

#[test]
fn codex_lists_it_as_enabled() {
    let line = listed("codex", "codex");
    assert!(line.contains("mcp") && line.contains("enabled"), "{line}");
}

#[test]
fn the_gemini_cli_lists_it() {
    // It connects to nothing in a directory that its user has not said to trust.
    let line = listed("gemini", "gemini");
    assert!(line.contains("stdio"), "{line}");
}

/// Asks a server by the Inspector's command line, over `errand mcp`; answers its exit code and what it says.
fn inspected(server: &Server, arguments: &[&str]) -> (Option<i32>, Value) {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = of_npm("mcp-inspector");
    command.env("HOME", home.path()).current_dir(home.path()).stdin(Stdio::null());
    command.args(["--cli", "--format", "json"]).arg(errand_path()).args(["mcp", "--data"]);
    let output = command.arg(server.data()).args(arguments).output().expect("it runs");
    let said = serde_json::from_slice::<Value>(&output.stdout);
    let said = said.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), said["result"].clone())
}

/// Calls a tool by the Inspector; answers how the task stands.
fn called(server: &Server, tool: &str, arguments: Value) -> Value {
    let arguments = arguments.to_string();
    let call = ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", &arguments];
    let (code, result) = inspected(server, &call);
    assert_eq!(code, Some(0), "{result}");
    result["structuredContent"].clone()
}

#[test]
fn the_inspector_submits_watches_cancels_and_is_told_of_a_decision() {
    let server = together();
    let submit = |code: &str| {
        let input = json!({"executor": "python", "input": {"code": code}});
        called(server, "submit_task", input)["task_id"].as_str().expect("an id").to_owned()
    };
    let endless = submit("while True: pass");
    called(server, "cancel_task", json!({"task_id": endless}));
    let ended = called(server, "wait_for_task", json!({"task_id": endless, "timeout_s": 60}));
    assert_eq!(ended["status"], "cancelled");

    let asking = submit("import errand\nresult = errand.approve('Go?').verdict");
    let wait = json!({"task_id": asking, "timeout_s": 60});
    let standing = called(server, "wait_for_task", wait.clone());
    let command = standing["approvals"][0]["command"].as_str().expect("a command");
    let approve: Vec<&str> = command.split(' ').skip(1).collect();
    let approved = server.command(&approve).output().expect("it runs");
    assert!(approved.status.success(), "{approved:?}");
    assert_eq!(called(server, "wait_for_task", wait)["status"], "completed");
    let result = called(server, "get_task_result", json!({"task_id": asking}));
    assert_eq!(result["output"]["result"], "approved");
    let (_, read) =
        inspected(server, &["--method", "resources/read", "--uri", &format!("task://{asking}")]);
    assert!(read["contents"][0]["text"].as_str().is_some_and(|text| text.contains("approved")));
}

#[test]
fn the_inspector_finds_no_fault_in_the_schemas_and_is_told_what_is_wrong_with_a_call() {
    let server = together();
    let (code, listed) = inspected(server, &["--method", "tools/list", "--strict"]);
    assert_eq!(code, Some(0), "{listed}");
    assert!(listed["tools"].as_array().is_some_and(|tools| tools.len() > 13), "{listed}");
    let unknown = r#"{"task_id": "nope"}"#;
    let call = ["--method", "tools/call", "--tool-name", "get_task", "--tool-args-json", unknown];
    let (code, refused) = inspected(server, &call);
    // Its code for a tool that says of itself that it failed.
    assert_eq!(code, Some(5), "{refused}");
    assert_eq!(refused["structuredContent"]["code"], "not_found", "{refused}");
}
