//! Submitting, idempotency, deleting, depth.

use errand_core::*;
use serde_json::json;

use crate::support::*;

crate::cases!(
    a_task_comes_back_as_it_was_submitted,
    a_batch_is_all_or_none,
    the_same_key_and_request_give_the_same_task,
    the_same_key_twice_in_a_batch_gives_one_task,
    a_key_is_free_again_when_its_task_is_deleted,
    an_id_is_not_given_twice,
    large_inputs_and_outputs_come_back,
    only_a_terminal_task_at_the_named_version_is_deleted,
    depth_counts_by_status_and_executor,
);

async fn a_task_comes_back_as_it_was_submitted(store: &dyn Store) {
    let mut submission = submission();
    submission.labels.insert("team".into(), "red".into());
    submission.context_id = Some(ContextId::new("talk").unwrap());
    submission.delay_ms = 5;
    submission.limits.fuel = u64::MAX;
    submission.input =
        std::sync::Arc::new(json!({"exact": u64::MAX, "float": 0.1, "text": "ü\u{0}"}));
    let new = new(submission.clone());
    let created = submit_new(store, new.clone()).await;
    assert_eq!(created, Task::begin(new.id, &new.submitted).unwrap());
    assert_eq!(store.task(new.id).await.unwrap(), Some(created));
    assert_eq!(store.events(new.id, 0, 10).await.unwrap(), [new.submitted]);
    let unknown = id();
    assert_eq!(store.task(unknown).await.unwrap(), None);
    assert!(matches!(store.events(unknown, 0, 10).await, Err(StoreError::NotFound(_))));
}

async fn a_batch_is_all_or_none(store: &dyn Store) {
    submit_new(store, with_key(new(submission()), "k", "one")).await;
    let fresh = new(submission());
    let batch = vec![fresh.clone(), with_key(new(submission()), "k", "other")];
    let refused = store.submit(batch).await.unwrap_err();
    assert!(matches!(refused, StoreError::IdempotencyConflict { index: 1, .. }), "{refused:?}");
    assert_eq!(store.task(fresh.id).await.unwrap(), None);
    assert_eq!(store.submit(vec![fresh, new(submission())]).await.unwrap().len(), 2);
    assert!(store.submit(Vec::new()).await.unwrap().is_empty());
}

async fn the_same_key_and_request_give_the_same_task(store: &dyn Store) {
    let first = submit_new(store, with_key(new(submission()), "k", "one")).await;
    let again = store.submit(vec![with_key(new(submission()), "k", "one")]).await.unwrap();
    assert_eq!(again, [Submitted::Existing(first.clone())]);
    let mut elsewhere = submission();
    elsewhere.namespace = Namespace::new("other").unwrap();
    let other = submit_new(store, with_key(new(elsewhere), "k", "two")).await;
    assert_ne!(other.id, first.id);
    append(store, first.id, Guard::Version(1), vec![EventBody::CancelRequested { reason: None }])
        .await
        .unwrap();
    let again = store.submit(vec![with_key(new(submission()), "k", "one")]).await.unwrap();
    assert!(matches!(&again[0], Submitted::Existing(task) if task.cancel_requested));
}

async fn the_same_key_twice_in_a_batch_gives_one_task(store: &dyn Store) {
    let (one, two) = (new(submission()), new(submission()));
    let batch = vec![with_key(one.clone(), "k", "same"), with_key(two.clone(), "k", "same")];
    let submitted = store.submit(batch).await.unwrap();
    assert!(matches!(&submitted[0], Submitted::Created(task) if task.id == one.id));
    assert!(matches!(&submitted[1], Submitted::Existing(task) if task.id == one.id));
    assert_eq!(store.task(two.id).await.unwrap(), None);
}

async fn a_key_is_free_again_when_its_task_is_deleted(store: &dyn Store) {
    let first = submit_new(store, with_key(new(submission()), "k", "one")).await;
    let failed = EventBody::Failed { error: error(ErrorCode::Lost), left: None };
    let task = append(store, first.id, Guard::Version(1), vec![failed]).await.unwrap();
    store.delete(first.id, task.version).await.unwrap();
    assert_eq!(store.task(first.id).await.unwrap(), None);
    submit_new(store, with_key(new(submission()), "k", "two")).await;
}

