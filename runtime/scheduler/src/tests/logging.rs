//! What guests write, as events.

use std::sync::Arc;

use bytes::Bytes;
use errand_core::{EventBody, Level, Outcome, Store, Stream, TaskId};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::harness::{Harness, transient};
use crate::TaskRequest;

async fn lines(h: &Harness, id: TaskId) -> Vec<(Stream, u64, String)> {
    let events = h.store.events(id, 0, 1_000).await.unwrap();
    events
        .into_iter()
        .filter_map(|event| match event.body {
            EventBody::Log(line) => Some((line.stream, line.offset, line.text)),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_comes_before_the_event_that_follows_it_and_before_the_end() {
    let h = Harness::new().await;
    h.script(|_, host| {
        Box::pin(async move {
            for text in ["a", "b"] {
                host.write(Stream::Stdout, Level::Info, Bytes::from(text)).await.unwrap();
            }
            host.write(Stream::Stderr, Level::Warn, Bytes::from("c")).await.unwrap();
            let body = EventBody::Emitted { kind: "note".into(), data: json!(1) };
            host.record(vec![body].into()).await.unwrap();
            host.write(Stream::Stdout, Level::Info, Bytes::from("d")).await.unwrap();
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    h.completed(id).await;
    let kinds = ["submitted", "started", "log", "log", "emitted", "log", "completed"];
    assert_eq!(h.kinds(id).await, kinds);
    let expected = [
        (Stream::Stdout, 0, "ab".to_owned()),
        (Stream::Stderr, 0, "c".to_owned()),
        (Stream::Stdout, 2, "d".to_owned()),
    ];
    assert_eq!(lines(&h, id).await, expected);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_of_a_running_guest_is_recorded_after_a_moment() {
    let h = Harness::new().await;
    let (go, wrote) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&go), Arc::clone(&wrote));
    h.script(move |_, host| {
        let (go, wrote) = signals.clone();
        Box::pin(async move {
            host.write(Stream::Stdout, Level::Info, Bytes::from("hello")).await.unwrap();
            wrote.notify_one();
            go.notified().await;
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    wrote.notified().await;
    h.event(id, "started", 0).await;
    assert_eq!(h.kinds(id).await, ["submitted", "started"]);
    h.clock.advance(100);
    h.event(id, "log", 0).await;
    go.notify_one();
    h.completed(id).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_go_on_over_the_attempts_of_a_task() {
    let h = Harness::new().await;
    h.script(|job, host| {
        Box::pin(async move {
            host.write(Stream::Stdout, Level::Info, Bytes::from("12345")).await.unwrap();
            if job.attempt == 1 { transient("again") } else { Outcome::Completed(Value::Null) }
        })
    });
    let worker = h.worker(1).await;
    let mut request = TaskRequest::new("work", json!({}));
    request.retry.backoff_ms = 0;
    let id = h.submit_request(request).await;
    h.completed(id).await;
    let offsets: Vec<u64> = lines(&h, id).await.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets, [0, 5]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_writes_without_end_waits_for_the_disk_and_for_the_clock() {
    const BYTES: usize = 6 << 20;
    let h = Harness::new().await;
    h.script(|_, host| {
        Box::pin(async move {
            let block = Bytes::from(vec![b'x'; 16 << 10]);
            for _ in 0..BYTES / block.len() {
                host.write(Stream::Stdout, Level::Info, block.clone()).await.unwrap();
            }
            Outcome::Completed(Value::Null)
        })
    });
    let worker = h.worker(1).await;
    let began = errand_core::Clock::now(&h.clock);
    let id = h.submit(json!({})).await;
    let task = h.clock.running(1, h.ended(id)).await;
    assert!(task.output.is_some());
    let took_ms = errand_core::Clock::now(&h.clock).since_ms(began);
    assert!(took_ms >= 500, "6 MiB at 4 MiB/s after a burst of 4 MiB took {took_ms} ms");
    let mut expected = 0;
    let mut after = 0;
    loop {
        let events = h.store.events(id, after, 100).await.unwrap();
        let Some(last) = events.last() else { break };
        after = last.seq;
        for event in events {
            if let EventBody::Log(line) = event.body {
                assert_eq!(line.offset, expected);
                expected += line.text.len() as u64;
            }
        }
    }
    assert_eq!(expected, BYTES as u64);
    worker.stop().await;
}
