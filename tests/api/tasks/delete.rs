//! `DELETE /v1/tasks/{id}`.

use serde_json::json;

use super::{ids, submit_for_later, submit_looping, text};
use crate::harness::shared;

#[test]
fn a_task_that_has_ended_is_deleted_with_its_log_and_files() {
    let client = shared::agent();
    let id = client.submit(&json!({
        "executor": shared::command_probe(), "input": {"args": ["write", "kept.txt", "text"]},
        "artifacts": ["*"], "labels": {"test": "delete"},
    }));
    client.finish(&id);
    assert_eq!(client.get(&format!("/v1/tasks/{id}/artifacts/kept.txt")).bytes, b"text");
    assert_eq!(client.delete(&format!("/v1/tasks/{id}")).status, 204);
    for path in ["", "/events", "/tree", "/artifacts", "/artifacts/kept.txt"] {
        client.get(&format!("/v1/tasks/{id}{path}")).problem(404, "not_found");
    }
    client.delete(&format!("/v1/tasks/{id}")).problem(404, "not_found");
    assert_eq!(ids(&client.get("/v1/tasks?label=test:delete").expect(200)), [""; 0]);
}

#[test]
fn a_task_that_has_not_ended_is_not_deleted() {
    let client = shared::agent();
    for id in [submit_for_later(&client, "delete-not"), submit_looping(&client, "delete-not")] {
        client.delete(&format!("/v1/tasks/{id}")).problem(409, "conflict");
        client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
        client.finish(&id);
        assert_eq!(client.delete(&format!("/v1/tasks/{id}")).status, 204);
    }
}

#[test]
fn a_key_is_free_again_once_its_task_is_deleted() {
    let client = shared::agent();
    let request = json!({"executor": shared::noop(), "idempotency_key": "deleted"});
    let first = client.submit(&request);
    client.finish(&first);
    assert_eq!(client.delete(&format!("/v1/tasks/{first}")).status, 204);
    let second = client.post("/v1/tasks", &request).expect(202);
    assert_ne!(text(&second["id"]), first);
}
