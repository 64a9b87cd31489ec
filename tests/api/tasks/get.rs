//! `GET /v1/tasks/{id}` and `GET /v1/tasks/{id}/tree`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{AN_HOUR_MS, ids, submit_for_later, submit_looping};
use crate::harness::shared;

#[test]
fn waiting_answers_as_soon_as_the_task_has_ended() {
    let client = shared::agent();
    let id = submit_looping(&client, "wait");
    let (waiter, waited) = (client.clone(), id.clone());
    let waiter = std::thread::spawn(move || {
        waiter.get(&format!("/v1/tasks/{waited}?wait_ms=60000")).expect(200)
    });
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    assert_eq!(waiter.join().expect("it is answered")["status"], "cancelled");
    // One that has ended needs no waiting: the minute would show.
    let begun = Instant::now();
    client.get(&format!("/v1/tasks/{id}?wait_ms=60000")).expect(200);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn waiting_ends_when_the_time_is_up() {
    let client = shared::agent();
    let id = submit_for_later(&client, "wait");
    let begun = Instant::now();
    let task = client.get(&format!("/v1/tasks/{id}?wait_ms=100")).expect(200);
    assert_eq!(task["status"], "queued");
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert_eq!(client.get(&format!("/v1/tasks/{id}?wait_ms=0")).expect(200)["id"], json!(id));
    for wrong in ["60001", "-1", "soon"] {
        client.get(&format!("/v1/tasks/{id}?wait_ms={wrong}")).problem(422, "invalid");
    }
}

#[test]
fn a_running_task_shows_its_live_progress() {
    let client = shared::agent();
    let id = submit_looping(&client, "live");
    let task = client.get(&format!("/v1/tasks/{id}")).expect(200);
    assert_eq!(task["status"], "running");
    assert!(task["progress"]["fuel_used"].as_u64() > Some(0), "{task}");
    assert_ne!(task["started_at"], Value::Null);
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
}

#[test]
fn what_names_no_task_is_not_found() {
    for id in ["01aaaaaaaaaaaaaaaaaaaaaaaa", "nobody", "..", "%2e%2e%2f", "%00", "'"] {
        shared::agent().get(&format!("/v1/tasks/{id}")).problem(404, "not_found");
    }
}

#[test]
fn a_tree_is_a_task_with_its_descendants() {
    let client = shared::agent();
    let child_of = |parent: &str| {
        client.submit(&json!({
            "executor": shared::noop(), "delay_ms": AN_HOUR_MS, "parent_id": parent,
        }))
    };
    let root = submit_for_later(&client, "tree");
    let children = [child_of(&root), child_of(&root)];
    let grandchild = child_of(&children[1]);
    submit_for_later(&client, "no part of the tree");
    let tree = ids(&client.get(&format!("/v1/tasks/{root}/tree")).expect(200));
    assert_eq!(tree[0], root);
    let expected = [&root, &children[0], &children[1], &grandchild];
    assert_eq!(tree.iter().collect::<BTreeSet<_>>(), expected.into());
    assert_eq!(tree.len(), 4);
    let part = ids(&client.get(&format!("/v1/tasks/{}/tree", children[1])).expect(200));
    assert_eq!(part, [children[1].clone(), grandchild]);
}
