//! What tasks start from: whose blobs, which directories, and captured once.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use errand_core::{
    Blobs, Change, ChangeCounts, Digest, ErrorCode, EventBody, Failure, Left, Namespace, Node,
    Origin, Outcome, Snapshot, SnapshotRef, Status, Store, TaskId, UnixMillis, WorkspaceSource,
};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::harness::{Harness, Running, transient};
use crate::{Caller, Fault, Right, Rights, ServiceError, TaskRequest};

/// No task has this id.
const UNKNOWN: &str = "01aaaaaaaaaaaaaaaaaaaaaaaa";

fn from(workspace: Value) -> TaskRequest {
    TaskRequest::from_value(json!({"executor": "work", "workspace": workspace})).unwrap()
}

fn listed() -> TaskRequest {
    from(json!({"from": "dir", "path": "/listed"}))
}

fn faults(error: ServiceError) -> Vec<Fault> {
    match error {
        ServiceError::Invalid { faults } => faults,
        other => panic!("{other}"),
    }
}

async fn refused(h: &Harness, workspace: Value) -> Vec<(String, String)> {
    let error = h.service.submit(&h.caller, from(workspace)).await.unwrap_err();
    faults(error).into_iter().map(|fault| (fault.pointer, fault.message)).collect()
}

fn bytes(text: &'static str) -> Box<Cursor<&'static str>> {
    Box::new(Cursor::new(text))
}

#[tokio::test]
async fn each_field_of_a_workspace_is_checked() {
    let h = Harness::new().await;
    for (workspace, pointer, part) in [
        (json!({"from": "dir"}), "/workspace/path", "missing"),
        (json!({"from": "dir", "path": "/other"}), "/workspace/path", "not listed"),
        (json!({"from": "tar"}), "/workspace/blob", "missing"),
        (json!({"from": "tar", "blob": "xyz"}), "/workspace/blob", ""),
        (json!({"from": "tar", "blob": "0".repeat(64)}), "/workspace/blob", "POST /v1/blobs"),
        (json!({"from": "dir", "path": "/listed", "blob": "x"}), "/workspace/blob", "field"),
        (json!({"from": "task"}), "/workspace/id", "missing"),
        (json!({"from": "task", "id": "x"}), "/workspace/id", "26 characters"),
        (json!({"from": "task", "id": UNKNOWN}), "/workspace/id", "has no task"),
        (json!({"from": "elsewhere"}), "/workspace/from", "dir"),
    ] {
        let found = refused(&h, workspace.clone()).await;
        assert_eq!(found.len(), 1, "{workspace}: {found:?}");
        assert_eq!(found[0].0, pointer, "{workspace}");
        assert!(found[0].1.contains(part), "{found:?}");
    }
}

#[tokio::test]
async fn a_blob_is_its_namespaces_alone() {
    let h = Harness::new().await;
    let within = |name: &str| h.caller.within(Namespace::new(name).unwrap()).unwrap();
    let (blue, red) = (within("blue"), within("red"));
    let blob = h.service.upload_blob(&blue, None, bytes("an archive")).await.unwrap();
    assert_eq!((blob.blake3, blob.size_bytes), (Digest::of(b"an archive"), 10));
    assert_eq!(h.service.upload_blob(&blue, None, bytes("an archive")).await.unwrap(), blob);
    for caller in [&blue, &red] {
        h.service.upload(caller, "work", "work".into()).await.unwrap();
    }
    let request = || from(json!({"from": "tar", "blob": blob.blake3}));
    h.service.submit(&blue, request()).await.unwrap();
    let theirs = faults(h.service.submit(&red, request()).await.unwrap_err());
    let mut unknown = request();
    unknown.workspace.blob = Some(Digest::of(b"nothing").to_string());
    let nobodys = faults(h.service.submit(&red, unknown).await.unwrap_err());
    assert_eq!(theirs, nobodys, "nothing tells that another namespace has it");
    // Having the same bytes makes them one's own.
    let mine = h.service.upload_blob(&h.caller, Some("red"), bytes("an archive")).await.unwrap();
    assert_eq!(mine, blob);
    h.service.submit(&red, request()).await.unwrap();
}

#[tokio::test]
async fn uploading_a_blob_needs_the_right_to_submit_there() {
    let h = Harness::new().await;
    let reader = Caller { rights: Rights::from_iter([Right::Read]), ..h.caller.clone() };
    let blue = h.caller.within(Namespace::new("blue").unwrap()).unwrap();
    for (caller, namespace) in [(&reader, None), (&blue, Some("red"))] {
        let refused = h.service.upload_blob(caller, namespace, bytes("x")).await;
        assert!(matches!(refused, Err(ServiceError::Forbidden { .. })), "{refused:?}");
    }
    let wrong = h.service.upload_blob(&h.caller, Some("No Name"), bytes("x")).await.unwrap_err();
    assert_eq!(faults(wrong)[0].pointer, "/namespace");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_captured_once_whatever_runs_again() {
    let h = Harness::new().await;
    let captures = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&captures);
    h.captures(move || {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(Digest::of(&number.to_le_bytes()))))
    });
    let (seen, mut starts) = mpsc::unbounded_channel();
    h.script(move |job, _| {
        let staged = job.workspace.unwrap().0.downcast::<Digest>().unwrap();
        seen.send(*staged).unwrap();
        let again = job.attempt < 3;
        Box::pin(
            async move { if again { transient("again") } else { Outcome::Completed(Value::Null) } },
        )
    });
    let worker = h.worker(1).await;
    let mut request = listed();
    request.retry.backoff_ms = 0;
    let id = h.submit_request(request).await;
    h.clock.running(1, h.completed(id)).await;
    h.clock.running(100, worker.stop()).await;
    let first = Digest::of(&0_u32.to_le_bytes());
    let mut all = Vec::new();
    while let Ok(start) = starts.try_recv() {
        all.push(start);
    }
    assert_eq!(all, [first; 3]);
    assert_eq!(captures.load(Ordering::SeqCst), 1);
    let event = h.event(id, "started", 0).await;
    assert!(matches!(event.body, EventBody::Started { workspace: Some(is), .. } if is == first));
    assert_eq!(h.task(id).await.captured, Some(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_captured_fails_its_task_as_it_says() {
    let h = Harness::new().await;
    h.captures(|| {
        let failure = Failure {
            code: ErrorCode::WorkspaceLimit,
            message: "too large".into(),
            detail: None,
            retryable: false,
        };
        Box::pin(std::future::ready(Err(failure)))
    });
    let worker = h.worker(1).await;
    let id = h.submit_request(listed()).await;
    let task = h.clock.running(1, h.ended(id)).await;
    let error = task.error.unwrap();
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::WorkspaceLimit, "too large"));
    assert_eq!(h.kinds(id).await, ["submitted", "started", "failed"]);
    h.captures(|| Box::pin(async { panic!("a bug") }));
    let mut request = listed();
    request.retry.max_attempts = 1;
    let id = h.submit_request(request).await;
    let task = h.clock.running(1, h.ended(id)).await;
    assert_eq!(task.error.unwrap().code, ErrorCode::Internal);
    h.clock.running(100, worker.stop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_stops_when_its_task_is_cancelled_or_its_worker_drains() {
    let h = Harness::new().await;
    let begun = Arc::new(Notify::new());
    let began = Arc::clone(&begun);
    h.captures(move || {
        began.notify_one();
        Box::pin(std::future::pending())
    });
    let worker = h.worker(1).await;
    let cancelled = h.submit_request(listed()).await;
    begun.notified().await;
    h.service.cancel(&h.caller, cancelled, None).await.unwrap();
    assert_eq!(h.ended(cancelled).await.status, Status::Cancelled);
    // Its slot is free again.
    let drained = h.submit_request(listed()).await;
    begun.notified().await;
    h.clock.running(100, worker.stop()).await;
    let task = h.task(drained).await;
    assert_eq!((task.status, task.runs, task.captured), (Status::Queued, 0, None));
    assert!(h.store.leases().await.unwrap().is_empty());
    h.captures(|| Box::pin(std::future::ready(Ok(Digest::of(b"captured")))));
    let worker = Running::start(&h.another_service(), "w2", 1).await;
    h.clock.running(1, h.completed(drained)).await;
    h.clock.running(100, worker.stop()).await;
}

/// Has runs leave a new file; returns the change and the blobs that it is kept in.
async fn leaving_a_file(h: &Harness) -> (Change, [Digest; 2]) {
    let large = h.store.blobs().put("a large content".into()).await.unwrap();
    let node = Node::File { executable: false, size_bytes: 15, blake3: large };
    let change = Change { path: "new".into(), before: None, after: Some(node) };
    let snapshot = Snapshot { changes: vec![change.clone()], contents: Vec::new() };
    let blob = h.store.blobs().put(snapshot.encode().into()).await.unwrap();
    let counts = ChangeCounts { added: 1, ..ChangeCounts::default() };
    h.leaves(Left { counts, snapshot: Some(SnapshotRef { blob, contents: vec![large] }) });
    (change, [blob, large])
}

fn fork_of(id: TaskId) -> TaskRequest {
    from(json!({"from": "task", "id": id.to_string()}))
}

#[tokio::test]
async fn a_fork_starts_from_what_a_task_left_and_needs_that_task_no_more() {
    let h = Harness::new().await;
    let (change, blobs) = leaving_a_file(&h).await;
    let worker = h.worker(1).await;
    let captured = h.store.blobs().put("captured".into()).await.unwrap();
    let parent = h.submit_request(listed()).await;
    h.completed(parent).await;
    assert_eq!(h.service.changes(&h.caller, parent).await.unwrap(), [change]);

    let fork = h.submit_request(fork_of(parent)).await;
    h.completed(fork).await;
    let WorkspaceSource::Task { id, origin: Some(origin) } = h.task(fork).await.workspace else {
        panic!("it is no fork")
    };
    let source = WorkspaceSource::Dir { path: "/listed".into() };
    let snapshot = Some(SnapshotRef { blob: blobs[0], contents: vec![blobs[1]] });
    assert_eq!(id, parent);
    assert_eq!(*origin, Origin { source, captured: Some(captured), snapshot });
    // The same again is no change of its own.
    assert_eq!(h.service.changes(&h.caller, fork).await.unwrap(), []);
    let chain = h.submit_request(fork_of(fork)).await;
    h.completed(chain).await;
    assert_eq!(h.task(chain).await.origin(), *origin, "a chain is as long as one fork");

    let needed = [captured, blobs[0], blobs[1]];
    for id in [parent, chain] {
        h.service.delete(&h.caller, id).await.unwrap();
    }
    assert_eq!(h.store.without_task(needed.to_vec()).await.unwrap(), []);
    h.store.collect_blobs(UnixMillis(u64::MAX)).await.unwrap();
    assert_eq!(h.service.changes(&h.caller, fork).await.unwrap(), []);
    h.service.delete(&h.caller, fork).await.unwrap();
    assert_eq!(h.store.without_task(needed.to_vec()).await.unwrap(), needed);
    worker.stop().await;
}

#[tokio::test]
async fn what_a_task_left_is_known_once_it_has_ended_by_itself() {
    let h = Harness::new().await;
    leaving_a_file(&h).await;
    let conflict = async |id| match h.service.changes(&h.caller, id).await {
        Err(ServiceError::Conflict { message }) => message,
        other => panic!("{other:?}"),
    };
    let queued = h.submit(json!({})).await;
    assert!(conflict(queued).await.contains("is queued: it has not ended"));
    let found = faults(h.service.submit(&h.caller, fork_of(queued)).await.unwrap_err());
    assert!(found[0].message.contains("when it has ended"), "{found:?}");
    h.service.cancel(&h.caller, queued, None).await.unwrap();
    assert!(conflict(queued).await.contains("is cancelled, and its workspace was not kept"));
    let found = faults(h.service.submit(&h.caller, fork_of(queued)).await.unwrap_err());
    assert!(found[0].message.contains("was not kept"), "{found:?}");

    let worker = h.worker(1).await;
    h.script(|_, _| {
        let failure = Failure {
            code: ErrorCode::ExecutorFailed,
            message: "no".into(),
            detail: None,
            retryable: false,
        };
        Box::pin(std::future::ready(Outcome::Failed(failure)))
    });
    let failed = h.submit(json!({})).await;
    assert_eq!(h.ended(failed).await.left().map(|left| left.counts.added), Some(1));
    // Another try starts as the first one did.
    worker.stop().await;
    h.service.retry(&h.caller, failed).await.unwrap();
    assert_eq!(h.task(failed).await.left, None);
}

#[tokio::test]
async fn a_fork_needs_the_right_to_read_in_that_namespace() {
    let h = Harness::new().await;
    let worker = h.worker(1).await;
    let id = h.submit(json!({})).await;
    h.completed(id).await;
    let rights = |rights: &[Right]| Caller {
        rights: rights.iter().copied().collect::<Rights>(),
        ..h.caller.clone()
    };
    let blind = h.service.submit(&rights(&[Right::Submit]), fork_of(id)).await.unwrap_err();
    assert!(matches!(blind, ServiceError::Forbidden { .. }), "{blind}");
    h.service.submit(&rights(&[Right::Submit, Right::Read]), fork_of(id)).await.unwrap();
    let other = h.caller.within(Namespace::new("other").unwrap()).unwrap();
    h.service.upload(&other, "work", bytes::Bytes::from_static(b"work")).await.unwrap();
    let mut request = fork_of(id);
    request.namespace = Some("other".into());
    let found = faults(h.service.submit(&h.caller, request).await.unwrap_err());
    assert!(found[0].message.contains("`other` has no task"), "{found:?}");
    assert!(matches!(h.service.changes(&other, id).await, Err(ServiceError::NotFound { .. })));
    worker.stop().await;
}
