//! The plain tools, in every revision.

use serde_json::{Value, json};

use super::{Era, Peer, server, together};

const ERAS: [Era; 3] = [Era::Sessions("2025-06-18"), Era::Sessions("2025-11-25"), Era::Current];

#[test]
fn a_task_is_submitted_watched_and_read_in_every_revision() {
    let server = together();
    for era in ERAS {
        let peer = Peer::new(server, &server.agent_token(), era);
        let code = "import errand, sys\nprint('hello')\nopen('out.txt', 'w').write('é' * 3)\nerrand.publish('out.txt')\nresult = errand.input['n'] * 2";
        let request = json!({"executor": "python", "input": {"code": code, "n": 21}, "idempotency_key": format!("{era:?} {}", std::process::id())});
        let submitted = peer.call("submit_task", request.clone());
        let id = submitted.structured()["task_id"].as_str().expect("a task").to_owned();
        assert_eq!(peer.call("submit_task", request).structured()["task_id"], id, "{era:?}");

        let ended = peer.call("wait_for_task", json!({"task_id": id, "timeout_s": 60}));
        assert_eq!(ended.structured()["status"], "completed", "{era:?}");
        assert_eq!(ended.structured()["output"]["result"], 42);
        let text = ended.result()["content"][0]["text"].as_str().expect("it is text as well");
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), *ended.structured());
        let result = peer.call("get_task_result", json!({"task_id": id}));
        assert_eq!(result.structured()["output"]["stdout"], "hello\n");

        let listed = peer.call("list_tasks", json!({"executor": "python", "limit": 500}));
        let items = listed.structured()["items"].as_array().expect("a list");
        assert!(items.iter().any(|item| item["task_id"] == id), "{listed:?}");
        let events = peer.call("get_task_events", json!({"task_id": id, "limit": 2}));
        assert_eq!(events.structured()["items"][0]["kind"], "submitted");
        let more = peer
            .call("get_task_events", json!({"task_id": id, "after": events.structured()["after"]}));
        assert_eq!(more.structured()["items"][0]["seq"], 3);
        let files = peer.call("list_artifacts", json!({"task_id": id}));
        assert_eq!(files.structured()["items"][0]["path"], "out.txt");
        let read = |offset: u64, most: u64| {
            let arguments =
                json!({"task_id": id, "path": "out.txt", "offset": offset, "max_bytes": most});
            peer.call("read_artifact", arguments).structured().clone()
        };
        assert_eq!(read(0, 100)["text"], "ééé");
        let part = read(0, 3);
        assert_eq!(
            (&part["text"], &part["next_offset"]),
            (&json!("é"), &json!(2)),
            "cut between characters"
        );
    }
}

#[test]
fn functions_of_executors_are_tools_and_changes_of_them_are_told() {
    let server = server(&["wordcount"]);
    let peer = Peer::new(&server, &server.agent_token(), Era::Current);
    let tools = peer.ask("tools/list", json!({})).result()["tools"].clone();
    let tools = tools.as_array().expect("tools are a list");
    for tool in tools {
        let name = tool["name"].as_str().expect("a name");
        assert!(
            name.len() <= 48 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
            "{name}"
        );
        for (schema, what) in [(&tool["inputSchema"], "input"), (&tool["outputSchema"], "output")] {
            assert_eq!(schema["type"], "object", "the {what} of {name}: {schema}");
        }
        for field in ["title", "description", "annotations"] {
            assert!(!tool[field].is_null(), "{name} has no {field}");
        }
        assert!(!name.contains("approve") && !name.contains("decide"), "no tool approves: {name}");
    }
    let judge = tools.iter().find(|tool| tool["name"] == "wordcount_judge").expect("a function");
    assert!(judge["inputSchema"]["properties"]["text"].is_object(), "{judge}");
    let judged = peer.call("wordcount_judge", json!({"text": "So it is."}));
    assert!(!judged.structured()["output"].is_null(), "{judged:?}");

    // Of a client with a session the server tells by itself.
    let session = Peer::new(&server, &server.agent_token(), Era::Sessions("2025-11-25"));
    let mut stream = session.listen();
    server.operator().upload("second", &crate::harness::plugin("wordcount")).expect(201);
    assert_eq!(
        stream.until(|said| said["method"] == "notifications/tools/list_changed")["jsonrpc"],
        "2.0"
    );
}

