//! What is old goes, by a clock that the test moves; what is in use stays.

use std::io::Cursor;

use errand_core::{Blobs, DocKind, Status, Store, TaskId};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::harness::{Harness, soon};
use crate::{Collected, Collector, CollectorConfig, ServiceError, TaskRequest};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const KEEP: CollectorConfig = CollectorConfig { keep_ms: Some(30 * DAY_MS) };

async fn completed(h: &Harness, request: TaskRequest) -> TaskId {
    let worker = h.worker(1).await;
    let id = h.submit_request(request).await;
    h.completed(id).await;
    h.clock.running(100, worker.stop()).await;
    id
}

fn large(letter: &str) -> TaskRequest {
    TaskRequest::new("work", json!({"text": letter.repeat(200_000)}))
}

async fn is_gone(h: &Harness, id: TaskId) -> bool {
    matches!(h.service.task(&h.caller, id).await, Err(ServiceError::NotFound { .. }))
}

async fn sweep(h: &Harness) -> Collected {
    h.service.collect(KEEP.keep_ms).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_task_goes_with_its_blobs_and_its_idempotency_key_when_it_is_old() {
    let h = Harness::new().await;
    let mut request = large("a");
    request.idempotency_key = Some("key".into());
    let id = completed(&h, request.clone()).await;
    h.clock.advance(29 * DAY_MS);
    assert_eq!(sweep(&h).await, Collected::default());
    h.clock.advance(2 * DAY_MS);
    let queued = h.submit(json!({})).await;
    let swept = sweep(&h).await;
    assert_eq!((swept.tasks, swept.blobs), (1, 1), "its input and output are the same bytes");
    assert_eq!(h.service.collected(), swept);
    assert!(is_gone(&h, id).await);
    assert_eq!(h.task(queued).await.status, Status::Queued);
    let again = h.submit_request(request).await;
    assert_ne!(again, id, "the key is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_waits_in_the_queue_for_ever_stays() {
    let h = Harness::new().await;
    let id = h.submit(json!({})).await;
    h.clock.advance(365 * DAY_MS);
    assert_eq!(sweep(&h).await, Collected::default());
    assert_eq!(h.task(id).await.status, Status::Queued);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_when_no_task_starts_from_it_and_stays_while_it_comes_again() {
    let h = Harness::new().await;
    let upload = |text: &'static str| {
        let bytes = Box::new(Cursor::new(text));
        async { h.service.upload_blob(&h.caller, None, bytes).await.unwrap().blake3 }
    };
    let (used, again, unused) =
        (upload("used").await, upload("again").await, upload("unused").await);
    let from = |blob| {
        TaskRequest::from_value(json!({
            "executor": "work", "workspace": {"from": "tar", "blob": blob},
        }))
        .unwrap()
    };
    let id = h.submit_request(from(used)).await;
    h.clock.advance(31 * DAY_MS);
    upload("again").await;
    let swept = sweep(&h).await;
    assert_eq!((swept.uploads, swept.blobs), (1, 1));
    let size = async |blob| h.store.blobs().size(blob).await.unwrap();
    assert_eq!((size(used).await, size(again).await, size(unused).await), (Some(4), Some(5), None));
    let refused = h.service.submit(&h.caller, from(unused)).await;
    assert!(matches!(refused, Err(ServiceError::Invalid { .. })), "{refused:?}");
    assert_eq!(h.store.docs(DocKind::Blob, String::new()).await.unwrap().len(), 2);
    // Once its task is gone nothing needs it.
    h.service.cancel(&h.caller, id, None).await.unwrap();
    h.clock.advance(31 * DAY_MS);
    let swept = sweep(&h).await;
    assert_eq!((swept.tasks, swept.uploads, swept.blobs), (1, 2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_whose_reference_is_under_way_stays() {
    let h = Harness::new().await;
    let blob = h.store.blobs().put("captured".into()).await.unwrap();
    h.clock.advance(HOUR_MS);
    assert_eq!(sweep(&h).await, Collected::default());
    assert!(h.store.blobs().touch(blob).await.unwrap());
    h.clock.advance(HOUR_MS);
    assert_eq!(sweep(&h).await, Collected::default());
    h.clock.advance(1);
    assert_eq!(sweep(&h).await.blobs, 1);
    assert!(!h.store.blobs().touch(blob).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_old_tasks_go_in_one_sweep() {
    let h = Harness::new().await;
    for _ in 0..600 {
        let id = h.submit(json!({})).await;
        h.service.cancel(&h.caller, id, None).await.unwrap();
    }
    h.clock.advance(31 * DAY_MS);
    assert_eq!(sweep(&h).await.tasks, 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_blobs_goes_where_everything_is_kept() {
    let h = Harness::new().await;
    let id = completed(&h, large("a")).await;
    h.store.blobs().put("orphan".into()).await.unwrap();
    h.clock.advance(10_000 * DAY_MS);
    let swept = h.service.collect(None).await.unwrap();
    assert_eq!((swept.tasks, swept.uploads, swept.blobs), (0, 0, 1));
    assert!(!is_gone(&h, id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collector_looks_after_a_minute_and_then_every_hour_until_it_is_stopped() {
    let h = Harness::new().await;
    let first = completed(&h, TaskRequest::new("work", json!({}))).await;
    h.clock.advance(31 * DAY_MS);
    let shutdown = CancellationToken::new();
    let collector = Collector::start(h.service.clone(), KEEP, shutdown.clone());
    h.clock.pass(60_000, 1).await;
    soon(h.store.changed(first, u64::MAX)).await.unwrap();
    assert!(is_gone(&h, first).await);
    let second = h.submit(json!({})).await;
    h.service.cancel(&h.caller, second, None).await.unwrap();
    // The next look is an hour away, and that hour begins when the first one is done.
    h.clock.pass(HOUR_MS, 1).await;
    h.clock.pass(HOUR_MS, 1).await;
    assert!(!is_gone(&h, second).await);
    shutdown.cancel();
    soon(collector.stopped()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collector_looks_more_often_where_little_is_kept() {
    let h = Harness::new().await;
    let shutdown = CancellationToken::new();
    let config = CollectorConfig { keep_ms: Some(5_000) };
    let collector = Collector::start(h.service.clone(), config, shutdown.clone());
    let id = h.submit(json!({})).await;
    h.service.cancel(&h.caller, id, None).await.unwrap();
    soon(async {
        for _ in 0..6 {
            h.clock.pass(1_000, 1).await;
        }
        h.store.changed(id, u64::MAX).await.unwrap();
    })
    .await;
    assert!(is_gone(&h, id).await);
    shutdown.cancel();
    soon(collector.stopped()).await;
}
