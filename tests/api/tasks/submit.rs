//! `POST /v1/tasks`.

use serde_json::{Value, json};

use super::{AN_HOUR_MS, kinds, members, pointers, text};
use crate::harness::{millis, shared};

#[test]
fn an_accepted_task_has_every_field_and_the_documented_defaults() {
    let request = json!({"executor": shared::noop(), "delay_ms": AN_HOUR_MS});
    let answer = shared::agent().post("/v1/tasks", &request);
    let location = answer.header("location").expect("a new task has a location");
    let task = answer.expect(202);
    let fields = [
        "id",
        "namespace",
        "executor",
        "function",
        "status",
        "waiting_for",
        "attempt",
        "priority",
        "labels",
        "parent_id",
        "context_id",
        "progress",
        "output",
        "error",
        "created_at",
        "started_at",
        "finished_at",
        "links",
    ];
    assert_eq!(members(&task), fields.into());
    assert_eq!(task["status"], "queued");
    assert_eq!(task["namespace"], "default");
    assert_eq!((&task["attempt"], &task["priority"]), (&json!(1), &json!(0)));
    assert_eq!(task["labels"], json!({}));
    let nulls = [
        "function",
        "waiting_for",
        "parent_id",
        "context_id",
        "output",
        "error",
        "started_at",
        "finished_at",
    ];
    for null in nulls {
        assert_eq!(task[null], Value::Null, "{null}");
    }
    let progress = json!({
        "fuel_used": 0, "fuel_limit": 10_000_000_000_000_u64,
        "done": null, "total": null, "message": null,
    });
    assert_eq!(task["progress"], progress);
    let url = format!("{}/v1/tasks/{}", shared::server().url(), text(&task["id"]));
    assert_eq!(location, url);
    assert_eq!(task["links"]["self"], url);
    assert_eq!(task["links"]["events"], format!("{url}/events"));
    assert!(task["links"]["console"].is_string());
    let created_at = text(&task["created_at"]);
    assert!(created_at.contains('T') && created_at.ends_with('Z'), "{created_at}");
}

