//! Checkpoints: what takes the place of an attempt's start and journal, in one write.

use errand_core::*;
use serde_json::json;

use crate::support::*;

crate::cases!(
    a_checkpoint_takes_the_place_of_start_and_journal,
    a_state_of_any_size_comes_back,
    an_old_epoch_saves_nothing,
    an_event_that_may_not_follow_saves_nothing,
    a_retry_keeps_the_checkpoint_with_the_journal_or_neither,
    a_completed_or_deleted_task_has_no_checkpoint,
    only_blobs_of_the_last_checkpoint_are_kept,
);

fn given(ordinal: u64) -> JournalEntry {
    entry(ordinal, Answer::Given(json!(ordinal)))
}

fn entry(ordinal: u64, answer: Answer) -> JournalEntry {
    JournalEntry {
        ordinal,
        call: "test.call".into(),
        arguments: "[]".into(),
        at: at(ordinal),
        answer,
        said: LogOffsets::default(),
    }
}

fn start(seed: u8) -> AttemptStart {
    AttemptStart {
        seed: Seed([seed; 32]),
        base_time: at(77),
        engine: "engine".into(),
        said: LogOffsets::default(),
        environment: Vec::new(),
    }
}

fn checkpoint(number: u32, state: &[u8]) -> Checkpoint {
    Checkpoint {
        state: state.to_vec().into(),
        number,
        executed_fuel: 5,
        charged_fuel: 6,
        waited_ns: 7,
        output_bytes: 8,
        published: Published { paths: vec!["a".into()], count: 2, bytes: 3 },
        ..Checkpoint::default()
    }
}

/// Claims the only task that there is, and starts it.
async fn go_on(store: &dyn Store) -> (Claimed, Guard) {
    let claimed = claim(store, 1, 1_000).await.items.remove(0);
    let guard = Guard::Lease(claimed.epoch);
    let run = claimed.task.runs + 1;
    append(store, claimed.task.id, guard, vec![started(run)]).await.unwrap();
    (claimed, guard)
}

fn saving(task: TaskId, guard: Guard, seed: u8, checkpoint: Checkpoint) -> Append {
    let state_bytes = checkpoint.state.len() as u64;
    Append {
        attempt_start: Some(start(seed)),
        checkpoint: Some(checkpoint),
        ..Append::new(task, guard, vec![draft(EventBody::CheckpointSaved { state_bytes })])
    }
}

/// Starts a task with a journal.
async fn begun(store: &dyn Store) -> (TaskId, Guard) {
    let task = submit(store, submission()).await.id;
    let claimed = claim(store, 1, 1_000).await.items.remove(0);
    let guard = Guard::Lease(claimed.epoch);
    let begin = Append {
        attempt_start: Some(start(1)),
        entries: vec![given(1), given(2)],
        ..Append::new(task, guard, vec![draft(started(1)), draft(line("said"))])
    };
    store.append(begin).await.unwrap();
    (task, guard)
}

fn retry() -> Draft {
    let error = error(ErrorCode::ExecutorFailed);
    draft(EventBody::RetryScheduled { error, delay_ms: 0, not_before: at(0) })
}

async fn a_checkpoint_takes_the_place_of_start_and_journal(store: &dyn Store) {
    let (task, guard) = begun(store).await;
    assert_eq!(store.checkpoint(task).await.unwrap(), None);
    let saved = store.append(saving(task, guard, 2, checkpoint(1, b"one"))).await.unwrap();
    assert_eq!((saved.status, saved.resuming, saved.attempt), (Status::Queued, true, 1));
    assert_eq!((saved.logged.stdout, saved.attempt_logged.stdout), (4, 0));
    assert_eq!(store.journal(task).await.unwrap(), []);
    assert_eq!(store.checkpoint(task).await.unwrap(), Some(checkpoint(1, b"one")));

    let other = submit(store, submission()).await;
    let (claimed, guard) = go_on(store).await;
    assert_eq!((claimed.task.id, claimed.attempt_start), (task, Some(start(2))), "ahead of others");
    let entries = vec![given(1)];
    store.append(Append { entries, ..Append::new(task, guard, Vec::new()) }).await.unwrap();
    assert_eq!(store.journal(task).await.unwrap(), [given(1)]);
    assert_eq!(store.checkpoint(task).await.unwrap(), Some(checkpoint(1, b"one")));

    store.append(saving(task, guard, 3, checkpoint(2, b""))).await.unwrap();
    assert_eq!(store.journal(task).await.unwrap(), []);
    assert_eq!(store.checkpoint(task).await.unwrap(), Some(checkpoint(2, b"")), "of no bytes");
    assert_eq!(store.checkpoint(other.id).await.unwrap(), None);
}

