//! The journal of an attempt, and tasks that wait for a moment.

use errand_core::*;
use serde_json::json;

use crate::support::*;

crate::cases!(
    calls_come_back_by_ordinal_and_an_answer_replaces_the_wait_for_it,
    a_large_answer_comes_back,
    an_attempt_keeps_what_it_is_told_to_and_otherwise_nothing,
    what_is_written_with_the_end_of_an_attempt_is_not_the_next_ones,
    a_completed_or_deleted_task_has_no_journal,
    an_old_epoch_journals_nothing,
    a_wait_is_due_once_and_a_resumed_task_is_not,
    a_waiting_task_goes_on_under_its_lease,
);

fn entry(ordinal: u64, answer: Answer) -> JournalEntry {
    JournalEntry {
        ordinal,
        call: "test.call".into(),
        arguments: format!("[{ordinal}]"),
        at: at(ordinal),
        answer,
        said: LogOffsets::default(),
    }
}

fn given(ordinal: u64) -> JournalEntry {
    entry(ordinal, Answer::Given(json!(ordinal)))
}

async fn journal(store: &dyn Store, task: TaskId, epoch: Epoch, entries: Vec<JournalEntry>) {
    let append = Append { entries, ..Append::new(task, Guard::Lease(epoch), Vec::new()) };
    store.append(append).await.unwrap();
}

fn retry() -> Draft {
    let error = error(ErrorCode::ExecutorFailed);
    draft(EventBody::RetryScheduled { error, delay_ms: 0, not_before: at(0) })
}

async fn calls_come_back_by_ordinal_and_an_answer_replaces_the_wait_for_it(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    assert_eq!(store.journal(task.id).await.unwrap(), []);
    journal(store, task.id, epoch, vec![given(1)]).await;
    let version = store.task(task.id).await.unwrap().unwrap().version;
    assert_eq!(version, task.version, "the log is as it was");
    let awaited = entry(2, Answer::Awaited { until: Some(at(9)) });
    journal(store, task.id, epoch, vec![awaited.clone()]).await;
    assert_eq!(store.journal(task.id).await.unwrap(), [given(1), awaited]);
    journal(store, task.id, epoch, vec![given(2), given(3)]).await;
    assert_eq!(store.journal(task.id).await.unwrap(), [given(1), given(2), given(3)]);
}

async fn a_large_answer_comes_back(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let large = entry(1, Answer::Given(json!("x".repeat(200_000))));
    journal(store, task.id, epoch, vec![large.clone()]).await;
    assert_eq!(store.journal(task.id).await.unwrap(), [large]);
}

async fn an_attempt_keeps_what_it_is_told_to_and_otherwise_nothing(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let start = AttemptStart {
        seed: Seed([7; 32]),
        base_time: at(77),
        engine: "engine".into(),
        said: LogOffsets::default(),
        environment: Vec::new(),
    };
    let all = vec![given(1), entry(3, Answer::Failed(json!("later"))), given(4)];
    let begin = Append {
        attempt_start: Some(start.clone()),
        entries: all,
        ..Append::new(task.id, Guard::Lease(epoch), Vec::new())
    };
    store.append(begin).await.unwrap();
    let said = LogOffsets { stdout: 5, ..LogOffsets::default() };
    let kept = Some(Kept { before: 3, said });
    // What comes with the end of the attempt is kept or dropped by the same rule.
    let again = Append {
        kept,
        entries: vec![given(2), given(5)],
        ..Append::new(task.id, Guard::Lease(epoch), vec![retry()])
    };
    store.append(again).await.unwrap();
    assert_eq!(store.journal(task.id).await.unwrap(), [given(1), given(2)]);
    let claimed = claim(store, 1, 1_000).await.items.remove(0);
    assert_eq!(claimed.attempt_start, Some(AttemptStart { said, ..start }));

    let guard = Guard::Lease(claimed.epoch);
    append(store, task.id, guard, vec![started(2)]).await.unwrap();
    let end = Append { entries: vec![given(3)], ..Append::new(task.id, guard, vec![retry()]) };
    store.append(end).await.unwrap();
    assert_eq!(store.journal(task.id).await.unwrap(), []);
    let claimed = claim(store, 1, 1_000).await.items.remove(0);
    assert_eq!((claimed.task.attempt, claimed.attempt_start), (3, None));
}