#[test]
fn a_task_runs_and_keeps_its_output() {
    let input = json!({"do": "echo", "numbers": [1, 2.5, u64::MAX, -1], "text": "ümläut \u{0}"});
    let task = shared::agent().run(shared::probe(), &input);
    assert_eq!(task["status"], "completed", "{task}");
    assert_eq!(task["output"], input);
    assert_eq!(task["error"], Value::Null);
    assert!(task["progress"]["fuel_used"].as_u64() > Some(0), "{task}");
    let times = ["created_at", "started_at", "finished_at"].map(|time| text(&task[time]));
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_command_gets_arguments_environment_and_input_and_gives_its_output() {
    let input = json!({"args": ["args", "env", "cat"], "env": {"NAME": "value"}, "stdin": "in"});
    let task = shared::agent().run(shared::command_probe(), &input);
    assert_eq!(task["status"], "completed", "{task}");
    let stdout = "command-probe\nargs\nenv\ncat\nNAME=value\nin";
    assert_eq!(task["output"], json!({"exit_code": 0, "stdout": stdout, "stderr": ""}));
}

#[test]
fn an_executor_says_itself_how_it_failed() {
    let input = json!({
        "do": "fail", "code": "no_such_city", "message": "there is no Atlantis",
        "detail": {"city": "Atlantis"},
    });
    let task = shared::agent().run(shared::probe(), &input);
    assert_eq!(task["status"], "failed");
    let error = &task["error"];
    assert_eq!(error["code"], "executor_failed");
    assert_eq!(error["message"], "there is no Atlantis");
    assert_eq!(error["detail"], json!({"city": "Atlantis", "code": "no_such_city"}));
    assert_eq!((&error["attempt"], &error["retryable"]), (&json!(1), &json!(false)));
}

#[test]
fn every_fault_of_a_request_is_named_at_its_place() {
    let request = json!({
        "executor": shared::noop(), "inptu": {}, "priority": "high", "labels": {"a/b": 1},
        "limits": {"fuel": -1, "fule": 1}, "retry": {"max_attempts": 1.5}, "artifacts": [1],
        "workspace": {"from": "empty", "extra": 1},
    });
    let problem = shared::agent().post("/v1/tasks", &request).problem(422, "invalid");
    let named = pointers(&problem);
    let wrong = [
        "/inptu",
        "/priority",
        "/labels/a~1b",
        "/limits/fuel",
        "/limits/fule",
        "/retry/max_attempts",
        "/artifacts/0",
        "/workspace",
    ];
    for pointer in wrong {
        assert!(named.iter().any(|named| named.starts_with(pointer)), "{pointer}: {problem}");
    }
    assert!(shared::agent().post("/v1/tasks", &json!({})).problem(422, "invalid").is_object());
}

#[test]
fn values_out_of_bounds_are_refused() {
    let wrong = [
        ("/limits/fuel", json!({"limits": {"fuel": 0}})),
        ("/limits/memory_bytes", json!({"limits": {"memory_bytes": 1_u64 << 60}})),
        ("/limits/timeout_ms", json!({"limits": {"timeout_ms": 0}})),
        ("/retry/max_attempts", json!({"retry": {"max_attempts": 0}})),
        ("/retry/backoff_factor", json!({"retry": {"backoff_factor": 0.5}})),
        ("/artifacts/0", json!({"artifacts": ["../*"]})),
        ("/artifacts/0", json!({"artifacts": ["/etc/*"]})),
        ("/artifacts/0", json!({"artifacts": ["a[b"]})),
        ("/labels/k", json!({"labels": {"k": "v".repeat(10_000)}})),
        ("/namespace", json!({"namespace": "../default"})),
        ("/parent_id", json!({"parent_id": "nobody"})),
        ("/context_id", json!({"context_id": ""})),
        ("/idempotency_key", json!({"idempotency_key": ""})),
        ("/workspace/from", json!({"workspace": {"from": "moon"}})),
        ("/workspace/path", json!({"workspace": {"from": "empty", "path": "/etc"}})),
        ("/function", json!({"function": "add"})),
        ("/delay_ms", json!({"delay_ms": u64::MAX})),
    ];
    for (pointer, mut request) in wrong {
        request["executor"] = json!(shared::noop());
        let problem = shared::agent().post("/v1/tasks", &request).problem(422, "invalid");
        assert_eq!(pointers(&problem), [pointer], "{request}");
    }
}

#[test]
fn an_input_is_checked_against_the_executors_schema_before_it_is_queued() {
    let client = shared::agent();
    let request = json!({"executor": shared::probe(), "input": {"do": 1}});
    let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
    assert_eq!(pointers(&problem), ["/input/do"]);
    let request = json!({"executor": shared::probe(), "input": []});
    let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
    assert_eq!(pointers(&problem), ["/input"]);
    let request = json!({"executor": shared::command_probe(), "input": {"argv": []}});
    client.post("/v1/tasks", &request).problem(422, "invalid");
}

#[test]
fn what_comes_later_is_called_unsupported() {
    let later = [json!({"notify": [{"url": "https://example.org", "events": ["completed"]}]})];
    for mut request in later {
        request["executor"] = json!(shared::noop());
        shared::agent().post("/v1/tasks", &request).problem(422, "unsupported");
    }
}

#[test]
fn a_delayed_task_starts_when_its_time_has_come_and_not_before() {
    let client = shared::agent();
    let id = client.submit(&json!({"executor": shared::noop(), "delay_ms": 300}));
    let waiting = client.get(&format!("/v1/tasks/{id}")).expect(200);
    assert_eq!(waiting["started_at"], Value::Null, "{waiting}");
    client.finish(&id);
    let events = client.events(&id);
    assert_eq!(kinds(&events), ["submitted", "started", "completed"]);
    let [submitted, started] = [0, 1].map(|index| millis(&events[index]["at"]));
    assert!(started - submitted >= 300, "it was started after {} ms", started - submitted);
}

#[test]
fn labels_priority_and_context_are_kept() {
    let request = json!({
        "executor": shared::noop(), "labels": {"team": "blue", "test": "kept"}, "priority": -7,
        "context_id": "conversation-1",
    });
    let task = shared::agent().post("/v1/tasks", &request).expect(202);
    for field in ["labels", "priority", "context_id"] {
        assert_eq!(task[field], request[field]);
    }
}