#[test]
fn what_a_task_is_not_done_with_is_no_error_and_progress_is_told() {
    let server = together();
    for era in ERAS {
        let peer = Peer::new(server, &server.agent_token(), era);
        let code = "import errand\nerrand.progress(1, 3, 'one')\nerrand.wait_signal('go')\nerrand.progress(3, 3, 'all')";
        let said = peer.ask(
            "tools/call",
            json!({"name": "python", "arguments": {"code": code}, "_meta": {"progressToken": "p"}}),
        );
        let id = said.structured()["task_id"].as_str().expect("a task").to_owned();
        assert_eq!(
            said.structured()["status"],
            "waiting",
            "{era:?}: it is answered while the task waits"
        );
        assert_eq!(said.structured()["progress"]["done"], 1);
        let told: Vec<&Value> =
            said.messages.iter().filter(|it| it["method"] == "notifications/progress").collect();
        assert_eq!(told[0]["params"]["progressToken"], "p", "{era:?}");
        assert_eq!(
            (&told[0]["params"]["total"], &told[0]["params"]["message"]),
            (&json!(3.0), &json!("one"))
        );

        assert_eq!(
            peer.call("send_signal", json!({"task_id": id, "name": "go"})).structured()["task_id"],
            id
        );
        let ended = peer.call("wait_for_task", json!({"task_id": id, "timeout_s": 60}));
        assert_eq!(ended.structured()["status"], "completed");
    }
}

#[test]
fn a_task_can_be_cancelled_retried_and_put_off() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Current);
    let later = peer.call(
        "schedule_task",
        json!({"task": {"executor": "python", "input": {"code": "result = 1"}}, "delay_ms": 3_600_000}),
    );
    let id = later.structured()["task_id"].clone();
    assert_eq!(peer.call("get_task", json!({"task_id": id})).structured()["status"], "queued");
    let cancelled = peer.call("cancel_task", json!({"task_id": id, "reason": "not needed"}));
    assert_eq!(cancelled.structured()["status"], "cancelled");
    let result = peer.call("get_task_result", json!({"task_id": id}));
    assert_eq!(result.result()["isError"], true, "it came to nothing");
    let error = &result.result()["structuredContent"]["error"];
    assert_eq!(error["code"], "cancelled");
    assert_eq!(peer.call("retry_task", json!({"task_id": id})).structured()["status"], "queued");
    let ended = peer.call("wait_for_task", json!({"task_id": id, "timeout_s": 60}));
    assert_eq!(ended.structured()["output"]["result"], 1);
}

#[test]
fn arguments_that_are_null_are_left_out() {
    let server = together();
    let peer = Peer::new(server, &server.agent_token(), Era::Current);
    let submitted = peer.call(
        "submit_task",
        json!({"executor": "python", "input": {"code": "1"}, "workspace": null, "limits": null, "artifacts": null, "notify": null}),
    );
    let id = submitted.structured()["task_id"].clone();
    let waited = peer.call("wait_for_task", json!({"task_id": id, "timeout_s": null}));
    assert!(waited.structured()["status"].is_string(), "{waited:?}");
}

#[test]
fn a_burst_of_calls_loses_no_task_and_starves_nobody() {
    const CALLS: usize = 1_000;
    let server = server(&[]);
    server.operator().upload("noop", &crate::harness::plugin("test/noop")).expect(201);
    let token = server.agent_token();
    let submitted = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..20)
            .map(|caller| {
                let (server, token) = (&server, &token);
                scope.spawn(move || {
                    let peer = Peer::new(server, token, Era::Current);
                    (0..CALLS / 20)
                        .map(|call| {
                            let key = format!("{caller}-{call}");
                            let request = json!({"executor": "noop", "idempotency_key": key});
                            peer.call("submit_task", request).structured()["task_id"].to_string()
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        // Another caller meanwhile.
        let other = Peer::new(&server, &token, Era::Sessions("2025-11-25"));
        for _ in 0..20 {
            assert!(other.call("list_executors", json!({})).structured()["items"].is_array());
        }
        callers.into_iter().flat_map(|caller| caller.join().expect("it ends")).collect::<Vec<_>>()
    });
    let distinct: std::collections::HashSet<_> = submitted.iter().collect();
    assert_eq!(distinct.len(), CALLS);
    for id in &submitted {
        assert_eq!(server.agent().finish(id.trim_matches('"'))["status"], "completed");
    }
}
