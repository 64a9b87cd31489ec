//! The store fails, or the process dies, at each write in turn; in the end nothing shows it.

mod guest;
mod process;
pub(super) mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use errand_core::{
    Event, EventBody, ListFilter, ListQuery, Status, Store, Submitted, Task, TaskId,
};
use serde_json::{Value, json};

use self::process::World;
use self::store::{Fault, Plan};
use super::harness::Harness;
use crate::{BatchRequest, Service, ServiceError, TaskRequest};

/// The scenario has far fewer writes. Past it something writes without end.
const MAX_WRITES: u64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_is_made_up_for() {
    at_every_write(Fault::Error).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_before_a_write_is_made_up_for() {
    at_every_write(Fault::CrashBefore).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_after_a_write_is_made_up_for() {
    at_every_write(Fault::CrashAfter).await;
}

async fn at_every_write(fault: Fault) {
    for at in 1..MAX_WRITES {
        let plan = Plan::new(fault, at);
        // Shown where it fails alone: the last one is the one that did.
        eprintln!("{fault:?} at write {at}");
        scenario(&plan).await;
        if !plan.came_to_pass() {
            assert!(at > 20, "only {at} writes: the scenario does not do much");
            return;
        }
    }
    panic!("the scenario does not end");
}

/// What is asked for: a key, what the task does, and for how long it sleeps.
const SINGLE: [(&str, &str, u64); 6] = [
    ("fails", "fail once", 0),
    ("naps", "sleep", 4_000),
    ("sleeps", "sleep", 60_000),
    ("saves", "save", 0),
    ("is removed", "talk", 0),
    ("is cancelled", "hang", 0),
];
const BATCH: [(&str, &str, u64); 2] = [("talks", "talk", 0), ("stumbles", "stumble", 0)];

fn request((key, action, ms): (&str, &str, u64)) -> TaskRequest {
    let mut request = TaskRequest::new("work", json!({"do": action, "ms": ms}));
    request.idempotency_key = Some(key.into());
    request
}

/// Submits tasks and changes their course, looks at what became of them, and checks it all.
async fn scenario(plan: &Arc<Plan>) {
    let h = Harness::new().await;
    let outside = Arc::new(AtomicU64::new(100));
    h.script(move |job, host| Box::pin(guest::run(job, host, Arc::clone(&outside))));
    let caller = h.caller.clone();
    let mut world = World::start(h, Arc::clone(plan)).await;

    let acknowledged = submit_all(&mut world).await;
    let id = |key: &str| acknowledged[key];

    world.until(async |h| h.event(id("is cancelled"), "started", 0).await).await;
    let cancelled =
        world.call(async |service| service.cancel(&caller, id("is cancelled"), None).await).await;
    cancelled.expect("it can be cancelled");

    world.until(async |h| h.ended(id("fails")).await).await;
    // An earlier try may have been heard: then the task is not there to be retried any more.
    let retried = world.call(async |service| service.retry(&caller, id("fails")).await).await;
    assert!(matches!(retried, Ok(_) | Err(ServiceError::Conflict { .. })), "{retried:?}");

    let wasm = bytes::Bytes::from_static(b"another");
    let upload = async |service: &Service| service.upload(&caller, "other", wasm.clone()).await;
    world.call(upload).await.expect("it is admitted");

    for task in acknowledged.values() {
        world.until(async |h| h.ended(*task).await).await;
    }
    let acknowledged_again = submit_all(&mut world).await;
    assert_eq!(acknowledged_again, acknowledged, "a key names one task");

    let removed = world.call(async |service| service.delete(&caller, id("is removed")).await).await;
    assert!(matches!(removed, Ok(()) | Err(ServiceError::NotFound { .. })), "{removed:?}");
    check(&world.h, acknowledged).await;
}

/// Submits everything, and returns what is acknowledged, by key.
async fn submit_all(world: &mut World) -> BTreeMap<&'static str, TaskId> {
    let caller = world.h.caller.clone();
    let batch = || BatchRequest { tasks: BATCH.map(request).to_vec() };
    let batch = world.call(async |service| service.submit_batch(&caller, batch()).await).await;
    let mut submitted = batch.expect("they are taken");
    for single in SINGLE {
        let one = world.call(async |service| service.submit(&caller, request(single)).await).await;
        submitted.push(one.expect("it is taken"));
    }
    let ids =
        submitted.into_iter().map(|(Submitted::Created(task) | Submitted::Existing(task))| task.id);
    BATCH.iter().chain(&SINGLE).map(|(key, ..)| *key).zip(ids).collect()
}

/// Checks what is stored in the end.
async fn check(h: &Harness, mut acknowledged: BTreeMap<&'static str, TaskId>) {
    let removed = acknowledged.remove("is removed").expect("it was acknowledged");
    assert_eq!(h.store.task(removed).await.unwrap(), None, "what was deleted stays deleted");
    let all =
        ListQuery { namespace: None, filter: ListFilter::default(), before: None, limit: 100 };
    let listed = h.store.list(all).await.unwrap().items;
    assert_eq!(listed.len(), acknowledged.len(), "a task is there twice");
    assert_eq!(h.store.leases().await.unwrap(), []);
    let other = h.service.executor(&h.caller, "other").await.unwrap();
    assert_eq!(other.versions.len(), 1);

    for (key, action, _) in BATCH.iter().chain(&SINGLE).filter(|(key, ..)| *key != "is removed") {
        let task = h.task(acknowledged[key]).await;
        let events = h.store.events(task.id, 0, 1_000).await.unwrap();
        check_log(&task, &events);
        let said = said(&events);
        if *key == "is cancelled" {
            assert_eq!(task.status, Status::Cancelled, "{key}");
            assert!("hanging".starts_with(&said), "{key} said {said:?}");
            continue;
        }
        assert_eq!(task.status, Status::Completed, "{key}: {:?}", task.error);
        let output: &Value = task.output.as_deref().expect("a completed task has an output");
        let expected = guest::expected(action, output);
        assert_eq!(said, expected.text, "{key}");
        assert_eq!(emitted(&events), expected.emitted, "{key}");
        assert_eq!(count(&events, "timer_fired"), usize::from(*action == "sleep"), "{key}");
        assert_eq!(task.attempt, if matches!(*action, "stumble" | "fail once") { 2 } else { 1 });
    }
}

/// Checks that a log has no hole and one result an ending, and folds to the task.
fn check_log(task: &Task, events: &[Event]) {
    let mut folded = Task::begin(task.id, &events[0]).expect("it begins");
    for event in &events[1..] {
        folded.apply(event).unwrap_or_else(|error| panic!("{error}: {events:#?}"));
    }
    assert_eq!(folded, *task);
    let ends = ["completed", "failed", "cancelled"].map(|kind| count(events, kind));
    let retries = count(events, "retry_requested");
    assert_eq!(ends.iter().sum::<usize>(), retries + 1, "{events:#?}");
}

/// Returns what the task wrote, each byte at its place.
fn said(events: &[Event]) -> String {
    let mut text = String::new();
    for event in events {
        if let EventBody::Log(line) = &event.body {
            assert_eq!(line.offset, text.len() as u64, "a byte is missing, or there twice");
            text.push_str(&line.text);
        }
    }
    text
}

fn emitted(events: &[Event]) -> Vec<u64> {
    let number = |event: &Event| match &event.body {
        EventBody::Emitted { data, .. } => data.as_u64(),
        _ => None,
    };
    events.iter().filter_map(number).collect()
}

fn count(events: &[Event], kind: &str) -> usize {
    events.iter().filter(|event| event.body.kind() == kind).count()
}
