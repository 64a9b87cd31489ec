//! Tasks that wait for time to pass, and runs that repeat what an earlier one did.

use std::sync::Arc;

use bytes::Bytes;
use errand_core::{
    Answer, BoxFuture, Clock, Event, EventBody, InterruptReason, JournalEntry, Level, LogOffsets,
    Outcome, RunHost, Status, Stopped, Store, Stream, TaskId, UnixMillis, Wait, WaitingFor,
};
use serde_json::{Value, json};

use super::harness::{Harness, Running, transient};
use crate::TaskRequest;

fn entry(ordinal: u64, answer: Answer) -> JournalEntry {
    JournalEntry {
        ordinal,
        call: "sleep".into(),
        arguments: "[]".into(),
        at: UnixMillis(0),
        answer,
        said: LogOffsets::default(),
    }
}

/// Sleeps as the engine does: until the moment that the journal has, where there is one.
async fn sleep(
    host: &dyn RunHost,
    journal: &[JournalEntry],
    ordinal: u64,
    ms: u64,
    memory_bytes: u64,
) -> Result<(), Stopped> {
    let recorded = journal.iter().find(|entry| entry.ordinal == ordinal);
    let until = match recorded.map(|entry| &entry.answer) {
        Some(Answer::Awaited { until: Some(until) }) => *until,
        Some(_) => return Ok(()),
        None => host.now().plus_ms(ms),
    };
    let until = Some(until);
    let waiting = entry(ordinal, Answer::Awaited { until });
    let waiting_for = WaitingFor::Timer;
    host.wait(Wait { entry: waiting, waiting_for, until, awaits: None, memory_bytes }).await?;
    host.record((entry(ordinal, Answer::Given(Value::Null))).into()).await
}

/// A runner of tasks that sleep once for `input.ms`, and say so before and after.
fn sleeper(job: errand_core::Job, host: Arc<dyn RunHost>) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let ms = job.input["ms"].as_u64().unwrap_or_default();
        let memory = job.input["memory"].as_u64().unwrap_or_default();
        let fuel = job.input["fuel"].as_u64().unwrap_or(1);
        host.meter().set_fuel_used(fuel);
        let write = async |text| host.write(Stream::Stdout, Level::Info, Bytes::from(text)).await;
        let slept = async {
            write("before ").await?;
            sleep(&*host, &job.journal, 1, ms, memory).await?;
            write("after").await
        };
        match slept.await {
            Ok(()) => Outcome::Completed(json!("slept")),
            Err(Stopped) => Outcome::Interrupted(InterruptReason::Lease),
        }
    })
}

async fn said(h: &Harness, id: TaskId) -> String {
    let events = h.store.events(id, 0, 1_000).await.unwrap();
    let lines = events.iter().filter_map(|event| match &event.body {
        EventBody::Log(line) => Some(line.text.as_str()),
        _ => None,
    });
    lines.collect()
}