/// A short attempt is written in one append, with its start, its calls and its end.
async fn what_is_written_with_the_end_of_an_attempt_is_not_the_next_ones(store: &dyn Store) {
    for (kept, journal) in [(None, vec![]), (Some(2), vec![given(1)])] {
        let task = submit(store, submission()).await;
        let claimed = claim(store, 1, 1_000).await.items.remove(0);
        let start = AttemptStart {
            seed: Seed([7; 32]),
            base_time: at(77),
            engine: "engine".into(),
            said: LogOffsets::default(),
            environment: Vec::new(),
        };
        let all = Append {
            attempt_start: Some(start.clone()),
            entries: vec![given(1), entry(2, Answer::Failed(json!("later"))), given(3)],
            kept: kept.map(|before| Kept { before, said: LogOffsets::default() }),
            ..Append::new(task.id, Guard::Lease(claimed.epoch), vec![draft(started(1)), retry()])
        };
        store.append(all).await.unwrap();
        assert_eq!(store.journal(task.id).await.unwrap(), journal);
        let claimed = claim(store, 1, 1_000).await.items.remove(0);
        assert_eq!(claimed.attempt_start, kept.map(|_| start));
    }
}

async fn a_completed_or_deleted_task_has_no_journal(store: &dyn Store) {
    let (done, epoch) = run(store, submission()).await;
    journal(store, done.id, epoch, vec![given(1)]).await;
    append(store, done.id, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    assert_eq!(store.journal(done.id).await.unwrap(), []);

    let (failed, epoch) = run(store, submission()).await;
    journal(store, failed.id, epoch, vec![given(1)]).await;
    let end = EventBody::Failed { error: error(ErrorCode::Trap), left: None };
    let task = append(store, failed.id, Guard::Lease(epoch), vec![end]).await.unwrap();
    assert_eq!(store.journal(task.id).await.unwrap(), [given(1)], "a retry may keep it");
    store.delete(task.id, task.version).await.unwrap();
    assert_eq!(store.journal(task.id).await.unwrap(), []);
}

async fn an_old_epoch_journals_nothing(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let guard = Guard::Lease(Epoch(epoch.0 - 1));
    let append = Append { entries: vec![given(1)], ..Append::new(task.id, guard, Vec::new()) };
    assert!(matches!(store.append(append).await, Err(StoreError::Conflict)));
    assert_eq!(store.journal(task.id).await.unwrap(), []);
}

fn waiting(until: u64) -> EventBody {
    EventBody::Waiting { waiting_for: WaitingFor::Timer, until: Some(at(until)), awaits: None }
}

async fn a_wait_is_due_once_and_a_resumed_task_is_not(store: &dyn Store) {
    let (first, epoch) = run(store, submission()).await;
    append(store, first.id, Guard::Lease(epoch), vec![waiting(60)]).await.unwrap();
    let (second, epoch) = run(store, submission()).await;
    append(store, second.id, Guard::Lease(epoch), vec![waiting(50)]).await.unwrap();
    let (third, epoch) = run(store, submission()).await;
    append(store, third.id, Guard::Lease(epoch), vec![waiting(40)]).await.unwrap();
    let resumed = vec![EventBody::Resumed { warm: false }];
    append(store, third.id, Guard::Lease(epoch), resumed).await.unwrap();

    let due = store.take_due(at(49), 10).await.unwrap();
    assert_eq!((due.items, due.next), (vec![], Some(at(50))));
    let due = store.take_due(at(100), 1).await.unwrap();
    assert_eq!((due.items, due.next), (vec![second.id], Some(at(60))));
    let due = store.take_due(at(100), 10).await.unwrap();
    assert_eq!((due.items, due.next), (vec![first.id], None));
    assert_eq!(store.take_due(at(100), 10).await.unwrap().items, []);
}

async fn a_waiting_task_goes_on_under_its_lease(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let guard = Guard::Lease(epoch);
    append(store, task.id, guard, vec![waiting(60)]).await.unwrap();
    assert!(store.leases().await.unwrap().is_empty(), "nothing is to be renewed meanwhile");
    let other = Guard::Lease(Epoch(epoch.0 + 1));
    let resumed = || vec![EventBody::Resumed { warm: true }];
    assert!(append(store, task.id, other, resumed()).await.is_err());
    let task = append(store, task.id, guard, resumed()).await.unwrap();
    assert_eq!((task.status, task.wait_until), (Status::Running, None));
    assert_eq!(store.leases().await.unwrap()[0].lease.epoch, epoch);
}
