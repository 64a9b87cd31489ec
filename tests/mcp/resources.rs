//! Tasks as resources, being told of them, and the prompts.

use serde_json::{Value, json};

use super::{Era, Peer, together};

#[test]
fn a_task_its_log_its_report_and_its_files_can_be_read() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Current);
    let code = "import errand\nopen('a b.bin', 'wb').write(bytes([255, 0]))\nerrand.publish('a b.bin')\nresult = 1";
    let id = server.agent().submit(&json!({"executor": "python", "input": {"code": code}}));
    server.agent().finish(&id);
    let read = |tail: &str| {
        let uri = format!("task://{id}{tail}");
        peer.ask("resources/read", json!({ "uri": uri })).result()["contents"][0].clone()
    };
    let task: Value = serde_json::from_str(read("")["text"].as_str().expect("text")).expect("JSON");
    assert_eq!((&task["id"], &task["status"]), (&json!(id), &json!("completed")));
    let log: Value =
        serde_json::from_str(read("/events")["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(log["items"][0]["kind"], "submitted");
    let report = read("/report");
    assert_eq!(report["mimeType"], "text/markdown");
    assert!(
        report["text"]
            .as_str()
            .is_some_and(|text| text.contains("\"result\": 1") && text.contains("a b.bin"))
    );
    assert_eq!(read("/artifacts/a%20b.bin")["blob"], "/wA=");
    let listed = peer.ask("resources/list", json!({}));
    let resources = listed.result()["resources"].as_array().expect("a list");
    assert!(
        !resources.is_empty() && resources.iter().all(|it| it["mimeType"] == "application/json")
    );
    let completed = peer.ask(
        "completion/complete",
        json!({"ref": {"type": "ref/resource", "uri": "task://{id}"}, "argument": {"name": "id", "value": &id[..20]}}),
    );
    assert!(completed.result()["completion"]["values"].is_array(), "{completed:?}");
    for uri in ["task://01aaaaaaaaaaaaaaaaaaaaaaaa", "task://x/../y", "file:///etc/passwd"] {
        let missing = peer.ask("resources/read", json!({ "uri": uri }));
        assert_eq!(missing.error()["code"], -32602, "{uri}");
        assert_eq!(missing.error()["data"]["uri"], uri);
    }
}

#[test]
fn a_session_is_told_of_the_task_that_it_follows() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Sessions("2025-11-25"));
    let mut stream = peer.listen();
    let code = "import errand; errand.wait_signal('go')";
    let id = server.agent().submit(&json!({"executor": "python", "input": {"code": code}}));
    server.agent().follow(&id, &[]).until_event("waiting");
    let uri = format!("task://{id}");
    peer.ask("resources/subscribe", json!({ "uri": uri })).result();
    server.agent().post(&format!("/v1/tasks/{id}/signals"), &json!({"name": "go"})).expect(202);
    let told = stream.until(|said| said["method"] == "notifications/resources/updated");
    assert_eq!(told["params"]["uri"], uri);
    peer.ask("resources/unsubscribe", json!({ "uri": uri })).result();
    let missing =
        peer.ask("resources/subscribe", json!({"uri": "task://01aaaaaaaaaaaaaaaaaaaaaaaa"}));
    assert_eq!(missing.error()["code"], -32002);
}

#[test]
fn the_prompts_are_the_three_workflows() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Current);
    let prompts = peer.ask("prompts/list", json!({})).result()["prompts"].clone();
    let names: Vec<_> =
        prompts.as_array().expect("a list").iter().map(|prompt| prompt["name"].clone()).collect();
    assert_eq!(names, ["compliance", "build_and_test", "release_check"]);
    for name in names {
        let prompt =
            peer.ask("prompts/get", json!({"name": name, "arguments": {"repo": "/srv/shop"}}));
        let text =
            prompt.result()["messages"][0]["content"]["text"].as_str().expect("text").to_owned();
        assert!(text.contains("\"repo\": \"/srv/shop\"") && text.contains("submit_task"), "{text}");
        let missing = peer.ask("prompts/get", json!({ "name": name }));
        assert_eq!(missing.error()["code"], -32602);
    }
}
