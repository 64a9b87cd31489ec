//! Crashes, lost leases and drains.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use errand_core::{ErrorCode, EventBody, InterruptReason, Outcome, Status, Store};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::harness::{Harness, Running, soon};

fn reason(body: &EventBody) -> InterruptReason {
    match body {
        EventBody::Interrupted { reason } => *reason,
        other => panic!("{} is no interruption", other.kind()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_what_ends_in_time_and_hands_the_rest_back() {
    let h = Harness::new().await;
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    h.script(move |job, _| {
        let go = Arc::clone(&wait);
        Box::pin(async move {
            if job.input["name"] == json!("endless") {
                std::future::pending::<()>().await;
            }
            go.notified().await;
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(2).await;
    let quick = h.submit(json!({"name": "quick"})).await;
    let endless = h.submit(json!({"name": "endless"})).await;
    // A start that is written together with what follows waits a moment for it.
    h.clock.running(1, h.event(quick, "started", 0)).await;
    h.clock.running(1, h.event(endless, "started", 0)).await;
    let queued = h.submit(json!({"name": "queued"})).await;
    worker.shut_down();
    go.notify_one();
    h.completed(quick).await;
    h.clock.running(100, worker.stop()).await;
    let event = h.event(endless, "interrupted", 0).await;
    assert_eq!(reason(&event.body), InterruptReason::Drain);
    let task = h.task(endless).await;
    assert_eq!((task.status, task.attempt, task.recoveries), (Status::Queued, 1, 0));
    assert_eq!(h.task(queued).await.status, Status::Queued);
    assert!(h.store.leases().await.unwrap().is_empty());
    // The next worker takes both, what was interrupted first.
    h.script(|_, _| Box::pin(async { Outcome::Completed(Value::Null) }));
    let worker = Running::start(&h.another_service(), "w2", 1).await;
    h.completed(queued).await;
    h.completed(endless).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_left_running_runs_again_from_the_same_seed_and_is_lost_in_the_end() {
    let h = Harness::new().await;
    let seeds = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&seeds);
    h.script(move |job, _| {
        seen.lock().unwrap().push((job.attempt, job.start.seed));
        Box::pin(std::future::pending())
    });
    let id = h.submit(json!({})).await;
    let mut last = 0;
    let mut crashed = Vec::new();
    for run in 1..=6 {
        // A process that dies says nothing: its parts are just never heard of again.
        let worker = Running::start(&h.another_service(), "w1", 1).await;
        let started = h.event(id, "started", last).await;
        last = started.seq;
        assert_eq!(h.task(id).await.runs, run);
        crashed.push(worker);
    }
    let worker = Running::start(&h.another_service(), "w1", 1).await;
    let task = h.ended(id).await;
    assert_eq!(task.error.unwrap().code, ErrorCode::Lost);
    assert_eq!((task.runs, task.attempt), (6, 1));
    let seeds = seeds.lock().unwrap().clone();
    assert!(seeds.iter().all(|seed| *seed == seeds[0]), "an attempt has one seed");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_lease_ran_out_cannot_record_anything() {
    let h = Harness::new().await;
    let go = Arc::new(Notify::new());
    let (wait, runs) = (Arc::clone(&go), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&runs);
    h.script(move |_, host| {
        let go = Arc::clone(&wait);
        let run = count.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if run == 1 {
                go.notified().await;
                let body = EventBody::Emitted { kind: "late".into(), data: Value::Null };
                let recorded = host.record(vec![body].into()).await;
                let durable = recorded.is_ok() && host.durable().await.is_ok();
                assert!(!durable, "the old worker could append");
                return Outcome::Completed(json!("old"));
            }
            Outcome::Completed(json!("new"))
        })
    });
    // The first worker hangs: its timer never wakes it, so it renews nothing.
    let hung = Harness::new().await;
    let mut parts = h.service.0.parts.clone();
    parts.timer = hung.service.0.parts.timer.clone();
    let first_service = crate::Service::new(parts, crate::Settings::default());
    let first = Running::start(&first_service, "w1", 1).await;
    let id = h.submit(json!({})).await;
    let started = h.event(id, "started", 0).await;
    let second = Running::start(&h.another_service(), "w2", 1).await;
    for _ in 0..3 {
        h.clock.pass(10_000, 1).await;
    }
    let event = h.event(id, "interrupted", started.seq).await;
    assert_eq!(reason(&event.body), InterruptReason::Lease);
    let task = h.ended(id).await;
    assert_eq!(task.output.as_deref(), Some(&json!("new")));
    go.notify_one();
    second.stop().await;
    first.stop().await;
    let kinds = h.kinds(id).await;
    assert_eq!(kinds, ["submitted", "started", "interrupted", "started", "completed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_never_calls_the_host_keeps_its_lease() {
    let h = Harness::new().await;
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    h.script(move |_, _| {
        let go = Arc::clone(&wait);
        Box::pin(async move {
            go.notified().await;
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(1).await;
    let other = Running::start(&h.another_service(), "w2", 1).await;
    let id = h.submit(json!({})).await;
    h.event(id, "started", 0).await;
    let until = |leases: Vec<errand_core::HeldLease>| leases[0].lease.until;
    let mut before = until(h.store.leases().await.unwrap());
    for _ in 0..9 {
        h.clock.pass(10_000, 2).await;
        // Each beat moves the end of the lease.
        before = soon(async {
            loop {
                let after = until(h.store.leases().await.unwrap());
                if after > before {
                    return after;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    go.notify_one();
    h.completed(id).await;
    assert_eq!(h.task(id).await.runs, 1);
    worker.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_during_a_crash_is_carried_out_by_the_next_worker() {
    let h = Harness::new().await;
    h.script(|_, _| Box::pin(std::future::pending()));
    let crashed = h.worker(1).await;
    let id = h.submit(json!({})).await;
    h.event(id, "started", 0).await;
    // Another process takes the cancel; the run is not its own.
    let other = h.another_service();
    let cancelled = other.cancel(&h.caller, id, None).await.unwrap();
    assert!(cancelled.changed);
    let next = Running::start(&other, "w1", 1).await;
    assert_eq!(h.ended(id).await.status, Status::Cancelled);
    next.stop().await;
    h.clock.running(100, crashed.stop()).await;
}
