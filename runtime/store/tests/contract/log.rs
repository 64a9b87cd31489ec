//! Appending, reading a log, waiting for it, artifacts.

use std::time::Duration;

use errand_core::*;
use serde_json::json;
use tokio::time::timeout;

use crate::support::*;

crate::cases!(
    events_are_numbered_and_read_from_any_point,
    a_version_that_is_not_the_last_is_a_conflict,
    an_illegal_event_leaves_nothing_behind,
    the_task_is_the_fold_of_its_log,
    whoever_waits_for_an_event_is_woken,
    the_last_artifact_of_each_path_counts,
    only_one_of_two_racing_writers_wins,
);

async fn events_are_numbered_and_read_from_any_point(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    for n in 0..10 {
        let lines = (0..n % 4 + 1).map(|m| line(&format!("{n}.{m}"))).collect();
        append(store, task.id, Guard::Lease(epoch), lines).await.unwrap();
    }
    let all = store.events(task.id, 0, 1_000).await.unwrap();
    assert!(all.iter().map(|event| event.seq).eq(1..=all.len() as u64));
    assert_eq!(all.len() as u64, store.task(task.id).await.unwrap().unwrap().version);
    for after in 0..=all.len() {
        for limit in [0, 1, 3, 1_000] {
            let part = store.events(task.id, after as u64, limit).await.unwrap();
            assert_eq!(part, all[after..(after + limit).min(all.len())]);
        }
    }
    assert!(store.events(task.id, u64::MAX, 10).await.unwrap().is_empty());
}

async fn a_version_that_is_not_the_last_is_a_conflict(store: &dyn Store) {
    let (task, _) = run(store, submission()).await;
    for version in [0, 1, 3, u64::MAX] {
        let refused = append(store, task.id, Guard::Version(version), vec![line("x")]).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{version}");
    }
    append(store, task.id, Guard::Version(2), vec![line("x")]).await.unwrap();
    let lost = append(store, id(), Guard::Version(1), vec![line("x")]).await;
    assert!(matches!(lost, Err(StoreError::NotFound(_))));
}

async fn an_illegal_event_leaves_nothing_behind(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let bodies = vec![line("fine"), EventBody::Resumed { warm: true }, line("after")];
    let refused = append(store, task.id, Guard::Lease(epoch), bodies).await;
    assert!(matches!(refused, Err(StoreError::Illegal(_))));
    assert_eq!(store.task(task.id).await.unwrap(), Some(task.clone()));
    assert_eq!(store.events(task.id, 0, 10).await.unwrap().len(), 2);
    append(store, task.id, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    assert_eq!(store.depth(None).await.unwrap().by_status, [0, 0, 0, 1, 0, 0]);
}

async fn the_task_is_the_fold_of_its_log(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let guard = Guard::Lease(epoch);
    let progress =
        Progress { fuel_used: 7, done: Some(1), total: None, message: Some("m".into()), ran_ms: 3 };
    let drafts =
        vec![Draft { progress: Some(progress), ..draft(line("a")) }, draft(completed(json!([1])))];
    let done = store.append(Append::new(task.id, guard, drafts)).await;
    let events = store.events(task.id, 0, 100).await.unwrap();
    let mut fold = Task::begin(task.id, &events[0]).unwrap();
    for event in &events[1..] {
        fold.apply(event).unwrap();
    }
    assert_eq!(done.unwrap(), fold);
    assert_eq!(store.task(task.id).await.unwrap(), Some(fold));
}

async fn whoever_waits_for_an_event_is_woken(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    store.changed(task.id, 1).await.unwrap();
    let wait = || timeout(Duration::from_secs(10), store.changed(task.id, 2));
    let write = append(store, task.id, Guard::Lease(epoch), vec![line("x")]);
    let (one, two, written) = tokio::join!(wait(), wait(), write);
    written.unwrap();
    one.expect("woken").unwrap();
    two.expect("woken").unwrap();
    store.changed(id(), 0).await.unwrap();
}

async fn the_last_artifact_of_each_path_counts(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let artifact = |path: &str, content: &[u8]| Artifact {
        path: path.into(),
        size_bytes: content.len() as u64,
        blake3: Digest::of(content),
        media_type: "text/plain".into(),
        description: None,
    };
    let published = |artifact: Artifact| EventBody::ArtifactPublished(artifact);
    // References to blobs that are not there are the doctor's to find, so take real ones out again.
    let bodies = vec![
        published(artifact("b", b"1")),
        published(artifact("a", b"1")),
        line("between"),
        published(artifact("b", b"22")),
    ];
    append(store, task.id, Guard::Lease(epoch), bodies).await.unwrap();
    let found = store.artifacts(task.id).await.unwrap();
    assert_eq!(found, [artifact("a", b"1"), artifact("b", b"22")]);
    append(store, task.id, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    store.delete(task.id, 7).await.unwrap();
}

async fn only_one_of_two_racing_writers_wins(store: &dyn Store) {
    let task = submit(store, submission()).await;
    for version in 1..50 {
        let signal = |name: &str| {
            vec![EventBody::SignalReceived { name: name.into(), payload: serde_json::Value::Null }]
        };
        let (one, two) = tokio::join!(
            append(store, task.id, Guard::Version(version), signal("one")),
            append(store, task.id, Guard::Version(version), signal("two")),
        );
        assert_eq!(u32::from(one.is_ok()) + u32::from(two.is_ok()), 1);
    }
    assert_eq!(store.events(task.id, 0, 100).await.unwrap().len(), 50);
}
