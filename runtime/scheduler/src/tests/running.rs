//! Tasks from submission to their end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use errand_core::{ErrorCode, EventBody, Outcome, Status};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::harness::{Harness, delay_ms, soon, transient};
use crate::{BatchRequest, Followed, ServiceError, TaskRequest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_runs_and_its_output_is_kept() {
    let h = Harness::new().await;
    let worker = h.worker(2).await;
    let id = h.submit(json!({"n": 1})).await;
    let task = h.ended(id).await;
    assert_eq!(task.output.as_deref(), Some(&json!({"n": 1})));
    assert_eq!(h.kinds(id).await, ["submitted", "started", "completed"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_may_pass_is_retried_after_a_jittered_wait_until_the_attempts_are_used_up() {
    let h = Harness::new().await;
    let seeds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&seeds);
    h.script(move |job, _| {
        seen.lock().unwrap().push((job.attempt, job.start.seed));
        Box::pin(async { transient("not today") })
    });
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    let first = h.event(id, "retry_scheduled", 0).await;
    assert!(delay_ms(&first) <= 1_000, "{first:?}");
    assert_eq!(h.task(id).await.status, Status::Queued);
    h.clock.advance(1_000);
    let second = h.event(id, "retry_scheduled", first.seq).await;
    assert!(delay_ms(&second) <= 2_000, "{second:?}");
    h.clock.advance(2_000);
    let task = h.ended(id).await;
    let error = task.error.expect("it failed");
    assert_eq!((task.status, task.attempt, error.attempt), (Status::Failed, 3, 3));
    assert_eq!((error.code, error.retryable), (ErrorCode::ExecutorFailed, true));
    let seeds = seeds.lock().unwrap().clone();
    assert_eq!(seeds.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_ne!(seeds[0].1, seeds[1].1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_task_is_retried_on_demand_with_a_new_budget() {
    let h = Harness::new().await;
    h.script(|job, _| {
        Box::pin(async move {
            if job.attempt < 4 { transient("no") } else { Outcome::Completed(json!(job.attempt)) }
        })
    });
    let worker = h.worker(1).await;
    let mut request = TaskRequest::new("work", json!({}));
    request.retry.max_attempts = 1;
    let id = h.submit_request(request).await;
    for _ in 0..3 {
        assert_eq!(h.ended(id).await.status, Status::Failed);
        h.service.retry(&h.caller, id).await.unwrap();
    }
    assert_eq!(h.ended(id).await.output.as_deref(), Some(&json!(4)));
    let refused = h.service.retry(&h.caller, id).await.unwrap_err();
    assert!(matches!(refused, ServiceError::Conflict { .. }), "{refused}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_task_is_cancelled_at_once() {
    let h = Harness::new().await;
    let id = h.submit(json!({})).await;
    let cancelled = h.service.cancel(&h.caller, id, Some("a mistake".into())).await.unwrap();
    assert!(cancelled.changed);
    assert_eq!(cancelled.task.status, Status::Cancelled);
    assert_eq!(cancelled.task.error.unwrap().message, "cancelled by system: a mistake");
    assert_eq!(h.kinds(id).await, ["submitted", "cancel_requested", "cancelled"]);
    let again = h.service.cancel(&h.caller, id, None).await.unwrap();
    assert!(!again.changed);
    let worker = h.worker(1).await;
    let next = h.submit(json!({})).await;
    h.completed(next).await;
    assert_eq!(h.task(id).await.runs, 0);
    worker.stop().await;
}

struct SetWhenDropped(Arc<AtomicBool>);

impl Drop for SetWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_task_is_stopped_and_so_are_its_children() {
    let h = Harness::new().await;
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    h.script(move |_, _| {
        let guard = SetWhenDropped(Arc::clone(&flag));
        Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        })
    });
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    h.event(id, "started", 0).await;
    let mut request = TaskRequest::new("work", json!({}));
    request.parent_id = Some(id.to_string());
    let child = h.submit_request(request).await;
    let cancelled = h.service.cancel(&h.caller, id, None).await.unwrap();
    assert!(cancelled.changed);
    assert_eq!(h.ended(id).await.status, Status::Cancelled);
    assert!(dropped.load(Ordering::SeqCst), "the guest still runs");
    assert_eq!(h.ended(child).await.status, Status::Cancelled);
    let kinds = h.kinds(id).await;
    assert_eq!(kinds, ["submitted", "started", "cancel_requested", "cancelled"]);
    let tree = h.service.tree(&h.caller, id).await.unwrap();
    assert_eq!(tree.items.iter().map(|task| task.id).collect::<Vec<_>>(), [id, child]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn higher_priorities_go_first_then_older_ones_and_delayed_ones_when_they_are_due() {
    let h = Harness::new().await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    h.script(move |job, _| {
        seen.lock().unwrap().push(job.input["name"].as_str().unwrap().to_owned());
        Box::pin(async { Outcome::Completed(Value::Null) })
    });
    let named = |name: &str, priority, delay_ms| {
        let mut request = TaskRequest::new("work", json!({"name": name}));
        (request.priority, request.delay_ms) = (priority, delay_ms);
        request
    };
    let tasks = vec![
        named("second", 0, 0),
        named("last", 9, 60_000),
        named("third", 0, 0),
        named("first", 5, 0),
    ];
    let submitted = h.service.submit_batch(&h.caller, BatchRequest { tasks }).await.unwrap();
    let ids: Vec<_> = submitted
        .into_iter()
        .map(|one| match one {
            errand_core::Submitted::Created(task) => task.id,
            errand_core::Submitted::Existing(_) => panic!("it is new"),
        })
        .collect();
    let worker = h.worker(1).await;
    h.completed(ids[2]).await;
    assert_eq!(*order.lock().unwrap(), ["first", "second", "third"]);
    assert_eq!(h.task(ids[1]).await.status, Status::Queued);
    h.clock.advance(60_000);
    h.completed(ids[1]).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_queue_hands_nothing_out_and_stays_paused_for_the_next_process() {
    let h = Harness::new().await;
    let worker = h.worker(1).await;
    h.service.pause_queue(&h.caller).await.unwrap();
    let id = h.submit(json!({})).await;
    worker.stop().await;
    let service = h.another_service();
    assert!(service.queue(&h.caller).await.unwrap().paused);
    let worker = super::harness::Running::start(&service, "w2", 1).await;
    assert_eq!(h.task(id).await.status, Status::Queued);
    service.resume_queue(&h.caller).await.unwrap();
    h.completed(id).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_runner_fails_its_task_alone() {
    let h = Harness::new().await;
    h.script(|job, _| {
        Box::pin(async move {
            assert!(job.input["n"] != json!(13), "unlucky");
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(1).await;
    let mut request = TaskRequest::new("work", json!({"n": 13}));
    request.retry.max_attempts = 1;
    let bad = h.submit_request(request).await;
    let good = h.submit(json!({"n": 1})).await;
    assert_eq!(h.ended(bad).await.error.unwrap().code, ErrorCode::Internal);
    h.completed(good).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_is_answered_by_the_end_and_by_the_clock() {
    let h = Harness::new().await;
    let id = h.submit(json!({})).await;
    let (service, caller) = (h.service.clone(), h.caller.clone());
    let waiter = tokio::spawn(async move { service.wait(&caller, id, 5_000).await });
    h.clock.pass(5_000, 1).await;
    assert_eq!(soon(waiter).await.unwrap().unwrap().status, Status::Queued);
    let (service, caller) = (h.service.clone(), h.caller.clone());
    let waiter = tokio::spawn(async move { service.wait(&caller, id, 5_000).await });
    let worker = h.worker(1).await;
    assert_eq!(soon(waiter).await.unwrap().unwrap().status, Status::Completed);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_sees_events_and_live_progress_and_the_end() {
    let h = Harness::new().await;
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    h.script(move |_, host| {
        let go = Arc::clone(&wait);
        Box::pin(async move {
            host.meter().set_fuel_used(42);
            host.meter().report(1, Some(2), Some("half".into()));
            go.notified().await;
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    let mut follow = h.service.follow(&h.caller, id, 0).await.unwrap();
    let mut kinds = Vec::new();
    loop {
        let next = h.clock.running(100, follow.next()).await;
        match next.unwrap() {
            Some(Followed::Event(event)) => kinds.push(event.body.kind()),
            Some(Followed::Progress(progress)) if progress.fuel_used == 42 => {
                assert_eq!((progress.done, progress.total), (Some(1), Some(2)));
                assert_eq!(h.task(id).await.progress, progress);
                kinds.push("progress");
                go.notify_one();
            }
            Some(Followed::Progress(_)) => {}
            None => break,
        }
    }
    assert_eq!(kinds, ["submitted", "started", "progress", "completed"]);
    assert_eq!(h.task(id).await.progress.fuel_used, 42);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_run_each_once_and_never_more_at_a_time_than_there_are_slots() {
    const TASKS: u32 = 2_000;
    let h = Harness::new().await;
    let (now, most, runs) =
        (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counters = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&runs));
    h.script(move |_, _| {
        let (now, most, runs) = counters.clone();
        Box::pin(async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            runs.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(3).await;
    let mut ids = Vec::new();
    for _ in 0..TASKS {
        ids.push(h.submit(json!({})).await);
    }
    for id in ids {
        h.completed(id).await;
    }
    assert_eq!(runs.load(Ordering::SeqCst), TASKS);
    assert!(most.load(Ordering::SeqCst) <= 3);
    worker.stop().await;
    assert!(h.service.workers(&h.caller).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_without_its_executor_says_so() {
    let h = Harness::new().await;
    let id = h.submit(json!({})).await;
    // What no caller can do, a restored store can.
    let key = "default/work".to_owned();
    let store: &dyn errand_core::Store = &*h.store;
    store.put_doc(errand_core::DocKind::Executor, key, Some(1), None).await.unwrap();
    let worker = super::harness::Running::start(&h.another_service(), "w1", 1).await;
    assert_eq!(h.ended(id).await.error.unwrap().code, ErrorCode::ExecutorMissing);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_retried_and_discarded_in_bulk() {
    let h = Harness::new().await;
    h.script(|_, _| Box::pin(async { transient("no") }));
    let worker = h.worker(2).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let mut request = TaskRequest::new("work", json!({"n": n}));
        request.retry.max_attempts = 1;
        request.labels.insert("group".into(), if n == 0 { "a" } else { "b" }.into());
        ids.push(h.submit_request(request).await);
    }
    for id in &ids {
        h.ended(*id).await;
    }
    h.script(|_, _| Box::pin(async { Outcome::Completed(Value::Null) }));
    let filter =
        |label: &str| crate::BulkFilter { label: Some(label.into()), ..Default::default() };
    assert_eq!(h.service.retry_many(&h.caller, filter("group:b")).await.unwrap(), 2);
    h.completed(ids[1]).await;
    h.completed(ids[2]).await;
    assert_eq!(h.service.discard_many(&h.caller, crate::BulkFilter::default()).await.unwrap(), 1);
    assert!(h.service.task(&h.caller, ids[0]).await.is_err());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_and_the_run_are_part_of_the_start() {
    let h = Harness::new().await;
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    let event = h.event(id, "started", 0).await;
    let EventBody::Started { run, worker: name, engine, .. } = event.body else { panic!() };
    assert_eq!((run, name.as_str(), engine.as_str()), (1, "w1", "test"));
    worker.stop().await;
}
