//! The conformance suite of MCP, against a server whose executors are the tools that it wants to find.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Server, plugin, release_dir};

/// Where the wasm has room for a name.
const MARK: &[u8] = b"conformance-fixture:";

/// The tools, each an executor.
const FIXTURES: [&str; 25] = [
    "greet",
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
    "multi_input",
    "test_tool_with_task",
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_elicitation",
    "test_streaming_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_input_required_result_multi_round",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_input_required_result_elicitation",
    "json_schema_2020_12_tool",
];

/// What passes a token to the server for each request, as the suite has no way to.
struct Door(Child);

impl Door {
    fn open(server: &Server) -> (Self, String) {
        let mut door = Command::new(suite().join("node_modules/node/bin/node"))
            .arg(here().join("door.mjs"))
            .args([server.url(), &server.operator_token()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let mut port = String::new();
        let out = door.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut port).expect("it says its port");
        (Self(door), format!("http://127.0.0.1:{}/mcp", port.trim()))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn suite() -> PathBuf {
    let suite = release_dir().join("../mcp/conformance");
    assert!(suite.join("installed").exists(), "it is missing: run `make mcp`");
    suite
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mcp/conformance")
}

fn passes(flags: &[&str]) {
    let server = Server::start();
    let operator = server.operator();
    let wasm = plugin("test/conformance");
    let at = wasm.windows(MARK.len()).position(|bytes| bytes == MARK).expect("it has the mark");
    for name in FIXTURES {
        let mut named = wasm.clone();
        named[at + MARK.len()..][..name.len()].copy_from_slice(name.as_bytes());
        operator.upload(name, &named).expect(201);
    }
    let (_door, url) = Door::open(&server);
    let results = tempfile::tempdir().expect("a temporary directory can be made");
    let ran = Command::new(suite().join("node_modules/node/bin/node"))
        .arg(suite().join("node_modules/@modelcontextprotocol/conformance/dist/index.js"))
        .args(["server", "--url", &url, "--output-dir"])
        .arg(results.path())
        .args(flags)
        .output()
        .expect("node runs");
    let out = String::from_utf8_lossy(&ran.stdout);
    let summary = out.split_once("=== SUMMARY ===").map_or(&*out, |(_, summary)| summary);
    assert!(ran.status.success(), "{summary}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(summary.contains(" passed, 0 failed"), "scenarios were run:\n{summary}");
}

#[test]
fn the_current_revision_is_spoken_with_its_tasks() {
    let expected = here().join("expected-2026-07-28.yml");
    let expected = expected.to_str().expect("it is text");
    passes(&["--requirements", "2026-07-28", "--expected-failures", expected]);
}

#[test]
fn last_years_revision_is_spoken() {
    let expected = here().join("expected-2025-11-25.yml");
    let expected = expected.to_str().expect("it is text");
    passes(&["--suite", "all", "--spec-version", "2025-11-25", "--expected-failures", expected]);
}
