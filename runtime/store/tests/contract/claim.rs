//! Claiming, leases and epochs, wake-ups.

use std::time::Duration;

use errand_core::*;
use serde_json::json;
use tokio::time::timeout;

use crate::support::*;

crate::cases!(
    claims_go_by_resuming_then_priority_then_age,
    delayed_tasks_are_claimable_when_due,
    a_claimed_task_is_not_claimed_again_until_released,
    an_old_epoch_is_fenced,
    a_lease_ends_when_the_task_leaves_running,
    renewing_tells_what_is_lost,
    a_retry_keeps_its_delay_and_forgets_its_start,
    what_an_attempt_starts_from_comes_back,
    a_cancelled_queued_task_is_not_claimed,
    work_wakes_those_who_wait,
    nothing_wakes_those_who_wait_for_no_reason,
    every_task_is_claimed_once_by_many_workers,
);

async fn claims_go_by_resuming_then_priority_then_age(store: &dyn Store) {
    let (resumed, epoch) = run(store, submission()).await;
    let old = submit(store, submission()).await;
    let young = submit(store, submission()).await;
    let mut urgent = submission();
    urgent.priority = 9;
    let urgent = submit(store, urgent).await;
    let interrupted = EventBody::Interrupted { reason: InterruptReason::Drain };
    append(store, resumed.id, Guard::Lease(epoch), vec![interrupted]).await.unwrap();
    let claims = claim(store, 3, 0).await;
    let order: Vec<_> = claims.items.iter().map(|claimed| claimed.task.id).collect();
    assert_eq!(order, [resumed.id, urgent.id, old.id]);
    assert!(claims.items.iter().all(|claimed| claimed.task.status == Status::Queued));
    assert_eq!(claim(store, 3, 0).await.items[0].task.id, young.id);
    assert!(claim(store, 3, 0).await.items.is_empty());
}

async fn delayed_tasks_are_claimable_when_due(store: &dyn Store) {
    let mut late = submission();
    late.delay_ms = 500;
    let task = submit(store, late).await;
    let claims = claim(store, 1, 1_499).await;
    assert!(claims.items.is_empty());
    assert_eq!(claims.next_due, Some(at(1_500)));
    let claims = claim(store, 1, 1_500).await;
    assert_eq!(claims.items[0].task.id, task.id);
    assert_eq!(claims.next_due, None);
}

async fn a_claimed_task_is_not_claimed_again_until_released(store: &dyn Store) {
    let task = submit(store, submission()).await;
    let first = claim(store, 5, 0).await.items.remove(0);
    assert!(claim(store, 5, 0).await.items.is_empty());
    // A write that leaves it queued leaves it leased.
    let signal = EventBody::SignalReceived { name: "go".into(), payload: serde_json::Value::Null };
    append(store, task.id, Guard::Version(1), vec![signal]).await.unwrap();
    assert!(claim(store, 5, 0).await.items.is_empty());
    let wrong = Epoch(first.epoch.0 + 7);
    assert!(matches!(store.release(task.id, wrong).await, Err(StoreError::Conflict)));
    store.release(task.id, first.epoch).await.unwrap();
    let second = claim(store, 5, 0).await.items.remove(0);
    assert_eq!(second.task.version, 2);
    assert!(second.epoch > first.epoch);
    let late = append(store, task.id, Guard::Lease(first.epoch), vec![started(1)]).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    append(store, task.id, Guard::Lease(second.epoch), vec![started(1)]).await.unwrap();
    assert!(matches!(store.release(task.id, second.epoch).await, Err(StoreError::Conflict)));
}

async fn an_old_epoch_is_fenced(store: &dyn Store) {
    let (task, old) = run(store, submission()).await;
    let lost = EventBody::Interrupted { reason: InterruptReason::Lease };
    append(store, task.id, Guard::Version(2), vec![lost]).await.unwrap();
    let next = claim(store, 1, 0).await.items.remove(0);
    assert!(next.epoch > old);
    append(store, task.id, Guard::Lease(next.epoch), vec![started(2)]).await.unwrap();
    let late = append(store, task.id, Guard::Lease(old), vec![completed(json!(1))]).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    let done = append(store, task.id, Guard::Lease(next.epoch), vec![completed(json!(2))]).await;
    assert_eq!(done.unwrap().output.as_deref(), Some(&json!(2)));
}

