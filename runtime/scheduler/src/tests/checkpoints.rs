//! Checkpoints: what the next run starts from, and what a retry keeps.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use errand_core::{
    Answer, AttemptStart, Checkpoint, ErrorCode, EventBody, Failure, Job, JournalEntry, Level,
    LogOffsets, Outcome, Record, RunHost, Saved, Seed, Status, Store, Stream,
};
use serde_json::{Value, json};

use super::harness::{Harness, transient};

/// Longer than what a first failure waits.
const BACK_OFF_MS: u64 = 60_000;

fn entry(host: &Arc<dyn RunHost>, ordinal: u64, answer: Answer) -> JournalEntry {
    JournalEntry {
        ordinal,
        call: "call".into(),
        arguments: "[]".into(),
        at: host.now(),
        answer,
        said: LogOffsets::default(),
    }
}

async fn say(host: &Arc<dyn RunHost>, text: &str) {
    let text = Bytes::copy_from_slice(text.as_bytes());
    host.write(Stream::Stdout, Level::Info, text).await.expect("it is not stopped");
}

fn save(job: &Job, state: &str) -> Outcome {
    let number = job.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.number) + 1;
    let start = AttemptStart { seed: Seed([number as u8; 32]), ..job.start.clone() };
    let state = Bytes::copy_from_slice(state.as_bytes());
    let checkpoint = Checkpoint { state, number, ..Checkpoint::default() };
    Outcome::Saved(Box::new(Saved { start, checkpoint }))
}

fn state(job: &Job) -> Option<String> {
    let checkpoint = job.checkpoint.as_ref()?;
    Some(String::from_utf8_lossy(&checkpoint.state).into_owned())
}

/// What a run was given.
#[derive(Debug, Clone, PartialEq)]
struct Given {
    attempt: u32,
    state: Option<String>,
    seed: u8,
    journal: usize,
    resume: u64,
}

type Seen = Arc<Mutex<Vec<Given>>>;

fn note(seen: &Seen, job: &Job) {
    seen.lock().unwrap().push(Given {
        attempt: job.attempt,
        state: state(job),
        seed: job.start.seed.0[0],
        journal: job.journal.len(),
        resume: job.resume.fuel_used,
    });
}

fn said(events: &[errand_core::Event]) -> String {
    let mut text = String::new();
    for event in events {
        if let EventBody::Log(line) = &event.body {
            assert_eq!(line.offset, text.len() as u64, "a byte is missing, or there twice");
            text.push_str(&line.text);
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_run_starts_from_what_was_saved() {
    let h = Harness::new().await;
    let seen = Seen::default();
    let runs = Arc::clone(&seen);
    h.script(move |job, host| {
        let runs = Arc::clone(&runs);
        Box::pin(async move {
            note(&runs, &job);
            host.meter().set_fuel_used(100 + job.resume.fuel_used);
            say(&host, "one ").await;
            let body = EventBody::Emitted { kind: "k".into(), data: Value::Null };
            let call = entry(&host, 1, Answer::Given(Value::Null));
            host.record(Record { events: vec![body], call: Some(call), ..Record::default() })
                .await
                .expect("it is not stopped");
            match state(&job).as_deref() {
                None => save(&job, ""),
                Some("") => save(&job, "second"),
                Some(state) => Outcome::Completed(json!(state)),
            }
        })
    });
    let worker = h.worker(1).await;
    let first = h.submit(json!({})).await;
    h.completed(first).await;
    assert_eq!(h.task(first).await.output.as_deref(), Some(&json!("second")));
    worker.stop().await;
    let seen = seen.lock().unwrap().clone();
    let states: Vec<_> = seen.iter().map(|given| given.state.as_deref()).collect();
    assert_eq!(states, [None, Some(""), Some("second")], "no bytes are a state too");
    assert_eq!(seen.iter().map(|given| given.resume).collect::<Vec<_>>(), [0, 100, 200]);
    assert_eq!((seen[1].seed, seen[2].seed), (1, 2));
    assert!(seen.iter().all(|given| given.journal == 0 && given.attempt == 1));

    let events = h.store.events(first, 0, 100).await.unwrap();
    assert_eq!(said(&events), "one one one ");
    let saved: Vec<_> = events
        .iter()
        .filter_map(|event| match event.body {
            EventBody::CheckpointSaved { state_bytes } => Some(state_bytes),
            _ => None,
        })
        .collect();
    assert_eq!(saved, [0, 6]);
    assert_eq!(h.store.checkpoint(first).await.unwrap(), None, "nobody needs it any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_failed_answer_goes_on_from_the_checkpoint() {
    let h = Harness::new().await;
    let seen = Seen::default();
    let runs = Arc::clone(&seen);
    h.script(move |job, host| {
        let runs = Arc::clone(&runs);
        Box::pin(async move {
            note(&runs, &job);
            if job.checkpoint.is_none() {
                say(&host, "first ").await;
                return save(&job, "paid");
            }
            say(&host, "then ").await;
            if job.attempt > 1 {
                say(&host, "fine").await;
                return Outcome::Completed(Value::Null);
            }
            let failed = entry(&host, 1, Answer::Failed(json!(503)));
            host.record((failed).into()).await.expect("it is not stopped");
            say(&host, "and failed ").await;
            transient("the other side failed")
        })
    });
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    h.event(id, "retry_scheduled", 0).await;
    h.clock.advance(BACK_OFF_MS);
    h.completed(id).await;
    worker.stop().await;
    let seen = seen.lock().unwrap().clone();
    let brief: Vec<_> = seen.iter().map(|given| (given.attempt, given.state.clone())).collect();
    let paid = || Some("paid".to_owned());
    assert_eq!(brief, [(1, None), (1, paid()), (2, paid())]);
    assert_eq!((seen[1].seed, seen[2].seed), (1, 1));
    let events = h.store.events(id, 0, 100).await.unwrap();
    assert_eq!(said(&events), "first then and failed fine", "what was said is not said again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_without_a_failed_answer_begins_anew() {
    let h = Harness::new().await;
    let seen = Seen::default();
    let runs = Arc::clone(&seen);
    h.script(move |job, _| {
        let runs = Arc::clone(&runs);
        Box::pin(async move {
            note(&runs, &job);
            match (&job.checkpoint, job.attempt) {
                (None, 1) => save(&job, "one"),
                (None, 2) => Outcome::Failed(Failure {
                    code: ErrorCode::ExecutorFailed,
                    message: "not without a person".into(),
                    detail: None,
                    retryable: false,
                }),
                (None, _) => Outcome::Completed(Value::Null),
                (Some(_), _) => transient("it may pass"),
            }
        })
    });
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    h.event(id, "retry_scheduled", 0).await;
    h.clock.advance(BACK_OFF_MS);
    let failed = h.ended(id).await;
    assert_eq!((failed.status, failed.attempt), (Status::Failed, 2));
    h.service.retry(&h.caller, id).await.unwrap();
    h.completed(id).await;
    worker.stop().await;
    let seen = seen.lock().unwrap().clone();
    let brief: Vec<_> = seen.iter().map(|given| (given.attempt, given.state.clone())).collect();
    assert_eq!(brief, [(1, None), (1, Some("one".to_owned())), (2, None), (3, None)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_comes_with_a_checkpoint_is_heard() {
    let h = Harness::new().await;
    h.script(move |job, _| Box::pin(async move { save(&job, "again") }));
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    h.event(id, "checkpoint_saved", 0).await;
    h.service.cancel(&h.caller, id, None).await.unwrap();
    assert_eq!(h.ended(id).await.status, Status::Cancelled);
    worker.stop().await;
}
