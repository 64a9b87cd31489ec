//! The tasks extension of the current revision: a long call is answered with a task of the store's.

use serde_json::{Value, json};

use super::{Era, Peer, server, together};
use crate::harness::{Client, Server};

const GATE: &str =
    "import errand\nerrand.progress(2, 5, 'halfway')\nresult = errand.wait_signal('go')";

fn started(peer: &Peer, code: &str) -> String {
    let said = peer.call("submit_task", json!({"executor": "python", "input": {"code": code}}));
    assert_eq!(said.result()["resultType"], "task", "{said:?}");
    assert!(
        said.result()["ttlMs"].is_null() && said.result()["pollIntervalMs"].is_u64(),
        "{said:?}"
    );
    said.result()["taskId"].as_str().expect("a task").to_owned()
}

/// Looks until a task is at a status, as often as it says.
fn until(peer: &Peer, id: &str, status: &str) -> Value {
    loop {
        let task = peer.ask("tasks/get", json!({"taskId": id})).result().clone();
        if task["status"] == status {
            return task;
        }
        assert!(
            ["working", "input_required"].contains(&task["status"].as_str().unwrap_or("")),
            "{task}"
        );
        let pause = task["pollIntervalMs"].as_u64().expect("it says when to look again");
        std::thread::sleep(std::time::Duration::from_millis(pause));
    }
}

#[test]
fn a_task_outlives_the_server_that_answered_with_it() {
    let server = server(&["python"]);
    let peer = Peer::with_tasks(&server, &server.agent_token());
    let id = started(&peer, GATE);
    server.agent().follow(&id, &[]).until_event("waiting");
    let task = peer.ask("tasks/get", json!({"taskId": id})).result().clone();
    assert_eq!(task["status"], "working");
    assert_eq!(task["statusMessage"], "waiting for signal, 2 of 5: halfway");

    let other = started(&peer, "result = 'there'");
    let server = Server::start_on(server.kill(), &[]);
    let peer = Peer::with_tasks(&server, &server.agent_token());
    let ended = until(&peer, &other, "completed");
    assert_eq!(ended["result"]["structuredContent"]["output"]["result"], "there");
    server
        .agent()
        .post(&format!("/v1/tasks/{id}/signals"), &json!({"name": "go", "payload": 7}))
        .expect(202);
    let ended = until(&peer, &id, "completed");
    assert_eq!(ended["result"]["structuredContent"]["output"]["result"], 7);
    assert_eq!(ended["result"]["isError"], false);
}

#[test]
fn a_failure_is_a_result_and_a_crash_is_none() {
    let server = together();
    let peer = Peer::with_tasks(server, &server.agent_token());
    let id = started(&peer, "raise ValueError('no')");
    let ended = until(&peer, &id, "completed");
    assert_eq!(ended["result"]["isError"], true);
    let error = &ended["result"]["structuredContent"]["error"];
    assert_eq!(error["code"], "executor_failed", "{ended}");
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("ValueError: no")),
        "{error}"
    );

    let request = json!({"executor": "probe", "input": {"do": "trap", "how": "unreachable"}, "retry": {"max_attempts": 1}});
    let said = peer.call("submit_task", request);
    let id = said.result()["taskId"].as_str().expect("a task").to_owned();
    let ended = until(&peer, &id, "failed");
    assert_eq!(ended["error"]["code"], -32603, "{ended}");
    assert_eq!(ended["error"]["data"]["error"]["code"], "trap");
    assert!(ended.get("result").is_none());
}

#[test]
fn a_cancelled_task_is_cancelled_however_often() {
    let server = together();
    let peer = Peer::with_tasks(server, &server.agent_token());
    let id = started(&peer, GATE);
    for _ in 0..2 {
        let ack = peer.ask("tasks/cancel", json!({"taskId": id}));
        assert_eq!(ack.result()["resultType"], "complete");
        assert_eq!(until(&peer, &id, "cancelled")["taskId"], id);
    }
}

#[test]
fn a_task_is_known_to_whoever_started_it_alone() {
    let server = together();
    let peer = Peer::with_tasks(server, &server.agent_token());
    let id = started(&peer, GATE);
    let made = server.operator().post(
        "/v1/tokens",
        &json!({"name": "other", "namespace": "default", "rights": ["read", "submit"]}),
    );
    let token = made.expect(201)["token"].as_str().expect("a token").to_owned();
    let other = Peer::with_tasks(server, &token);
    let elsewhere = server.operator().post(
        "/v1/tokens",
        &json!({"name": "elsewhere", "namespace": "elsewhere", "rights": ["read", "submit"]}),
    );
    let token = elsewhere.expect(201)["token"].as_str().expect("a token").to_owned();
    let elsewhere = Peer::with_tasks(server, &token);
    for (who, id) in [
        (&other, id.as_str()),
        (&elsewhere, &id),
        (&peer, "01aaaaaaaaaaaaaaaaaaaaaaaa"),
        (&peer, "x"),
    ] {
        for (method, params) in [
            ("tasks/get", json!({"taskId": id})),
            ("tasks/cancel", json!({"taskId": id})),
            ("tasks/update", json!({"taskId": id, "inputResponses": {}})),
        ] {
            let said = who.ask(method, params);
            if said.messages.is_empty() {
                // A name that can be no header is refused before it is read.
                assert_eq!(said.status, 400);
                continue;
            }
            let code = said.error()["code"].as_i64().expect("a code");
            assert!([-32602, -32020].contains(&code), "{method} of {id:?}: {said:?}");
        }
    }
    let gone = elsewhere.call("get_task", json!({"task_id": id}));
    assert_eq!(gone.result()["isError"], true, "another namespace's task is none");
    assert_eq!(server.agent().get(&format!("/v1/tasks/{id}")).expect(200)["status"], "waiting");
}

#[test]
fn who_does_not_take_tasks_is_answered_with_none() {
    let server = together();
    let with = Peer::with_tasks(server, &server.agent_token());
    let id = started(&with, GATE);
    let without = Peer::new(server, &server.agent_token(), Era::Current);
    let said = without.call("submit_task", json!({"executor": "python", "input": {"code": "1"}}));
    assert_eq!(said.result()["resultType"], "complete");
    let refused = without.ask("tasks/get", json!({"taskId": id}));
    assert_eq!(refused.error()["code"], -32021, "{refused:?}");
    assert!(
        refused.error()["data"]["requiredCapabilities"]["extensions"]["io.modelcontextprotocol/tasks"].is_object(),
        "{refused:?}"
    );
    // Of an older revision the extension is no part, whatever the client says.
    let client = Client::new(server.url(), &server.agent_token());
    let old = Peer::with(client, Era::Sessions("2025-11-25"), with.capabilities.clone());
    let said = old.call("submit_task", json!({"executor": "python", "input": {"code": "1"}}));
    assert!(said.structured()["task_id"].is_string(), "{said:?}");
    assert_eq!(said.result().get("resultType"), None);
}
