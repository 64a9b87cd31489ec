//! What the way over MCP costs above REST.

use std::time::Instant;

use serde_json::json;

use crate::harness::{Client, Server, plugin};
use crate::report::{Figure, percentile};

/// Submissions by each way.
const SUBMITS: usize = 2_000;

/// One client, one connection: a submission over each in turn.
pub(crate) fn submit_over_mcp() -> Vec<Figure> {
    let server = Server::start_with(&["--slots", "1"]);
    server.operator().upload("noop", &plugin("test/noop")).expect(201);
    server.operator().send("/v1/queue/pause", "application/json", b"").expect(200);
    let agent = server.agent();
    let (mut rest, mut mcp) = (Vec::new(), Vec::new());
    for _ in 0..SUBMITS {
        let began = Instant::now();
        agent.submit(&json!({"executor": "noop", "input": {}}));
        rest.push(began.elapsed().as_secs_f64() * 1_000.0);
        let began = Instant::now();
        call(&agent);
        mcp.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let (rest, mcp) = (percentile(&mut rest, 50.0), percentile(&mut mcp, 50.0));
    vec![
        Figure::new("submit over REST, one connection, p50", rest, "ms"),
        Figure::new("submit_task over MCP, one connection, p50", mcp, "ms"),
        Figure::new("submit_task over MCP against REST", mcp / rest, "×").at_most(1.5),
    ]
}

fn call(agent: &Client) {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "submit_task", "arguments": {"executor": "noop", "input": {}}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }});
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "submit_task"),
    ];
    let answer = agent.send_with("POST", "/mcp", &headers, message.to_string().as_bytes());
    assert!(String::from_utf8_lossy(&answer.bytes).contains("task_id"), "{}", answer.status);
}
