//! What is left of a worker whose lease another has taken over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use errand_core::Outcome;
use serde_json::json;
use tokio::sync::Notify;

use super::harness::{Harness, Running};
use crate::{Service, Settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_of_a_run_whose_lease_was_taken_over_is_refused_while_the_other_runs() {
    let h = Harness::new().await;
    let go = [Arc::new(Notify::new()), Arc::new(Notify::new())];
    let (wait, runs) = (go.clone(), Arc::new(AtomicU32::new(0)));
    h.script(move |_, _| {
        let run = runs.fetch_add(1, Ordering::SeqCst) as usize;
        let go = Arc::clone(&wait[run]);
        Box::pin(async move {
            go.notified().await;
            Outcome::Completed(json!(run + 1))
        })
    });
    // The clock that the first worker sleeps by stands still, so it renews nothing.
    let still = Harness::new().await;
    let mut parts = h.service.0.parts.clone();
    parts.timer = still.service.0.parts.timer.clone();
    let first = Running::start(&Service::new(parts, Settings::default()), "w1", 1).await;
    let id = h.submit(json!({})).await;
    let started = h.event(id, "started", 0).await;
    let second = Running::start(&h.another_service(), "w2", 1).await;
    for _ in 0..3 {
        h.clock.pass(10_000, 1).await;
    }
    h.event(id, "started", started.seq).await;

    go[0].notify_one();
    // It has stopped when its last append was answered.
    first.stop().await;
    assert_eq!(h.kinds(id).await, ["submitted", "started", "interrupted", "started"]);
    go[1].notify_one();
    assert_eq!(h.ended(id).await.output.as_deref(), Some(&json!(2)));
    second.stop().await;
}
