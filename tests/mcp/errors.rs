//! What is wrong with a message or a call, and the error that the specification names for it.

use serde_json::json;

use super::peer::CURRENT;
use super::{Era, Peer, together};
use crate::harness::Client;

#[test]
fn nobody_is_answered_without_a_token_or_from_elsewhere() {
    let server = together();
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let headers =
        [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let anonymous = Client::anonymous(server.url());
    let refused = anonymous.send_with("POST", "/mcp", &headers, hello.as_bytes());
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").is_some_and(|how| how.starts_with("Bearer")));
    let agent = server.agent();
    for (name, value) in [("origin", "http://evil.example"), ("host", "evil.example")] {
        let mut headers = headers.to_vec();
        headers.push((name, value));
        let refused = agent.send_with("POST", "/mcp", &headers, hello.as_bytes());
        assert_eq!(refused.status, 403, "{name}: {value}");
    }
}

#[test]
fn a_session_is_its_owners_and_ends() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Sessions("2025-11-25"));
    let listing = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-session-id", peer.session()),
    ];
    let stolen = server.operator().send_with("POST", "/mcp", &headers, listing.as_bytes());
    assert_eq!(stolen.status, 404, "a session's id is no credential");
    let agent = server.agent();
    assert_eq!(agent.send_with("POST", "/mcp", &headers, listing.as_bytes()).status, 200);
    assert_eq!(agent.ask("DELETE", "/mcp", &headers[1..]).status, 204);
    assert_eq!(agent.send_with("POST", "/mcp", &headers, listing.as_bytes()).status, 404);
}

#[test]
fn revisions_that_are_not_spoken_are_named() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Current);
    let params = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2031-01-01",
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2031-01-01"),
        ("mcp-method", "tools/list"),
    ];
    let refused = server.agent().send_with("POST", "/mcp", &headers, body.as_bytes());
    assert_eq!(refused.status, 400);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], -32022, "{error}");
    assert_eq!(error["data"]["supported"], json!(["2025-06-18", "2025-11-25", CURRENT]), "{error}");
    // One that begins a session is offered what there is.
    let begun = peer.ask_raw(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    assert_eq!(begun.status, 400, "a message of the current revision says all of itself");
}

#[test]
fn what_is_wrong_with_a_call_is_told_to_the_model() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Current);
    let listed = peer.ask("tools/list", json!({}));
    let tools = listed.result()["tools"].as_array().expect("tools");
    let refused = |tool: &str, arguments| {
        let said = peer.call(tool, arguments);
        let result = said.result().clone();
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert!(!result["content"][0]["text"].as_str().expect("text").is_empty());
        // There are clients that show a fault of the schema instead of the error.
        let tool = tools.iter().find(|it| it["name"] == tool).expect("it is listed");
        let fits = jsonschema::options().offline().build(&tool["outputSchema"]).expect("a schema");
        let why = fits.iter_errors(&result["structuredContent"]).next();
        assert!(why.is_none(), "{why:?}: {result}");
        result["structuredContent"].clone()
    };
    let wrong =
        refused("submit_task", json!({"executor": "python", "inputs": 1, "priority": "high"}));
    assert_eq!(wrong["code"], "invalid");
    let pointers: Vec<_> = wrong["errors"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| fault["pointer"].clone())
        .collect();
    assert!(
        pointers.contains(&json!("/inputs")) && pointers.contains(&json!("/priority")),
        "{wrong}"
    );
    assert_eq!(refused("submit_task", json!({"executor": "nobody"}))["code"], "invalid");
    let wrong = refused("python", json!({"code": 7}));
    assert_eq!(wrong["errors"][0]["pointer"], "/input/code", "{wrong}");
    assert_eq!(refused("get_task", json!({}))["code"], "invalid");
    assert_eq!(refused("get_task", json!({"task_id": "x"}))["code"], "not_found");
    assert_eq!(
        refused("wait_for_task", json!({"task_id": "x", "timeout_s": -1}))["code"],
        "invalid"
    );
    assert_eq!(refused("list_tasks", json!({"limit": 0}))["code"], "invalid");
    assert_eq!(refused("list_tasks", json!({"cursor": "x"}))["code"], "invalid");
    let cron = json!({"task": {"executor": "python"}, "cron": "* * * * *"});
    assert_eq!(refused("schedule_task", cron)["code"], "unsupported");
    assert_eq!(
        refused("schedule_task", json!({"task": {"executor": "python"}}))["code"],
        "invalid"
    );

    let unknown = peer.call("no_such_tool", json!({}));
    assert_eq!(unknown.error()["code"], -32602, "an unknown tool is no tool's failure");
}

#[test]
fn an_argument_that_is_too_large_is_refused_and_the_server_goes_on() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Current);
    let large = "x".repeat(10 << 20);
    let said = peer.call("submit_task", json!({"executor": "python", "input": {"code": large}}));
    assert_eq!(said.status, 413);
    assert_eq!(said.error()["code"], -32600);
    assert_eq!(said.error()["data"]["code"], "too_large");
    assert!(peer.call("list_tasks", json!({})).structured()["items"].is_array());
}