async fn a_lease_ends_when_the_task_leaves_running(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let held = store.leases().await.unwrap();
    assert_eq!((held.len(), held[0].status, held[0].orphaned), (1, Status::Running, false));
    let waiting = EventBody::Waiting { waiting_for: WaitingFor::Timer, until: None, awaits: None };
    append(store, task.id, Guard::Lease(epoch), vec![waiting]).await.unwrap();
    assert!(store.leases().await.unwrap().is_empty());
    let late = append(store, task.id, Guard::Lease(epoch), vec![line("late")]).await;
    assert!(matches!(late, Err(StoreError::Illegal(_))));
    // A warm resume goes on under the same lease.
    let warm = EventBody::Resumed { warm: true };
    append(store, task.id, Guard::Version(3), vec![warm]).await.unwrap();
    append(store, task.id, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    assert!(store.leases().await.unwrap().is_empty());
}

async fn renewing_tells_what_is_lost(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let queued = submit(store, submission()).await;
    let claimed = claim(store, 1, 0).await.items.remove(0);
    let held = vec![
        (task.id, epoch),
        (queued.id, claimed.epoch),
        (task.id, Epoch(epoch.0 + 100)),
        (id(), epoch),
    ];
    let unknown = held[3].0;
    let lost = store.renew(worker(), held, at(99_000)).await.unwrap();
    assert_eq!(lost, [task.id, unknown]);
    let until: Vec<_> = store.leases().await.unwrap().iter().map(|held| held.lease.until).collect();
    assert_eq!(until, [at(99_000); 2]);
    let stranger = WorkerId::new("worker-2").unwrap();
    let lost = store.renew(stranger, vec![(task.id, epoch)], at(99_999)).await.unwrap();
    assert_eq!(lost, [task.id]);
}

async fn a_retry_keeps_its_delay_and_forgets_its_start(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    let retry = EventBody::RetryScheduled {
        error: error(ErrorCode::Trap),
        delay_ms: 50,
        not_before: at(5_000),
    };
    append(store, task.id, Guard::Lease(epoch), vec![retry]).await.unwrap();
    assert_eq!(claim(store, 1, 4_999).await.next_due, Some(at(5_000)));
    let claimed = claim(store, 1, 5_000).await.items.remove(0);
    assert_eq!((claimed.task.attempt, claimed.attempt_start), (2, None));
}

async fn what_an_attempt_starts_from_comes_back(store: &dyn Store) {
    let task = submit(store, submission()).await;
    let claimed = claim(store, 1, 0).await.items.remove(0);
    assert_eq!(claimed.attempt_start, None);
    let said = LogOffsets { stdout: 3, ..LogOffsets::default() };
    let start = AttemptStart {
        seed: Seed([7; 32]),
        base_time: at(77),
        engine: "engine".into(),
        said,
        environment: vec![("A".into(), "b".into())],
    };
    let guard = Guard::Lease(claimed.epoch);
    let drafts = vec![draft(started(1))];
    let begin =
        Append { attempt_start: Some(start.clone()), ..Append::new(task.id, guard, drafts) };
    store.append(begin).await.unwrap();
    let crash = EventBody::Interrupted { reason: InterruptReason::Crash };
    append(store, task.id, guard, vec![crash]).await.unwrap();
    let claimed = claim(store, 1, 0).await.items.remove(0);
    assert_eq!(claimed.attempt_start, Some(start));
}

async fn a_cancelled_queued_task_is_not_claimed(store: &dyn Store) {
    let task = submit(store, submission()).await;
    let cancel = vec![
        EventBody::CancelRequested { reason: None },
        EventBody::Cancelled { error: error(ErrorCode::Cancelled) },
    ];
    append(store, task.id, Guard::Version(1), cancel).await.unwrap();
    assert!(claim(store, 1, 0).await.items.is_empty());
    append(store, task.id, Guard::Version(3), vec![EventBody::RetryRequested {}]).await.unwrap();
    assert_eq!(claim(store, 1, 0).await.items[0].task.attempt, 2);
}

async fn work_wakes_those_who_wait(store: &dyn Store) {
    claim(store, 1, 0).await;
    let wait = || timeout(Duration::from_secs(10), store.claimable());
    let (woken, task) = tokio::join!(wait(), submit(store, submission()));
    woken.expect("a submission wakes");
    let claimed = claim(store, 1, 0).await.items.remove(0);
    store.release(task.id, claimed.epoch).await.unwrap();
    wait().await.expect("a release wakes, also before the wait began");
    let claimed = claim(store, 1, 0).await.items.remove(0);
    let bodies = vec![started(1), EventBody::Interrupted { reason: InterruptReason::Drain }];
    append(store, task.id, Guard::Lease(claimed.epoch), bodies).await.unwrap();
    wait().await.expect("a hand-back wakes");
    // What a claim leaves behind wakes the next one.
    submit(store, submission()).await;
    claim(store, 1, 0).await;
    wait().await.expect("something is left");
    claim(store, 5, 0).await;
    let mut late = submission();
    late.delay_ms = 50;
    submit(store, late).await;
    wait().await.expect("there is a new time to wait for");
}

async fn nothing_wakes_those_who_wait_for_no_reason(store: &dyn Store) {
    let (task, epoch) = run(store, submission()).await;
    claim(store, 1, 0).await;
    append(store, task.id, Guard::Lease(epoch), vec![completed(json!(1))]).await.unwrap();
    // Polled once; a later wake-up would come from a later call alone.
    let claimable = timeout(Duration::ZERO, store.claimable()).await;
    assert!(claimable.is_err(), "nothing is claimable");
    let changed = timeout(Duration::ZERO, store.changed(task.id, 3)).await;
    assert!(changed.is_err(), "there is no event 4");
}

async fn every_task_is_claimed_once_by_many_workers(store: &dyn Store) {
    let count = 300;
    let submitting = async {
        for _ in 0..count {
            submit(store, submission()).await;
        }
    };
    let working = || async {
        let mut mine = Vec::new();
        while timeout(Duration::from_millis(300), store.claimable()).await.is_ok() {
            for claimed in claim(store, 7, 0).await.items {
                let guard = Guard::Lease(claimed.epoch);
                let bodies = vec![started(1), completed(json!(null))];
                append(store, claimed.task.id, guard, bodies).await.unwrap();
                mine.push(claimed.task.id);
            }
        }
        mine
    };
    let (_, one, two, three) = tokio::join!(submitting, working(), working(), working());
    let mut all = [one, two, three].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!(store.depth(None).await.unwrap().by_status, [0, 0, 0, count as u64, 0, 0]);
}
