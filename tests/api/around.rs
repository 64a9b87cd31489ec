//! Tasks and those around them: signals, children, people, conversations; and what is wrong to ask of them.

use serde_json::{Value, json};

use crate::harness::{Client, Server, archive, plugin, shared};

/// Somebody who may submit, on a server that has what these tests run.
fn agent() -> Client {
    assert_eq!((shared::probe(), shared::python()), ("probe", "python"));
    shared::agent()
}

/// Performs one action of the probe and answers what it did.
fn probe(action: &Value) -> Value {
    let task = agent().run("probe", action);
    assert_eq!(task["status"], "completed", "{task}");
    task["output"].clone()
}

fn submit(client: &Client, action: &Value) -> String {
    client.submit(&json!({"executor": "probe", "input": action}))
}

/// Performs steps of the probe in one task.
fn steps(client: &Client, steps: &[Value]) -> Value {
    let task = client.run("probe", &json!({"do": "program", "steps": steps, "transcript": true}));
    assert_eq!(task["status"], "completed", "{task}");
    task["output"]["transcript"].clone()
}

fn until_waiting(client: &Client, id: &str) {
    loop {
        let task = client.get(&format!("/v1/tasks/{id}?wait_ms=60000")).expect(200);
        match task["status"].as_str() {
            Some("waiting") => return,
            Some("queued" | "running") => {}
            _ => panic!("it did not wait: {task}"),
        }
    }
}

fn python(client: &Client, code: &str) -> Value {
    let task = client.run("python", &json!({ "code": code }));
    assert_eq!(task["status"], "completed", "{task}");
    task["output"]["result"].clone()
}

#[test]
fn signals_are_taken_by_name_in_their_order_whether_sent_before_or_after() {
    let client = agent();
    let wait = |name: &str| json!({"do": "signal_wait", "name": name});
    let id = submit(
        &client,
        &json!({"do": "program", "transcript": true, "steps": [
            wait("begin"), {"do": "signal_poll", "name": "b"}, wait("a"), wait("a"), wait("end"),
            {"do": "signal_poll", "name": "a"},
        ]}),
    );
    let send = |name: &str, payload: Value| {
        let body = json!({"name": name, "payload": payload});
        client.post(&format!("/v1/tasks/{id}/signals"), &body).expect(202);
    };
    until_waiting(&client, &id);
    send("b", json!(null));
    send("a", json!({"n": 1}));
    send("begin", json!("go"));
    send("a", json!({"n": 2}));
    until_waiting(&client, &id);
    client.post(&format!("/v1/tasks/{id}/signals"), &json!({"name": "end"})).expect(202);
    let task = client.finish(&id);
    let expected = json!([
        {"ok": "go"}, {"ok": null}, {"ok": {"n": 1}}, {"ok": {"n": 2}}, {"ok": null}, {"ok": null},
    ]);
    assert_eq!(task["output"]["transcript"], expected, "{task}");
    let late = client.post(&format!("/v1/tasks/{id}/signals"), &json!({"name": "a"}));
    late.problem(409, "conflict");
}

