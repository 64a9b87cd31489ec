//! Tasks that wait for a person: what their client is told, and whose answers count.

use serde_json::{Value, json};

use super::{Era, Peer, together};
use crate::harness::{Client, Server};

const ASKS: &str = r#"
import errand
d = errand.approve("Scale it?", "It **costs**.", schema={"type": "object", "properties": {"n": {"type": "integer", "maximum": 4}}, "required": ["n"]})
result = [d.verdict, d.by, d.values]
"#;

fn peer(server: &Server, token: &str, era: Era, capabilities: Value) -> Peer {
    Peer::with(Client::new(server.url(), token), era, capabilities)
}

fn decided(server: &Server, id: &str) -> Value {
    server.agent().get(&format!("/v1/approvals/{id}.1")).expect(200)["decided"].clone()
}

#[test]
fn an_agents_user_is_sent_to_the_page_and_the_command() {
    let server = together();
    let plain = Peer::new(server, &server.agent_token(), Era::Current);
    let said = plain.call("python", json!({"code": ASKS}));
    assert_eq!(said.result()["resultType"], "complete", "the client can ask nobody");
    let id = said.structured()["task_id"].as_str().expect("a task").to_owned();
    let approval = &said.structured()["approvals"][0];
    assert_eq!(approval["url"], format!("{}/approvals/{id}.1", server.url()));
    assert_eq!(approval["command"], format!("errand approve {id}.1"));

    let capabilities = json!({"elicitation": {"url": {}, "form": {}}});
    let able = peer(server, &server.agent_token(), Era::Current, capabilities);
    let said = able.call("wait_for_task", json!({"task_id": id}));
    assert_eq!(said.result()["resultType"], "input_required", "{said:?}");
    let request = &said.result()["inputRequests"][format!("{id}.1")];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["mode"], "url", "an agent's token may not decide: {request}");
    assert_eq!(request["params"]["url"], approval["url"]);
    assert!(request["params"].get("requestedSchema").is_none());

    // That the user went there is no yes.
    let state = said.result()["requestState"].clone();
    let responses = json!({format!("{id}.1"): {"action": "accept", "content": {"n": 1}}});
    let went = able.ask(
        "tools/call",
        json!({"name": "wait_for_task", "arguments": {"task_id": id}, "inputResponses": responses, "requestState": state}),
    );
    assert_eq!(went.structured()["status"], "waiting", "{went:?}");
    assert_eq!(decided(server, &id), Value::Null);
    server
        .operator()
        .post(&format!("/v1/approvals/{id}.1"), &json!({"decision": "approve", "values": {"n": 2}}))
        .expect(200);
    let ended = able.call("wait_for_task", json!({"task_id": id, "timeout_s": 60}));
    assert_eq!(ended.structured()["output"]["result"], json!(["approved", "operator", {"n": 2}]));
}

