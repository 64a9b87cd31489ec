//! `POST /v1/tasks/{id}/retry`, and dead letters in bulk.

use serde_json::{Value, json};

use super::{ids, kinds, pointers, submit_for_later, text};
use crate::harness::{Client, shared};

/// A task that has failed for good.
fn dead_letter(client: &Client, label: &str) -> String {
    let id = client.submit(&json!({
        "executor": shared::probe(), "input": {"do": "fail"}, "labels": {"test": label},
    }));
    assert_eq!(client.finish(&id)["status"], "failed");
    id
}

#[test]
fn what_may_pass_next_time_is_tried_again_until_the_attempts_are_used_up() {
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::probe(), "input": {"do": "fail", "transient": true},
        "retry": {"max_attempts": 3, "backoff_ms": 1, "backoff_max_ms": 10},
    }));
    let task = client.finish(&id);
    assert_eq!(task["status"], "failed");
    assert_eq!(task["attempt"], 3);
    assert_eq!((&task["error"]["attempt"], &task["error"]["retryable"]), (&json!(3), &json!(true)));
    let events = client.events(&id);
    let expected = [
        "submitted",
        "started",
        "retry_scheduled",
        "started",
        "retry_scheduled",
        "started",
        "failed",
    ];
    assert_eq!(kinds(&events), expected);
    let attempts: Vec<_> = events.iter().map(|event| event["attempt"].as_u64()).collect();
    assert_eq!(attempts[1], Some(1));
    assert_eq!(attempts[3], Some(2));
    assert_eq!(attempts[5..], [Some(3), Some(3)]);
}

#[test]
fn what_is_permanent_is_not_tried_again() {
    let client = shared::agent();
    let id = dead_letter(&client, "permanent");
    assert_eq!(kinds(&client.events(&id)), ["submitted", "started", "failed"]);
}

#[test]
fn a_failed_or_cancelled_task_is_queued_again_on_request() {
    let client = shared::agent();
    let id = dead_letter(&client, "retry");
    let task = client.post(&format!("/v1/tasks/{id}/retry"), &json!({})).expect(202);
    assert_eq!(task["error"], Value::Null, "{task}");
    let task = client.finish(&id);
    assert_eq!((&task["status"], &task["attempt"]), (&json!("failed"), &json!(2)));
    let expected = ["submitted", "started", "failed", "retry_requested", "started", "failed"];
    assert_eq!(kinds(&client.events(&id)), expected);

    let id = submit_for_later(&client, "retry");
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    client.post(&format!("/v1/tasks/{id}/retry"), &json!({})).expect(202);
    assert_eq!(client.finish(&id)["status"], "completed", "the delay was the first attempt's");
}

#[test]
fn nothing_else_can_be_retried() {
    let client = shared::agent();
    let queued = submit_for_later(&client, "retry");
    client.post(&format!("/v1/tasks/{queued}/retry"), &json!({})).problem(409, "conflict");
    let completed = text(&client.run(shared::noop(), &json!({}))["id"]);
    client.post(&format!("/v1/tasks/{completed}/retry"), &json!({})).problem(409, "conflict");
    client.post("/v1/tasks/nobody/retry", &json!({})).problem(404, "not_found");
}

#[test]
fn dead_letters_are_retried_in_bulk() {
    let client = shared::agent();
    let dead = [dead_letter(&client, "bulk-retry"), dead_letter(&client, "bulk-retry")];
    let other = dead_letter(&client, "bulk-retry-not");
    let filter = json!({"filter": {"label": "test:bulk-retry"}});
    assert_eq!(client.post("/v1/tasks/retry", &filter).expect(202), json!({"count": 2}));
    for id in dead {
        assert_eq!(client.finish(&id)["attempt"], 2);
    }
    assert_eq!(client.finish(&other)["attempt"], 1);
}

#[test]
fn dead_letters_are_discarded_in_bulk() {
    let client = shared::agent();
    let dead = [dead_letter(&client, "discard"), dead_letter(&client, "discard")];
    let queued = submit_for_later(&client, "discard");
    let filter = json!({"filter": {"label": "test:discard"}});
    assert_eq!(client.post("/v1/tasks/discard", &filter).expect(202), json!({"count": 2}));
    assert_eq!(client.post("/v1/tasks/discard", &filter).expect(202), json!({"count": 0}));
    for id in dead {
        client.get(&format!("/v1/tasks/{id}")).problem(404, "not_found");
    }
    assert_eq!(ids(&client.get("/v1/tasks?label=test:discard").expect(200)), [queued]);
}

#[test]
fn a_bulk_filter_that_is_wrong_touches_nothing() {
    let client = shared::agent();
    let id = dead_letter(&client, "bulk-wrong");
    for path in ["/v1/tasks/retry", "/v1/tasks/discard"] {
        for (pointer, request) in [
            ("/filter", json!({"filter": {"labels": "test:bulk-wrong"}})),
            ("/filter/status", json!({"filter": {"status": "queued"}})),
            ("/filter/label", json!({"filter": {"label": "no colon"}})),
            ("", json!({})),
        ] {
            let problem = client.post(path, &request).problem(422, "invalid");
            assert!(pointers(&problem)[0].starts_with(pointer), "{request}: {problem}");
        }
    }
    assert_eq!(client.get(&format!("/v1/tasks/{id}")).expect(200)["attempt"], 1);
}

#[test]
fn a_retry_takes_no_fields() {
    let client = shared::agent();
    let id = dead_letter(&client, "no fields");
    let refused = client.post(&format!("/v1/tasks/{id}/retry"), &json!({"force": true}));
    refused.problem(422, "invalid");
    client.post(&format!("/v1/tasks/{id}/retry"), &json!({})).expect(202);
}