#[test]
fn a_signal_that_is_none_is_refused_with_what_is_wrong() {
    let client = agent();
    let id = submit(&client, &json!({"do": "signal_wait", "name": "x"}));
    let path = format!("/v1/tasks/{id}/signals");
    let long = "x".repeat(300_000);
    for (body, pointer) in [
        (json!({"name": "two words"}), "/name"),
        (json!({"name": ""}), "/name"),
        (json!({"name": "x", "payload": long}), "/payload"),
        (json!({"name": "x", "payloads": 1}), ""),
        (json!({"payload": 1}), ""),
    ] {
        let problem = client.post(&path, &body).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    client
        .post("/v1/tasks/01aaaaaaaaaaaaaaaaaaaaaaaa/signals", &json!({"name": "x"}))
        .problem(404, "not_found");
    client.post(&path, &json!({"name": "x"})).expect(202);
    assert_eq!(client.finish(&id)["output"], json!({"ok": null}));
    let invalid = probe(&json!({"do": "signal_wait", "name": "a/b"}));
    assert!(invalid["err"]["invalid"].is_string(), "{invalid}");
    let timed_out = probe(&json!({"do": "signal_wait", "name": "x", "timeout_ms": 1}));
    assert_eq!(timed_out, json!({"ok": null}));
}

#[test]
fn children_end_in_their_places_and_the_first_failure_cancels_the_rest() {
    let client = agent();
    let code = r#"
import errand
good = {"code": "result = 1"}
bad = {"code": "raise ValueError('no')"}
slow = {"code": "import errand; errand.wait_signal('never')"}
first = [errand.spawn("python", good), errand.spawn("python", bad, max_attempts=1)]
collected = errand.gather(first, on_failure="collect")
kept = errand.gather(first, on_failure="ignore")
rest = [errand.spawn("python", slow, name="slow"), errand.spawn("python", bad, max_attempts=1)]
try:
    errand.gather(rest)
    raised = None
except errand.ChildFailed as failure:
    raised = [failure.id == rest[1], failure.code]
result = [collected[0]["result"], collected[1].code, [one["result"] for one in kept], raised,
          "no" in open("/children/2/error.json").read()]
"#;
    let id = client.submit(&json!({"executor": "python", "input": {"code": code}}));
    let task = client.finish(&id);
    let expected = json!([1, "executor_failed", [1], [true, "executor_failed"], true]);
    assert_eq!(task["output"]["result"], expected, "{task}");
    let tree = client.get(&format!("/v1/tasks/{id}/tree")).expect(200);
    let children = tree["items"].as_array().expect("a tree is a list");
    assert_eq!(children.len(), 5, "{tree}");
    let slow = children.iter().find(|child| child["child"]["name"] == "slow").expect("it is there");
    let slow = client.finish(slow["id"].as_str().expect("an id"));
    assert_eq!(slow["status"], "cancelled", "{slow}");
}

#[test]
fn a_cancel_goes_down_the_tree_and_a_failed_parent_takes_its_children_along() {
    let client = agent();
    let waits = json!({"do": "signal_wait", "name": "never"});
    let spawn = json!({"do": "child_spawn", "executor": "probe", "input": waits});
    for (last, status) in [(waits.clone(), "cancelled"), (json!({"do": "fail"}), "failed")] {
        let steps = json!({"do": "program", "steps": [spawn, last]});
        let id = submit(&client, &steps);
        if status == "cancelled" {
            until_waiting(&client, &id);
            client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
        }
        assert_eq!(client.finish(&id)["status"], status);
        let children = client.get(&format!("/v1/tasks?parent_id={id}")).expect(200);
        let child = children["items"][0]["id"].as_str().expect("it has a child");
        assert_eq!(client.finish(child)["status"], "cancelled");
    }
    // One that completes lets them go on.
    let id = submit(&client, &json!({"do": "program", "steps": [spawn]}));
    assert_eq!(client.finish(&id)["status"], "completed");
    let children = client.get(&format!("/v1/tasks?parent_id={id}")).expect(200);
    let child = children["items"][0]["id"].as_str().expect("it has a child").to_owned();
    client.post(&format!("/v1/tasks/{child}/signals"), &json!({"name": "never"})).expect(202);
    assert_eq!(client.finish(&child)["status"], "completed");
}

#[test]
fn a_workspace_is_empty_the_parents_start_or_as_it_is_now() {
    let client = agent();
    let code = r#"
import errand
open("new.txt", "w").write("made just now")
held = open("held.txt", "w"); held.write("not flushed")
look = {"code": "import os; result = {name: open(name).read() for name in sorted(os.listdir('.'))}"}
ids = [errand.spawn("python", look, workspace=kind, name=kind) for kind in ("empty", "start", "fork")]
result = [output["result"] for output in errand.gather(ids)]
"#;
    let blob = shared::operator().upload_blob(&archive::tar(&[archive::file("old.txt", "old")]));
    let request = json!({
        "executor": "python", "input": {"code": code}, "workspace": {"from": "tar", "blob": blob},
    });
    let task = client.finish(&client.submit(&request));
    let fork = json!({"held.txt": "not flushed", "new.txt": "made just now", "old.txt": "old"});
    let expected = json!([{}, {"old.txt": "old"}, fork]);
    assert_eq!(task["output"]["result"], expected, "{task}");
}

#[test]
fn what_can_not_be_a_child_is_refused_and_its_parent_goes_on() {
    let client = agent();
    let stranger = submit(&client, &json!({"do": "signal_wait", "name": "x"}));
    let spawn = |more: Value| {
        let mut action =
            json!({"do": "child_spawn", "executor": "probe", "input": {"do": "attempt"}});
        action.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        action
    };
    let answers = steps(
        &client,
        &[
            spawn(json!({"executor": "no-such"})),
            spawn(json!({"input": {"no": "do"}})),
            spawn(json!({"name": "a b"})),
            spawn(json!({"max_attempts": 1_000})),
            spawn(json!({"function": "f"})),
            json!({"do": "child_wait_any", "ids": [stranger]}),
            json!({"do": "child_wait_all", "ids": ["nonsense"]}),
            json!({"do": "child_cancel", "id": stranger}),
            json!({"do": "wait_any", "children": [stranger]}),
            json!({"do": "wait_any"}),
            json!({"do": "approval_decision", "id": format!("{stranger}.1")}),
        ],
    );
    let kinds: Vec<&str> = answers
        .as_array()
        .expect("a transcript")
        .iter()
        .map(|answer| {
            let error =
                answer["err"].as_object().unwrap_or_else(|| panic!("{answer} in {answers}"));
            error.keys().next().expect("it has a kind").as_str()
        })
        .collect();
    let (invalid, not_found) = ("invalid", "not_found");
    let expected = [
        invalid, invalid, invalid, invalid, invalid, not_found, not_found, not_found, not_found,
        invalid, not_found,
    ];
    assert_eq!(kinds, expected, "{answers}");
    client.post(&format!("/v1/tasks/{stranger}/cancel"), &json!({})).expect(202);
}

#[test]
fn a_tree_grows_up_to_its_bounds() {
    let server =
        Server::start_with(&["--tree-tasks", "3", "--tree-depth", "1", "--tree-fuel", "30T"]);
    server.operator().upload("probe", &plugin("test/probe")).expect(201);
    let client = server.agent();
    let spawn = |input: Value| json!({"do": "child_spawn", "executor": "probe", "input": input});
    let two = steps(
        &client,
        &[
            spawn(json!({"do": "attempt"})),
            spawn(json!({"do": "attempt"})),
            spawn(json!({"do": "attempt"})),
        ],
    );
    let limit = |name: &str, value: u64| json!({"err": {"limit": {"name": name, "value": value}}});
    assert!(two[0]["ok"].is_string() && two[1]["ok"].is_string(), "{two}");
    assert_eq!(two[2], limit("tree_tasks", 3), "{two}");
    // The child is at the deepest level that there may be.
    let deeper =
        json!({"do": "program", "steps": [spawn(json!({"do": "attempt"}))], "transcript": true});
    let id = submit(&client, &json!({"do": "program", "steps": [spawn(deeper)]}));
    client.finish(&id);
    let children = client.get(&format!("/v1/tasks?parent_id={id}")).expect(200);
    let child = client.finish(children["items"][0]["id"].as_str().expect("an id"));
    assert_eq!(child["output"]["transcript"][0], limit("tree_depth", 1), "{child}");
    let beyond = json!({"executor": "probe", "input": {"do": "attempt"}, "parent_id": child["id"]});
    let problem = client.post("/v1/tasks", &beyond).problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/parent_id", "{problem}");
}

#[test]
fn a_childs_fuel_comes_out_of_its_parents_and_what_is_left_comes_back() {
    let code = r#"
import errand
def child(fuel):
    return errand.spawn("python", {"code": "result = 1"}, limits={"fuel": fuel, "fuel_from_parent": True})
half = 600_000_000_000
errand.gather([child(half)])
second = child(half)
try:
    child(half)
    refused = None
except errand.Limit as limit:
    refused = limit.name
errand.gather([second])
errand.gather([child(half)])
result = refused
"#;
    let request = json!({"executor": "python", "input": {"code": code}, "limits": {"fuel": 1_000_000_000_000_u64}});
    let client = agent();
    let task = client.finish(&client.submit(&request));
    assert_eq!(task["output"]["result"], "fuel", "{task}");
}

#[test]
fn an_approval_is_decided_once_by_who_may_with_values_that_fit() {
    let (agent, operator) = (agent(), shared::operator());
    let schema =
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let ask = json!({"do": "approval_ask", "title": "Go on?", "detail": "<script>1</script>", "schema": schema});
    let id = submit(&agent, &ask);
    until_waiting(&agent, &id);
    let path = format!("/v1/approvals/{id}.1");
    let shown = agent.get(&path).expect(200);
    assert_eq!((&shown["status"], &shown["schema"]), (&json!("pending"), &schema), "{shown}");
    agent
        .post(&path, &json!({"decision": "approve", "values": {"n": 1}}))
        .problem(403, "forbidden");
    for (body, status, code) in [
        (json!({"decision": "approve"}), 422, "invalid"),
        (json!({"decision": "approve", "values": {"n": "x"}}), 422, "invalid"),
        (json!({"decision": "perhaps"}), 422, "invalid"),
        (json!({"decision": "deny", "values": {"n": 1}}), 422, "invalid"),
        (json!({"decision": "approve", "values": {"n": 1}, "digest": "x"}), 422, "invalid"),
        (
            json!({"decision": "approve", "values": {"n": 1}, "digest": "0".repeat(64)}),
            409,
            "conflict",
        ),
    ] {
        operator.post(&path, &body).problem(status, code);
    }
    let digest = shown["digest"].clone();
    let yes =
        json!({"decision": "approve", "values": {"n": 1}, "digest": digest, "comment": "fine"});
    let decided = operator.post(&path, &yes).expect(200);
    assert_eq!(
        (&decided["status"], &decided["decided"]["by"]),
        (&json!("approved"), &json!("operator"))
    );
    operator.post(&path, &yes).problem(409, "conflict");
    operator.post(&path, &json!({"decision": "deny"})).problem(409, "conflict");
    let task = agent.finish(&id);
    let answer =
        json!({"verdict": "approved", "by": "operator", "comment": "fine", "values": {"n": 1}});
    assert_eq!(task["output"], json!({ "ok": answer }), "{task}");
    let kinds: Vec<Value> = agent.events(&id).iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "approval_decided").count(), 1, "{kinds:?}");
    operator.get("/v1/approvals/nonsense").problem(404, "not_found");
    operator.get("/v1/approvals?status=maybe").problem(422, "invalid");
}