#[test]
fn where_the_operator_lets_it_a_form_is_an_answer_and_is_recorded_with_its_door() {
    let server = together();
    let capabilities = json!({"elicitation": {"form": {}}});
    let able = peer(server, &server.operator_token(), Era::Current, capabilities);
    let said = able.call("python", json!({"code": ASKS}));
    let (key, request) =
        said.result()["inputRequests"].as_object().expect("questions").iter().next().expect("one");
    assert_eq!(request["params"]["requestedSchema"]["properties"]["n"]["type"], "integer");
    let id = key.trim_end_matches(".1").to_owned();
    let state = said.result()["requestState"].as_str().expect("a state").to_owned();
    let retry = |state: &str, content: Value| {
        let responses = json!({key: {"action": "accept", "content": content}});
        able.ask(
            "tools/call",
            json!({"name": "python", "arguments": {"code": ASKS}, "inputResponses": responses, "requestState": state}),
        )
    };
    for forged in [format!("{state}x"), "rs1.AAAA.AAAA".to_owned(), String::new()] {
        assert_eq!(retry(&forged, json!({"n": 1})).error()["code"], -32602, "{forged}");
    }
    // Somebody else's, and another tool's.
    let other = peer(server, &server.agent_token(), Era::Current, able.capabilities.clone());
    let stolen =
        other.ask("tools/call", json!({"name": "python", "arguments": {}, "requestState": state}));
    assert_eq!(stolen.error()["code"], -32602);
    let moved = able.ask(
        "tools/call",
        json!({"name": "wait_for_task", "arguments": {}, "requestState": state}),
    );
    assert_eq!(moved.error()["code"], -32602);

    let wrong = retry(&state, json!({"n": 9}));
    assert_eq!(wrong.error()["code"], -32602, "{wrong:?}");
    assert!(
        wrong.error()["message"].as_str().is_some_and(|text| text.contains("maximum of 4")),
        "{wrong:?}"
    );
    assert_eq!(retry(&state, json!({"n": 3})).error()["code"], -32602, "a state is good once");

    let again = able.call("wait_for_task", json!({"task_id": id}));
    let state = again.result()["requestState"].as_str().expect("a new state").to_owned();
    let responses = json!({key: {"action": "accept", "content": {"n": 3}}});
    let done = able.ask(
        "tools/call",
        json!({"name": "wait_for_task", "arguments": {"task_id": id}, "inputResponses": responses, "requestState": state}),
    );
    assert_eq!(
        done.structured()["output"]["result"],
        json!(["approved", "operator", {"n": 3}]),
        "{done:?}"
    );
    assert_eq!(decided(server, &id)["via"], "mcp");
}

#[test]
fn to_decline_and_to_close_are_a_no_in_a_task() {
    let server = together();
    for (token, action) in [
        (server.agent_token(), "decline"),
        (server.agent_token(), "cancel"),
        (server.operator_token(), "decline"),
    ] {
        let capabilities = json!({
            "elicitation": {"url": {}, "form": {}}, "extensions": {"io.modelcontextprotocol/tasks": {}},
        });
        let able = peer(server, &token, Era::Current, capabilities);
        let said = able.call("submit_task", json!({"executor": "python", "input": {"code": ASKS}}));
        let id = said.result()["taskId"].as_str().expect("a task").to_owned();
        server.agent().follow(&id, &[]).until_event("waiting");
        let task = able.ask("tasks/get", json!({"taskId": id})).result().clone();
        assert_eq!(task["status"], "input_required", "{task}");
        let key = format!("{id}.1");
        assert!(task["inputRequests"][&key].is_object(), "{task}");
        let responses = json!({&key: {"action": action}, "nothing": {"action": "accept"}});
        let ack = able.ask("tasks/update", json!({"taskId": id, "inputResponses": responses}));
        assert_eq!(ack.result()["resultType"], "complete", "{ack:?}");
        let ended = server.agent().finish(&id);
        assert_eq!(ended["output"]["result"][0], "denied", "{ended}");
        assert_eq!(decided(server, &id)["via"], "mcp");
    }
}

#[test]
fn a_child_that_asks_makes_its_parent_wait_for_the_person() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Sessions("2025-06-18"));
    let code = format!(
        "import errand\nresult = errand.gather([errand.spawn('python', {{'code': {ASKS:?}}})])"
    );
    let said = peer.call("submit_task", json!({"executor": "python", "input": {"code": code}}));
    let id = said.structured()["task_id"].as_str().expect("a task").to_owned();
    let said = peer.call("wait_for_task", json!({"task_id": id, "timeout_s": 60}));
    assert_eq!(said.structured()["waiting_for"], "children");
    let approval =
        said.structured()["approvals"][0]["id"].as_str().expect("the child's").to_owned();
    assert!(!approval.starts_with(&id), "{approval}");
    server
        .operator()
        .post(&format!("/v1/approvals/{approval}"), &json!({"decision": "deny"}))
        .expect(200);
    let ended = peer.call("wait_for_task", json!({"task_id": id, "timeout_s": 60}));
    assert_eq!(ended.structured()["output"]["result"][0]["result"][0], "denied", "{ended:?}");
}
