//! Finding and collecting what is old.

use std::collections::BTreeSet;
use std::sync::Arc;

use errand_core::*;
use serde_json::json;

use crate::support::*;

crate::cases!(
    tasks_that_ended_before_a_moment_are_found_part_by_part,
    a_task_that_runs_or_ended_later_is_not_found,
    a_task_that_was_retried_is_found_no_more,
    blobs_go_when_nothing_refers_to_them_and_they_are_old,
    an_idempotency_key_goes_with_its_task,
    what_a_task_left_stays_with_it_and_with_its_forks,
    blobs_that_tasks_start_from_are_told_from_others,
);

const FAR_FUTURE: UnixMillis = UnixMillis(u64::MAX / 4);

async fn ended(store: &dyn Store, submission: Submission, at_ms: u64) -> Task {
    let (task, epoch) = run(store, submission).await;
    let draft = Draft { at: at(at_ms), ..draft(completed(json!(null))) };
    let guard = Guard::Lease(epoch);
    let append = Append::new(task.id, guard, vec![draft]);
    store.append(append).await.unwrap()
}

async fn expired(store: &dyn Store, ended_before: u64, limit: usize) -> Vec<(TaskId, u64)> {
    let mut found = Vec::new();
    let mut query = ExpiredQuery { ended_before: at(ended_before), after: None, limit };
    loop {
        let page = store.expired(query.clone()).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return found,
        }
    }
}

async fn tasks_that_ended_before_a_moment_are_found_part_by_part(store: &dyn Store) {
    let mut all = BTreeSet::new();
    for version in 1..=3 {
        for _ in 0..4 {
            let executor = executor("python", version);
            let task = ended(store, Submission { executor, ..submission() }, 50_000).await;
            all.insert((task.id, task.version));
        }
    }
    for limit in [1, 5, 100] {
        let found = expired(store, 50_001, limit).await;
        assert_eq!(found.len(), all.len(), "each once");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all);
    }
}

async fn a_task_that_runs_or_ended_later_is_not_found(store: &dyn Store) {
    ended(store, submission(), 50_000).await;
    run(store, submission()).await;
    submit(store, submission()).await;
    assert_eq!(expired(store, 50_000, 10).await, []);
    assert_eq!(expired(store, 50_001, 10).await.len(), 1);
}

async fn a_task_that_was_retried_is_found_no_more(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let failed = EventBody::Failed { error: error(ErrorCode::ExecutorFailed), left: None };
    let task = append(store, task.id, Guard::Lease(epoch), vec![failed]).await.unwrap();
    assert_eq!(expired(store, 50_000, 10).await, [(task.id, task.version)]);
    let guard = Guard::Version(task.version);
    append(store, task.id, guard, vec![EventBody::RetryRequested {}]).await.unwrap();
    assert_eq!(expired(store, 50_000, 10).await, []);
    let stale = store.delete(task.id, task.version).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "what was found may have changed since");
}

async fn blobs_go_when_nothing_refers_to_them_and_they_are_old(store: &dyn Store) {
    let large = |letter: &str| Arc::new(json!({"text": letter.repeat(200_000)}));
    let gone = ended(store, Submission { input: large("a"), ..submission() }, 5_000).await;
    let shared = ended(store, Submission { input: large("b"), ..submission() }, 5_000).await;
    submit(store, Submission { input: large("b"), ..submission() }).await;
    assert_eq!(store.collect_blobs(FAR_FUTURE).await.unwrap(), CollectedBlobs::default());
    for task in [gone, shared] {
        store.delete(task.id, task.version).await.unwrap();
    }
    let kept = store.collect_blobs(at(0)).await.unwrap();
    assert_eq!(kept.count, 0, "its reference could be under way");
    let collected = store.collect_blobs(FAR_FUTURE).await.unwrap();
    assert_eq!(collected.count, 1);
    assert!(collected.bytes >= 200_000, "{collected:?}");
    let claimed = claim(store, 1, 1_000).await.items.remove(0);
    assert_eq!(claimed.input, large("b"));
}

async fn an_idempotency_key_goes_with_its_task(store: &dyn Store) {
    let first = submit_new(store, with_key(new(submission()), "key", "one")).await;
    let cancelled = EventBody::Cancelled { error: error(ErrorCode::Cancelled) };
    let bodies = vec![EventBody::CancelRequested { reason: None }, cancelled];
    let first = append(store, first.id, Guard::Version(1), bodies).await.unwrap();
    store.delete(first.id, first.version).await.unwrap();
    submit_new(store, with_key(new(submission()), "key", "another request")).await;
}

async fn what_a_task_left_stays_with_it_and_with_its_forks(store: &dyn Store) {
    let [own, large, archive] = [b"own".as_slice(), b"large", b"archive"].map(Digest::of);
    let snapshot = SnapshotRef { blob: own, contents: vec![large] };
    let left = Left { counts: ChangeCounts::default(), snapshot: Some(snapshot.clone()) };
    let (task, epoch) = run(store, submission()).await;
    let end = EventBody::Completed { output: Arc::default(), left: Some(Box::new(left.clone())) };
    let task = append(store, task.id, Guard::Lease(epoch), vec![end]).await.unwrap();
    assert_eq!(task.left(), Some(left.clone()));
    assert_eq!(store.task(task.id).await.unwrap().unwrap().left(), Some(left), "read back");
    let origin = Origin {
        source: WorkspaceSource::Tar { blob: archive },
        captured: None,
        snapshot: Some(snapshot),
    };
    let workspace = WorkspaceSource::Task { id: task.id, origin: Some(Box::new(origin)) };
    let fork = ended(store, Submission { workspace, ..submission() }, 5_000).await;
    store.delete(task.id, task.version).await.unwrap();
    let all = vec![own, large, archive];
    assert_eq!(store.without_task(all.clone()).await.unwrap(), []);
    store.delete(fork.id, fork.version).await.unwrap();
    assert_eq!(store.without_task(all.clone()).await.unwrap(), all);
}

async fn blobs_that_tasks_start_from_are_told_from_others(store: &dyn Store) {
    let [used, unused] = [b"used".as_slice(), b"unused"].map(Digest::of);
    let mounted = Digest::of(b"mounted");
    let workspace = WorkspaceSource::Tar { blob: used };
    let mounts = vec![Mount { path: "/data".into(), blob: mounted }];
    let task = ended(store, Submission { workspace, mounts, ..submission() }, 5_000).await;
    let uploaded = |expected, value| {
        store.put_doc(DocKind::Blob, format!("default/{unused}"), expected, value)
    };
    uploaded(None, Some(json!({}))).await.unwrap();
    let found = store.without_task(vec![used, mounted, unused]).await.unwrap();
    assert_eq!(found, [unused], "that somebody uploaded it is no task's need");
    store.delete(task.id, task.version).await.unwrap();
    assert_eq!(store.without_task(vec![used, mounted]).await.unwrap(), [used, mounted]);
    // Its bytes were never there, which the check of all that is stored would find.
    uploaded(Some(1), None).await.unwrap();
}