#[test]
fn the_approvals_of_one_task_are_listed_alone() {
    let agent = agent();
    let ask = |title| submit(&agent, &json!({"do": "approval_ask", "title": title}));
    let (id, other) = (ask("This?"), ask("That?"));
    let listed = |query: String| {
        let page = agent.get(&format!("/v1/approvals?{query}")).expect(200);
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    for id in [&id, &other] {
        until_waiting(&agent, id);
        assert_eq!(listed(format!("task_id={id}")), [format!("{id}.1")]);
        assert_eq!(listed(format!("task_id={id}&status=pending")), [format!("{id}.1")]);
    }
    agent.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    agent.finish(&id);
    assert!(listed(format!("task_id={id}&status=pending")).is_empty());
    assert_eq!(listed(format!("task_id={id}&status=cancelled")), [format!("{id}.1")]);
    agent.post(&format!("/v1/tasks/{other}/cancel"), &json!({})).expect(202);
    agent.get("/v1/approvals?task_id=nonsense").problem(422, "invalid");
    let token = json!({"name": "elsewhere", "rights": ["read"], "namespace": "elsewhere"});
    let token = shared::operator().post("/v1/tokens", &token).expect(201);
    let stranger = Client::new(shared::server().url(), token["token"].as_str().expect("a token"));
    stranger.get(&format!("/v1/approvals?task_id={id}")).problem(404, "not_found");
}

#[test]
fn expiry_cancel_and_deny_are_no_and_nobody_else_may_answer_for_those_who_are_named() {
    let (agent, operator) = (agent(), shared::operator());
    let expired = probe(&json!({"do": "approval_ask", "title": "Soon?", "timeout_ms": 1}));
    assert_eq!(expired["ok"]["verdict"], "expired", "{expired}");
    let id = submit(&agent, &json!({"do": "approval_ask", "title": "Ever?"}));
    until_waiting(&agent, &id);
    agent.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    agent.finish(&id);
    let path = format!("/v1/approvals/{id}.1");
    assert_eq!(agent.get(&path).expect(200)["status"], "cancelled");
    operator.post(&path, &json!({"decision": "approve"})).problem(409, "conflict");

    let code = "import errand\nresult = errand.approve('Sign?', approvers=['somebody']).verdict";
    let id = agent.submit(&json!({"executor": "python", "input": {"code": code}}));
    until_waiting(&agent, &id);
    let path = format!("/v1/approvals/{id}.1");
    let refused = operator.post(&path, &json!({"decision": "approve"})).problem(403, "forbidden");
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("somebody")), "{refused}");
    let token = json!({"name": "somebody", "rights": ["read", "approve"], "namespace": "default"});
    let token = operator.post("/v1/tokens", &token).expect(201);
    let somebody = Client::new(shared::server().url(), token["token"].as_str().expect("a token"));
    somebody.post(&path, &json!({"decision": "deny"})).expect(200);
    assert_eq!(agent.finish(&id)["output"]["result"], "denied");
    for (question, why) in [
        (json!({"title": ""}), "title"),
        (json!({"title": "two\nlines"}), "title"),
        (json!({"title": "x", "schema": {"type": "nonsense"}}), "schema"),
        (json!({"title": "x", "attachments": ["../x"]}), "workspace"),
    ] {
        let mut action = question;
        action["do"] = json!("approval_request");
        let refused = probe(&action);
        let text = refused["err"]["invalid"].as_str().unwrap_or_else(|| panic!("{refused}"));
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn one_wait_ends_with_whatever_comes_first() {
    let client = agent();
    let code = r#"
import errand
child = errand.spawn("python", {"code": "import errand; errand.wait_signal('go')"})
asked = errand.request_approval("Go on?")
first = errand.wait_first([child], signals=["stop"], approvals=[asked], timeout_s=0.001)
errand.emit("asked", {"child": child})
second = errand.wait_first([child], signals=["stop"], approvals=[asked])
third = errand.wait_first([child], signals=["stop"])
payload = errand.poll_signal("stop")
fourth = errand.wait_first([child])
result = [first.timed_out, bool(first), second.approvals == [asked], bool(errand.decision(asked)),
          third.signals, payload, fourth.children == [child]]
"#;
    let id = client.submit(&json!({"executor": "python", "input": {"code": code}}));
    until_waiting(&client, &id);
    let child = loop {
        let events = client.events(&id);
        if let Some(event) = events.iter().find(|event| event["kind"] == "emitted") {
            break event["data"]["data"]["child"].as_str().expect("an id").to_owned();
        }
        client.get(&format!("/v1/tasks/{id}?wait_ms=100")).expect(200);
    };
    shared::operator()
        .post(&format!("/v1/approvals/{id}.1"), &json!({"decision": "deny"}))
        .expect(200);
    client
        .post(&format!("/v1/tasks/{id}/signals"), &json!({"name": "stop", "payload": 7}))
        .expect(202);
    client.post(&format!("/v1/tasks/{child}/signals"), &json!({"name": "go"})).expect(202);
    let task = client.finish(&id);
    let expected = json!([true, false, true, false, ["stop"], 7, true]);
    assert_eq!(task["output"]["result"], expected, "{task}");
}

#[test]
fn a_conversations_state_is_written_by_all_and_lost_by_none() {
    let client = agent();
    let code =
        "import errand\nfor _ in range(5):\n    errand.context.update(lambda n: (n or 0) + 1)";
    let request =
        json!({"executor": "python", "context_id": "count-together", "input": {"code": code}});
    let ids: Vec<String> = (0..6).map(|_| client.submit(&request)).collect();
    for id in &ids {
        assert_eq!(client.finish(id)["status"], "completed");
    }
    let context = client.get("/v1/contexts/count-together").expect(200);
    assert_eq!((&context["state"], &context["version"]), (&json!(30), &json!("30")), "{context}");
    assert_eq!(context["tasks"].as_array().map(Vec::len), Some(6));
    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let path = format!("/v1/contexts/count-together/events?limit=4&after={cursor}");
        let page = client.get(&path).expect(200);
        cursor = page["cursor"].as_str().expect("a cursor").to_owned();
        seen.extend(page["items"].as_array().expect("a list").clone());
        if page["more"] == false {
            break;
        }
    }
    for id in &ids {
        let of_it = seen.iter().filter(|event| event["task_id"] == id.as_str());
        let numbers: Vec<u64> =
            of_it.map(|event| event["seq"].as_u64().expect("a number")).collect();
        let all: Vec<u64> = (1..=client.events(id).len() as u64).collect();
        assert_eq!(numbers, all, "each event once, in its order");
    }
    let put = |header: (&str, &str), body: &str| {
        let headers = [("content-type", "application/json"), header];
        client.send_with("PUT", "/v1/contexts/count-together/state", &headers, body.as_bytes())
    };
    assert_eq!(put(("if-match", "\"29\""), "1").status, 412);
    assert_eq!(put(("if-none-match", "*"), "1").status, 412);
    assert_eq!(put(("if-match", "\"30\""), "1").expect(200)["version"], "31");
    assert_eq!(put(("if-match", "thirty"), "1").status, 422);
    assert_eq!(put(("x-nothing", ""), "{").status, 400);
    client.get("/v1/contexts/nobody-was-here").problem(404, "not_found");
    let alone = python(
        &client,
        "import errand\ntry:\n    errand.context.get()\n    result = None\nexcept errand.NotFound:\n    result = 'none'",
    );
    assert_eq!(alone, "none");
}