async fn life(h: &Harness, id: TaskId) -> Vec<&'static str> {
    h.kinds(id).await.into_iter().filter(|kind| *kind != "log").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_sleep_is_not_worth_a_record() {
    let h = Harness::new().await;
    h.script(sleeper);
    let worker = h.worker(1).await;
    let id = h.submit(json!({"ms": 100})).await;
    h.event(id, "started", 0).await;
    h.clock.running(10, h.ended(id)).await;
    assert_eq!(life(&h, id).await, ["submitted", "started", "completed"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleep_gives_its_slot_away_and_goes_on_in_memory() {
    let h = Harness::new().await;
    h.script(sleeper);
    let worker = h.worker(1).await;
    let id = h.submit(json!({"ms": 4_000})).await;
    h.event(id, "waiting", 0).await;
    let other = h.submit(json!({"ms": 0})).await;
    h.completed(other).await;
    assert_eq!(h.task(id).await.status, Status::Waiting);
    h.clock.advance(4_000);
    h.completed(id).await;
    let expected = ["submitted", "started", "waiting", "timer_fired", "resumed", "completed"];
    assert_eq!(life(&h, id).await, expected);
    assert!(is_warm(&h.event(id, "resumed", 0).await));
    assert_eq!(said(&h, id).await, "before after");
    worker.stop().await;
}

fn is_warm(resumed: &Event) -> bool {
    matches!(resumed.body, EventBody::Resumed { warm: true })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_sleep_leaves_memory_and_goes_on_in_another_run() {
    let h = Harness::new().await;
    h.script(sleeper);
    let worker = h.worker(1).await;
    let id = h.submit(json!({"ms": 60_000})).await;
    h.event(id, "waiting", 0).await;
    h.clock.advance(59_999);
    assert_eq!(h.task(id).await.status, Status::Waiting);
    h.clock.advance(1);
    h.completed(id).await;
    let expected =
        ["submitted", "started", "waiting", "timer_fired", "resumed", "started", "completed"];
    assert_eq!(life(&h, id).await, expected);
    assert!(!is_warm(&h.event(id, "resumed", 0).await));
    assert_eq!(said(&h, id).await, "before after", "what was said is not said again");
    assert_eq!(h.task(id).await.attempt, 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_budget_the_one_that_is_cheapest_to_repeat_leaves_memory() {
    let h = Harness::new().await;
    h.script(sleeper);
    // A slot is free again once the wait of whoever had it is accounted for.
    let worker = h.worker(1).await;
    let sleeping = |fuel| json!({"ms": 4_000, "memory": 400, "fuel": fuel});
    let mut ids = Vec::new();
    for fuel in [30, 10, 20] {
        let id = h.submit(sleeping(fuel)).await;
        h.event(id, "waiting", 0).await;
        ids.push(id);
    }
    let after = h.submit(json!({"ms": 0})).await;
    h.completed(after).await;
    h.clock.advance(4_000);
    let mut warm = Vec::new();
    for id in ids {
        h.completed(id).await;
        warm.push(is_warm(&h.event(id, "resumed", 0).await));
    }
    assert_eq!(warm, [true, false, true]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_task_is_cancelled_at_once() {
    let h = Harness::new().await;
    h.script(sleeper);
    let worker = h.worker(1).await;
    for ms in [4_000, 60_000] {
        let id = h.submit(json!({"ms": ms})).await;
        h.event(id, "waiting", 0).await;
        h.service.cancel(&h.caller, id, None).await.unwrap();
        let task = h.ended(id).await;
        assert_eq!((task.status, task.wait_until), (Status::Cancelled, None));
    }
    h.clock.advance(100_000);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_task_makes_room_in_memory() {
    let h = Harness::new().await;
    h.script(sleeper);
    let worker = h.worker(4).await;
    let mut ids = Vec::new();
    for fuel in [30, 10, 20] {
        let id = h.submit(json!({"ms": 4_000, "memory": 400, "fuel": fuel})).await;
        h.event(id, "waiting", 0).await;
        if ids.is_empty() {
            h.service.cancel(&h.caller, id, None).await.unwrap();
            h.ended(id).await;
            // What follows comes to the worker after the end of the cancelled run.
            let other = h.submit(json!({"ms": 0})).await;
            h.completed(other).await;
        }
        ids.push(id);
    }
    h.clock.advance(4_000);
    for id in &ids[1..] {
        h.completed(*id).await;
        assert!(is_warm(&h.event(*id, "resumed", 0).await));
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleep_survives_the_process_and_ends_at_its_time() {
    let h = Harness::new().await;
    h.script(sleeper);
    let worker = h.worker(1).await;
    let began = h.clock.now();
    let id = h.submit(json!({"ms": 4_000})).await;
    h.event(id, "waiting", 0).await;
    worker.stop().await;
    assert_eq!(h.task(id).await.status, Status::Waiting, "a drain does not wake it");
    h.clock.advance(3_000);
    let service = h.another_service();
    let worker = Running::start(&service, "w2", 1).await;
    h.clock.running(100, h.ended(id)).await;
    let woken = h.event(id, "timer_fired", 0).await;
    assert!(woken.at.since_ms(began) >= 4_000);
    assert_eq!(said(&h, id).await, "before after");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_keeps_what_was_answered_before_the_first_failure() {
    let h = Harness::new().await;
    h.script(|job, host| {
        Box::pin(async move {
            let write =
                async |text| host.write(Stream::Stdout, Level::Info, Bytes::from(text)).await;
            let kept: Vec<u64> = job.journal.iter().map(|entry| entry.ordinal).collect();
            write("first ").await.unwrap();
            if kept.is_empty() {
                host.record((entry(1, Answer::Given(json!(1)))).into()).await.unwrap();
            }
            write("second ").await.unwrap();
            if job.attempt == 1 {
                let failed = entry(2, Answer::Failed(json!("503")));
                host.record((failed).into()).await.unwrap();
                write("third ").await.unwrap();
                host.record((entry(3, Answer::Given(json!(3)))).into()).await.unwrap();
                return transient("the other side failed");
            }
            Outcome::Completed(json!({"kept": kept, "seed": job.start.seed.0[0]}))
        })
    });
    let worker = h.worker(1).await;
    let mut request = TaskRequest::new("work", json!({}));
    request.retry.backoff_ms = 0;
    let id = h.submit_request(request).await;
    h.completed(id).await;
    let output = h.task(id).await.output.unwrap();
    assert_eq!(output["kept"], json!([1]));
    assert_eq!(said(&h, id).await, "first second third ", "it says nothing again");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_no_failed_answer_starts_anew() {
    let h = Harness::new().await;
    h.script(|job, host| {
        Box::pin(async move {
            let kept = job.journal.len();
            host.record((entry(1, Answer::Given(json!(1)))).into()).await.unwrap();
            if job.attempt == 1 {
                return transient("again");
            }
            Outcome::Completed(json!(kept))
        })
    });
    let worker = h.worker(1).await;
    let mut request = TaskRequest::new("work", json!({}));
    request.retry.backoff_ms = 0;
    let id = h.submit_request(request).await;
    h.completed(id).await;
    assert_eq!(h.task(id).await.output.as_deref(), Some(&json!(0)));
    assert!(h.store.journal(id).await.unwrap().is_empty());
    worker.stop().await;
}
