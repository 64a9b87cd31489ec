//! `POST /v1/tasks/{id}/cancel`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{AN_HOUR_MS, kinds, submit_for_later, submit_looping};
use crate::harness::shared;

#[test]
fn a_queued_task_is_cancelled_at_once() {
    let client = shared::agent();
    let id = submit_for_later(&client, "cancel");
    let task = client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    assert_eq!(task["status"], "cancelled");
    assert_eq!(task["error"]["code"], "cancelled");
    assert_eq!(kinds(&client.events(&id)), ["submitted", "cancel_requested", "cancelled"]);
}

#[test]
fn a_cancelled_task_stops_inside_a_loop_without_calls() {
    let client = shared::agent();
    let id = submit_looping(&client, "cancel");
    let begun = Instant::now();
    let answer = client.post(&format!("/v1/tasks/{id}/cancel"), &json!({"reason": "enough"}));
    answer.expect(202);
    let task = client.finish(&id);
    // Promised are 100 ms, which the benchmark measures; here other tests run beside it.
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    assert_eq!(task["status"], "cancelled");
    assert_eq!(task["error"]["code"], "cancelled");
    let events = client.events(&id);
    assert_eq!(kinds(&events), ["submitted", "started", "cancel_requested", "cancelled"]);
    assert_eq!(events[2]["data"]["reason"], "enough");
    assert_eq!(events[2]["by"], "agent");
}

#[test]
fn a_task_that_has_ended_stays_as_it_is() {
    let client = shared::agent();
    let task = client.run(shared::noop(), &json!({}));
    let id = task["id"].as_str().expect("a task has an id");
    for _ in 0..2 {
        let unchanged = client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(200);
        assert_eq!(unchanged, task);
    }
    assert_eq!(kinds(&client.events(id)), ["submitted", "started", "completed"]);
}

#[test]
fn a_cancel_goes_down_the_tree() {
    let client = shared::agent();
    let root = submit_for_later(&client, "cancel-tree");
    let child = client.submit(&json!({
        "executor": shared::probe(), "input": {"do": "spin_forever"}, "parent_id": root,
    }));
    client.follow(&child, &[]).until_it_runs();
    let grandchild = client.submit(&json!({
        "executor": shared::noop(), "delay_ms": AN_HOUR_MS, "parent_id": child,
    }));
    client.post(&format!("/v1/tasks/{root}/cancel"), &json!({})).expect(202);
    for id in [root, child, grandchild] {
        assert_eq!(client.finish(&id)["status"], "cancelled");
    }
}

#[test]
fn the_body_may_be_left_out_and_is_checked_where_it_is_there() {
    let client = shared::agent();
    let id = submit_for_later(&client, "cancel");
    let path = format!("/v1/tasks/{id}/cancel");
    client.post(&path, &json!({"because": "typo"})).problem(422, "invalid");
    assert_eq!(client.send_with("POST", &path, &[], b"").status, 202);
    client.post("/v1/tasks/nobody/cancel", &json!({})).problem(404, "not_found");
}