#[test]
fn a_task_that_is_out_of_memory_goes_on_with_what_came_meanwhile() {
    let server = Server::start_with(&["--warm", "0"]);
    for (name, wasm) in [("probe", "test/probe"), ("python", "python")] {
        server.operator().upload(name, &plugin(wasm)).expect(201);
    }
    let client = server.agent();
    let code = r#"
import errand
child = errand.spawn("python", {"code": "import errand\nopen('o', 'w').write('x')\nerrand.publish('o')\nresult = errand.wait_signal('go')"}, name="c")
signal = errand.wait_signal("first")
output = errand.gather([child])[0]["result"]
answer = errand.approve("Go on?")
result = [signal, output, answer.verdict, open("/children/c/artifacts/o").read()]
"#;
    let id = client.submit(&json!({"executor": "python", "input": {"code": code}}));
    until_waiting(&client, &id);
    let children = client.get(&format!("/v1/tasks?parent_id={id}")).expect(200);
    let child = children["items"][0]["id"].as_str().expect("an id").to_owned();
    client.post(&format!("/v1/tasks/{child}"), &json!({})).problem(405, "method_not_allowed");
    client
        .post(&format!("/v1/tasks/{id}/signals"), &json!({"name": "first", "payload": 1}))
        .expect(202);
    until_waiting(&client, &id);
    // A killed server takes nothing of it along.
    let server = Server::start_on(server.kill(), &["--warm", "0"]);
    let (client, operator) = (server.agent(), server.operator());
    client
        .post(&format!("/v1/tasks/{child}/signals"), &json!({"name": "go", "payload": 2}))
        .expect(202);
    client.finish(&child);
    client.delete(&format!("/v1/tasks/{child}")).problem(409, "conflict");
    let approval = format!("/v1/approvals/{id}.1");
    while operator.get(&approval).status == 404 {
        client.get(&format!("/v1/tasks/{id}?wait_ms=100")).expect(200);
    }
    operator.post(&approval, &json!({"decision": "approve"})).expect(200);
    let task = client.finish(&id);
    assert_eq!(task["output"]["result"], json!([1, 2, "approved", "x"]), "{task}");
    let events = client.events(&id);
    assert!(events.iter().any(|event| event["data"]["warm"] == false), "{events:?}");
    assert_eq!(client.delete(&format!("/v1/tasks/{child}")).status, 204);
}
