//! The programs of agents that can be had from npm, each told of Errand by `errand mcp install` and asked
//! what servers it knows.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{errand, release_dir};

fn programs() -> PathBuf {
    let programs = release_dir().join("../mcp/clients");
    assert!(programs.join("installed").exists(), "they are missing: run `make mcp`");
    fs::canonicalize(programs).expect("they are there")
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
    let bin = programs().join("node_modules/.bin");
    let node = programs().join("node_modules/node/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", node.display(), bin.display());
    let listed = alone(Command::new(bin.join(program)).args(["mcp", "list"]).env("PATH", path));
    // Whoever connected has started a server, which goes on.
    let note = fs::read_to_string(data.join("server.json")).unwrap_or_default();
    if let Some(pid) =
        serde_json::from_str::<serde_json::Value>(&note).ok().and_then(|it| it["pid"].as_i64())
    {
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