async fn a_state_of_any_size_comes_back(store: &dyn Store) {
    let (task, mut guard) = begun(store).await;
    for (number, bytes) in [(1, 70_000), (2, 3 << 20), (3, 1)] {
        let state: Vec<u8> = (0..bytes).map(|byte| (byte % 251) as u8).collect();
        store.append(saving(task, guard, 2, checkpoint(number, &state))).await.unwrap();
        assert_eq!(store.checkpoint(task).await.unwrap(), Some(checkpoint(number, &state)));
        guard = go_on(store).await.1;
    }
}

async fn an_old_epoch_saves_nothing(store: &dyn Store) {
    let (task, guard) = begun(store).await;
    let Guard::Lease(epoch) = guard else { panic!("it is leased") };
    let old = Guard::Lease(Epoch(epoch.0 - 1));
    let refused = store.append(saving(task, old, 2, checkpoint(1, b"one"))).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    assert_eq!(store.checkpoint(task).await.unwrap(), None);
    assert_eq!(store.journal(task).await.unwrap(), [given(1), given(2)]);
}

async fn an_event_that_may_not_follow_saves_nothing(store: &dyn Store) {
    let (task, guard) = begun(store).await;
    let mut twice = saving(task, guard, 2, checkpoint(1, b"one"));
    twice.drafts.push(draft(EventBody::CheckpointSaved { state_bytes: 3 }));
    assert!(matches!(store.append(twice).await, Err(StoreError::Illegal(_))));
    assert_eq!(store.checkpoint(task).await.unwrap(), None);
    assert_eq!(store.journal(task).await.unwrap(), [given(1), given(2)]);
    store.append(saving(task, guard, 2, checkpoint(1, b"one"))).await.unwrap();
}

async fn a_retry_keeps_the_checkpoint_with_the_journal_or_neither(store: &dyn Store) {
    let (task, guard) = begun(store).await;
    store.append(saving(task, guard, 2, checkpoint(1, b"one"))).await.unwrap();
    let (_, guard) = go_on(store).await;
    let said = LogOffsets { stdout: 5, ..LogOffsets::default() };
    let again = Append {
        kept: Some(Kept { before: 2, said }),
        entries: vec![given(1), entry(2, Answer::Failed(json!("later")))],
        ..Append::new(task, guard, vec![retry()])
    };
    store.append(again).await.unwrap();
    assert_eq!(store.journal(task).await.unwrap(), [given(1)]);
    assert_eq!(store.checkpoint(task).await.unwrap(), Some(checkpoint(1, b"one")));
    let (claimed, guard) = go_on(store).await;
    assert_eq!(claimed.attempt_start, Some(AttemptStart { said, ..start(2) }));

    store.append(Append::new(task, guard, vec![retry()])).await.unwrap();
    assert_eq!(store.journal(task).await.unwrap(), []);
    assert_eq!(store.checkpoint(task).await.unwrap(), None);
    assert_eq!(go_on(store).await.0.attempt_start, None);
}

async fn a_completed_or_deleted_task_has_no_checkpoint(store: &dyn Store) {
    let (done, guard) = begun(store).await;
    store.append(saving(done, guard, 2, checkpoint(1, b"one"))).await.unwrap();
    let (_, guard) = go_on(store).await;
    append(store, done, guard, vec![completed(json!(1))]).await.unwrap();
    assert_eq!(store.checkpoint(done).await.unwrap(), None);

    let (failed, guard) = begun(store).await;
    store.append(saving(failed, guard, 2, checkpoint(1, b"one"))).await.unwrap();
    let (_, guard) = go_on(store).await;
    let end = EventBody::Failed { error: error(ErrorCode::Trap), left: None };
    let task = append(store, failed, guard, vec![end]).await.unwrap();
    let kept = store.checkpoint(failed).await.unwrap();
    assert_eq!(kept, Some(checkpoint(1, b"one")), "a retry may keep it");
    store.delete(failed, task.version).await.unwrap();
    assert_eq!(store.checkpoint(failed).await.unwrap(), None);
}

async fn only_blobs_of_the_last_checkpoint_are_kept(store: &dyn Store) {
    const FAR_FUTURE: UnixMillis = UnixMillis(u64::MAX / 4);
    let (task, mut guard) = begun(store).await;
    let state = |number: u8| vec![number; 200_000];
    for number in 1..=3 {
        let large = entry(1, Answer::Given(json!("x".repeat(100_000 + usize::from(number)))));
        let entries = vec![large];
        store.append(Append { entries, ..Append::new(task, guard, Vec::new()) }).await.unwrap();
        let saved = checkpoint(number.into(), &state(number));
        store.append(saving(task, guard, number, saved)).await.unwrap();
        guard = go_on(store).await.1;
    }
    let collected = store.collect_blobs(FAR_FUTURE).await.unwrap();
    assert_eq!(collected.count, 2 + 3, "two states and the answers of three journals");
    let last = store.checkpoint(task).await.unwrap();
    assert_eq!(last, Some(checkpoint(3, &state(3))));
    append(store, task, guard, vec![completed(json!(1))]).await.unwrap();
    assert_eq!(store.collect_blobs(FAR_FUTURE).await.unwrap().count, 1);
}