async fn an_id_is_not_given_twice(store: &dyn Store) {
    let task = new(submission());
    submit_new(store, task.clone()).await;
    assert!(matches!(store.submit(vec![task]).await, Err(StoreError::Conflict)));
    let twin = new(submission());
    assert!(matches!(store.submit(vec![twin.clone(), twin]).await, Err(StoreError::Conflict)));
}

async fn large_inputs_and_outputs_come_back(store: &dyn Store) {
    for size in [100, 40_000, 70_000, 2_000_000] {
        let text = "x".repeat(size);
        let mut large = submission();
        large.input = std::sync::Arc::new(json!({"text": text}));
        submit(store, large).await;
        let claimed = claim(store, 1, 0).await.items.remove(0);
        assert_eq!(claimed.input["text"], text);
        let guard = Guard::Lease(claimed.epoch);
        let bodies = vec![
            started(1),
            line(&text),
            EventBody::Emitted { kind: "big".into(), data: json!(text) },
            completed(json!([text])),
        ];
        let done = append(store, claimed.task.id, guard, bodies.clone()).await.unwrap();
        assert_eq!(done.output.as_deref(), Some(&json!([text])));
        assert_eq!(store.task(done.id).await.unwrap(), Some(done.clone()));
        let events = store.events(done.id, 1, 10).await.unwrap();
        assert_eq!(events.into_iter().map(|event| event.body).collect::<Vec<_>>(), bodies);
    }
    // An error's detail may be large too, and a retry forgets it.
    let (task, epoch) = run(store, submission()).await;
    let detail = Some(json!("x".repeat(100_000)));
    let error = TaskError { detail, ..error(ErrorCode::ExecutorFailed) };
    let failed = EventBody::Failed { error: error.clone(), left: None };
    append(store, task.id, Guard::Lease(epoch), vec![failed]).await.unwrap();
    assert_eq!(store.task(task.id).await.unwrap().unwrap().error, Some(error));
    append(store, task.id, Guard::Version(3), vec![EventBody::RetryRequested {}]).await.unwrap();
    assert_eq!(store.task(task.id).await.unwrap().unwrap().error, None);
}

async fn only_a_terminal_task_at_the_named_version_is_deleted(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    assert!(matches!(store.delete(task.id, 2).await, Err(StoreError::Conflict)));
    append(store, task.id, Guard::Lease(epoch), vec![line("a"), completed(json!(1))])
        .await
        .unwrap();
    assert!(matches!(store.delete(task.id, 2).await, Err(StoreError::Conflict)));
    store.delete(task.id, 4).await.unwrap();
    assert!(matches!(store.delete(task.id, 4).await, Err(StoreError::NotFound(_))));
    assert!(matches!(store.events(task.id, 0, 1).await, Err(StoreError::NotFound(_))));
    assert!(matches!(store.artifacts(task.id).await, Err(StoreError::NotFound(_))));
    let gone = append(store, task.id, Guard::Version(4), vec![line("b")]).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))));
    store.changed(task.id, 100).await.unwrap();
}

async fn depth_counts_by_status_and_executor(store: &dyn Store) {
    let other = Namespace::new("other").unwrap();
    run(store, submission()).await;
    let mut rust = submission();
    rust.executor = executor("lint", 1);
    let mut rust_2 = rust.clone();
    rust_2.executor = executor("lint", 2);
    rust_2.namespace = other.clone();
    submit(store, rust).await;
    submit(store, rust_2).await;
    let depth = store.depth(None).await.unwrap();
    assert_eq!(depth.by_status, [2, 1, 0, 0, 0, 0]);
    assert_eq!(depth.queued_by_executor[&ExecutorName::new("lint").unwrap()], 2);
    assert_eq!(depth.oldest_queued_at, Some(at(1_000)));
    let depth = store.depth(Some(other)).await.unwrap();
    assert_eq!(depth.by_status, [1, 0, 0, 0, 0, 0]);
    let none = store.depth(Some(Namespace::new("none").unwrap())).await.unwrap();
    assert_eq!(none, QueueDepth::default());
}
