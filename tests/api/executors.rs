//! `/v1/executors`: upload, list, show, delete.

use serde_json::{Value, json};

use super::{AN_HOUR_MS, text};
use crate::harness::{Client, plugin, shared, wasm};

#[test]
fn an_upload_is_described_and_the_same_bytes_again_are_the_same_executor() {
    let client = shared::operator();
    let wasm = plugin("test/noop");
    let answer = client.upload("described", &wasm);
    let location = answer.header("location").expect("a new thing has a location");
    assert!(location.ends_with("/v1/executors/described"), "{location}");
    let uploaded = answer.expect(201);
    assert_eq!(uploaded["name"], "described");
    assert_eq!(uploaded["digest"], blake3::hash(&wasm).to_string());
    assert_eq!(uploaded["kind"], "native");
    assert_eq!(uploaded["size_bytes"], wasm.len());
    assert_eq!(uploaded["description"], "Does nothing.");
    let function = &uploaded["functions"][0];
    assert_eq!(function["name"], "run");
    assert_eq!(function["input_schema"], json!({}));
    assert_eq!(function["output_schema"], json!({"type": "null"}));

    let again = client.upload("described", &wasm).expect(200);
    assert_eq!(again["digest"], uploaded["digest"]);
    assert_eq!(again["functions"], uploaded["functions"]);
}

#[test]
fn a_preview_1_program_is_a_command_with_arguments_and_output() {
    let client = shared::operator();
    let uploaded = client.upload("a-command", &wasm::ends_at_once("a command")).expect(201);
    assert_eq!(uploaded["kind"], "command");
    let function = &uploaded["functions"][0];
    for field in ["args", "stdin", "env"] {
        assert!(function["input_schema"]["properties"][field].is_object(), "{function}");
    }
    for field in ["exit_code", "stdout", "stderr"] {
        assert!(function["output_schema"]["properties"][field].is_object(), "{function}");
    }
    let task = client.run("a-command", &json!({}));
    assert_eq!(task["output"], json!({"exit_code": 0, "stdout": "", "stderr": ""}));
}

#[test]
fn a_task_is_pinned_to_what_its_name_means_when_it_is_submitted() {
    let client = shared::operator();
    let digest =
        |mark| text(&client.upload("versions", &wasm::ends_at_once(mark)).json()["digest"]);
    let first = digest("the first");
    let before = submit(&client, "versions");
    let second = digest("the second");
    assert_ne!(first, second);
    assert_eq!(before["executor"], format!("versions@{first}"));
    assert_eq!(submit(&client, "versions")["executor"], format!("versions@{second}"));
    let by_prefix = submit(&client, &format!("versions@{}", &first[..12]));
    assert_eq!(by_prefix["executor"], format!("versions@{first}"));

    let shown = client.get("/v1/executors/versions").expect(200);
    assert_eq!(shown["digest"], second);
    let digests = shown.to_string();
    assert!(digests.contains(&first) && digests.contains(&second), "{digests}");

    for unknown in ["versions@0000000000000000", "versions@xyz", "versions@"] {
        let request = json!({"executor": unknown});
        let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/executor", "{problem}");
    }

    // What was uploaded last is what the bare name means, also when it was there before.
    client.upload("versions", &wasm::ends_at_once("the first"));
    assert_eq!(submit(&client, "versions")["executor"], format!("versions@{first}"));
}

#[test]
fn executors_are_listed_in_pages() {
    let operator = shared::operator();
    let request = json!({"name": "lister", "namespace": "lists", "rights": ["read", "upload"]});
    let token = text(&operator.post("/v1/tokens", &request).expect(201)["token"]);
    let client = Client::new(shared::server().url(), &token);
    for name in ["two", "one", "three"] {
        client.upload(name, &wasm::ends_at_once("listed")).expect(201);
    }
    let names = |page: &Value| -> Vec<String> {
        page["items"].as_array().expect("a list").iter().map(|item| text(&item["name"])).collect()
    };
    let all = client.get("/v1/executors").expect(200);
    assert_eq!(names(&all), ["one", "three", "two"]);
    assert!(all.get("next_cursor").is_none_or(Value::is_null), "{all}");
    let first = client.get("/v1/executors?limit=2").expect(200);
    let cursor = text(&first["next_cursor"]);
    let rest = client.get(&format!("/v1/executors?limit=2&cursor={cursor}")).expect(200);
    assert_eq!([names(&first), names(&rest)].concat(), names(&all));
    assert!(rest.get("next_cursor").is_none_or(Value::is_null), "{rest}");
}

#[test]
fn an_executor_is_deleted_once_no_task_is_pinned_to_it() {
    let client = shared::operator();
    client.upload("deleted", &wasm::ends_at_once("deleted")).expect(201);
    let id = text(&submit(&client, "deleted")["id"]);
    client.delete("/v1/executors/deleted").problem(409, "conflict");
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    // A task that has ended is pinned too: it can be retried.
    client.delete("/v1/executors/deleted").problem(409, "conflict");
    assert_eq!(client.delete(&format!("/v1/tasks/{id}")).status, 204);
    assert_eq!(client.delete("/v1/executors/deleted").status, 204);
    client.get("/v1/executors/deleted").problem(404, "not_found");
    client.delete("/v1/executors/deleted").problem(404, "not_found");
    client.post("/v1/tasks", &json!({"executor": "deleted"})).problem(422, "invalid");
    client.upload("deleted", &wasm::ends_at_once("deleted")).expect(201);
}

#[test]
fn an_answer_to_a_body_that_is_not_read_keeps_the_connection_or_says_that_it_ends() {
    let client = shared::operator();
    let closes = |bytes: usize, more: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/wasm")], more].concat();
        let refused = client.send_with("POST", "/v1/executors?name=A", &headers, &vec![0; bytes]);
        let closes = refused.header("connection");
        refused.problem(422, "invalid");
        closes
    };
    assert_eq!(closes(1, &[]), None);
    assert_eq!(closes(60_000, &[]), None, "it is read before the answer");
    // Who waits for leave to send it is told at once.
    let held_back = closes(10_000_000, &[("expect", "100-continue")]);
    assert_eq!(held_back.as_deref(), Some("close"));
}

#[test]
fn a_name_is_short_lower_case_and_plain() {
    let client = shared::operator();
    let wasm = wasm::ends_at_once("named");
    let long = "a".repeat(64);
    for name in ["a", "0", "a.b_c-d", long.as_str()] {
        assert_eq!(client.upload(name, &wasm).status, 201, "{name}");
    }
    let too_long = "a".repeat(65);
    for name in ["", "A", "-a", "_a", ".a", "a%20b", "a@b", "%C3%A9", "a%00", too_long.as_str()] {
        let problem = client.upload(name, &wasm).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["parameter"], "name", "{name}: {problem}");
    }
    client.send("/v1/executors", "application/wasm", &wasm).problem(422, "invalid");
}

#[test]
fn uploading_and_deleting_need_the_right_to_upload() {
    let agent = shared::agent();
    agent.upload("agents", &wasm::ends_at_once("agents")).problem(403, "forbidden");
    shared::noop();
    agent.delete("/v1/executors/noop").problem(403, "forbidden");
    agent.get("/v1/executors/noop").expect(200);
}

/// Submits a task that stays queued, and returns it.
fn submit(client: &Client, executor: &str) -> Value {
    client.post("/v1/tasks", &json!({"executor": executor, "delay_ms": AN_HOUR_MS})).expect(202)
}
