//! What only a durable store can be asked: what is there after a start, a crash, damage.

#![expect(clippy::disallowed_methods, reason = "a test makes its own directories")]

#[path = "contract/support.rs"]
#[expect(dead_code, reason = "shared with the contract suite")]
mod support;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use errand_core::*;
use errand_store::{FreeSpace, OpenError, Part, SledOptions, SledStore, Syncing, Trust};
use serde_json::json;

use support::*;

fn open(dir: &Path) -> SledStore {
    SledStore::open(dir, SledOptions::default()).expect("a store")
}

/// Small bounds, so that segments, checkpoints and snapshots come often.
fn small() -> SledOptions {
    SledOptions {
        segment_bytes: 64 << 10,
        checkpoint_bytes: 32 << 10,
        snapshot_bytes: 128 << 10,
        ..SledOptions::default()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if let Err(error) = fs::copy(entry.path(), &to) {
            // Removed by the keeper meanwhile.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        }
    }
}

fn wal_files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(prefix);
    let mut files: Vec<_> = files.filter(named).collect();
    files.sort();
    files
}

/// A task at each status, and one large value.
async fn fill(store: &SledStore) -> Vec<Task> {
    let (running, _) = run(store, submission()).await;
    let (waiting, epoch) = run(store, submission()).await;
    let waiting = wait(store, waiting.id, epoch).await;
    let (done, epoch) = run(store, submission()).await;
    let body = completed(json!("x".repeat(100_000)));
    let done = append(store, done.id, Guard::Lease(epoch), vec![line("a"), body]).await.unwrap();
    let queued = submit(store, submission()).await;
    let mut urgent = submission();
    urgent.priority = 1;
    let urgent = submit(store, urgent).await;
    store.put_doc(DocKind::Token, "t".into(), None, Some(json!(1))).await.unwrap();
    vec![running, waiting, done, queued, urgent]
}

/// Has a task wait, after a call that was answered.
async fn wait(store: &SledStore, id: TaskId, epoch: Epoch) -> Task {
    let body = EventBody::Waiting {
        waiting_for: WaitingFor::Timer,
        until: Some(at(60_000)),
        awaits: None,
    };
    let append = Append {
        attempt_start: Some(AttemptStart {
            seed: Seed([7; 32]),
            base_time: at(1_000),
            engine: "engine".into(),
            said: LogOffsets::default(),
            environment: Vec::new(),
        }),
        entries: journal(),
        ..Append::new(id, Guard::Lease(epoch), vec![draft(line("b")), draft(body)])
    };
    store.append(append).await.unwrap()
}

/// The journal of the task that waits.
fn journal() -> Vec<JournalEntry> {
    let entry = |ordinal, answer| JournalEntry {
        ordinal,
        call: "sleep".into(),
        arguments: "[1000]".into(),
        at: at(2_000),
        answer,
        said: LogOffsets::default(),
    };
    let answers =
        [Answer::Given(json!("x".repeat(100_000))), Answer::Awaited { until: Some(at(60_000)) }];
    (1..).zip(answers).map(|(ordinal, answer)| entry(ordinal, answer)).collect()
}

async fn check(store: &SledStore, tasks: &[Task]) {
    for task in tasks {
        assert_eq!(store.task(task.id).await.unwrap().as_ref(), Some(task));
    }
    assert_eq!(store.verify().await.unwrap(), []);
    assert!(store.doc(DocKind::Token, "t".into()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart_and_old_leases_are_orphaned() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks = fill(&store).await;
    let old = store.leases().await.unwrap().remove(0);
    store.close().await.unwrap();
    let closed = store.task(tasks[0].id).await.unwrap_err();
    assert!(matches!(closed, StoreError::Io(_)), "a closed store answers nothing");
    drop(store);

    let store = open(dir.path());
    check(&store, &tasks).await;
    let leases = store.leases().await.unwrap();
    assert_eq!(leases.len(), 1);
    assert!(leases[0].orphaned && leases[0].task == tasks[0].id && leases[0].lease == old.lease);
    // Its holder is gone: it can't be renewed or written under, only taken away.
    let held = vec![(old.task, old.lease.epoch)];
    assert_eq!(store.renew(worker(), held, at(9)).await.unwrap(), [old.task]);
    let late = append(&store, old.task, Guard::Lease(old.lease.epoch), vec![line("x")]).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    let crash = EventBody::Interrupted { reason: InterruptReason::Crash };
    append(&store, old.task, Guard::Version(2), vec![crash]).await.unwrap();
    let items = claim(&store, 9, 0).await.items;
    let order: Vec<_> = items.iter().map(|claimed| claimed.task.id).collect();
    assert_eq!(order, [tasks[0].id, tasks[4].id, tasks[3].id]);
    assert!(
        items.iter().all(|claimed| claimed.epoch > old.lease.epoch),
        "epochs rise over restarts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_store_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let second = SledStore::open(dir.path(), SledOptions::default());
    assert!(matches!(second, Err(OpenError::InUse(_))));
    submit(&store, submission()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_leaves_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    let store = SledStore::open(&live, small()).unwrap();
    let tasks = fill(&store).await;
    for round in 0..5 {
        for _ in 0..100 {
            submit(&store, submission()).await;
        }
        // What the kernel has at this moment. Sled has most of it in its own memory still.
        let copied = dir.path().join(format!("copy-{round}"));
        copy(&live, &copied);
        for trust in [Trust::WhileUp, Trust::IfClosed] {
            let killed = SledStore::open(&copied, SledOptions { trust, ..small() }).unwrap();
            check(&killed, &tasks).await;
            let depth = killed.depth(None).await.unwrap();
            assert_eq!(depth.by_status[0], 2 + 100 * (round + 1));
            killed.close().await.unwrap();
        }
    }
    assert_eq!(wal_files(&live, "snapshot-").len(), 1, "a snapshot was taken");
    assert!(wal_files(&live, "segment-").len() < 8, "old segments are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_damaged_or_missing_is_made_anew() {
    for damage in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(dir.path(), small()).unwrap();
        let tasks = fill(&store).await;
        for _ in 0..300 {
            submit(&store, submission()).await;
        }
        store.close().await.unwrap();
        drop(store);
        let index = dir.path().join("index");
        match damage {
            0 => fs::remove_dir_all(&index).unwrap(),
            1 => fs::write(index.join("db"), vec![7; 1 << 20]).unwrap(),
            2 => fs::write(index.join("conf"), b"nonsense").unwrap(),
            // As if sled had lost what came last.
            _ => {
                let db = fs::OpenOptions::new().write(true).open(index.join("db")).unwrap();
                db.set_len(4096).unwrap();
            }
        }
        let store = SledStore::open(dir.path(), small()).unwrap();
        check(&store, &tasks).await;
        assert_eq!(store.depth(None).await.unwrap().by_status[0], 302);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_write_ahead_log_is_named_with_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for _ in 0..10 {
        submit(&store, submission()).await;
    }
    store.close().await.unwrap();
    drop(store);
    let path = wal_files(dir.path(), "segment-").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[2_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let options = SledOptions { trust: Trust::Never, ..SledOptions::default() };
    let refused = SledStore::open(dir.path(), options).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Corrupt(_)));
    let text = refused.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("at byte"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_cut_snapshot_is_named_with_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path(), small()).unwrap();
    let tasks = fill(&store).await;
    while wal_files(dir.path(), "snapshot-").is_empty() {
        submit(&store, submission()).await;
    }
    store.close().await.unwrap();
    drop(store);
    let path = wal_files(dir.path(), "snapshot-").remove(0);
    let whole = fs::read(&path).unwrap();
    for cut in [false, true] {
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        if cut {
            bytes.truncate(middle)
        } else {
            bytes[middle] ^= 1
        }
        fs::write(&path, bytes).unwrap();
        // The index does not need it now, but whoever must make it anew would.
        let store = SledStore::open(dir.path(), small()).unwrap();
        assert!(store.task(tasks[0].id).await.unwrap().is_some());
        let findings = store.verify().await.unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].part, Part::Wal);
        assert!(findings[0].problem.contains(path.to_str().unwrap()), "{findings:?}");
        assert!(findings[0].problem.contains("at byte"), "{findings:?}");
        store.close().await.unwrap();
        drop(store);
        let options = SledOptions { trust: Trust::Never, ..small() };
        let refused = SledStore::open(dir.path(), options).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        // What it was refused over left no index to believe; whole again, all is there.
        fs::write(&path, &whole).unwrap();
        let store = SledStore::open(dir.path(), small()).unwrap();
        assert_eq!(store.verify().await.unwrap(), []);
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_tasks_are_refused_when_the_queue_or_the_disk_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let options = SledOptions { queued_max: 2, ..SledOptions::default() };
    let store = SledStore::open(dir.path(), options).unwrap();
    run(&store, submission()).await;
    let refused = store.submit((0..3).map(|_| new(submission())).collect()).await.unwrap_err();
    assert!(matches!(refused, StoreError::QueueFull { bound: 2 }));
    assert_eq!(store.depth(None).await.unwrap().by_status[0], 0);
    store.submit((0..2).map(|_| new(submission())).collect()).await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (task, epoch) = run(&store, submission()).await;
    store.close().await.unwrap();
    drop(store);
    let options = SledOptions { reserve_bytes: u64::MAX, ..SledOptions::default() };
    let store = SledStore::open(dir.path(), options).unwrap();
    let refused = store.submit(vec![new(submission())]).await.unwrap_err();
    assert!(matches!(refused, StoreError::NoSpace));
    // What runs may end.
    let _ = epoch;
    append(&store, task.id, Guard::Version(2), vec![completed(json!(1))]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_stops_while_the_disk_is_full_and_goes_on_when_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(1_000));
    let measured = free.clone();
    let free_space = FreeSpace::measured_by(move |_| Ok(measured.load(Ordering::Relaxed)));
    let options = || SledOptions {
        reserve_bytes: 1_000,
        free_space: free_space.clone(),
        ..SledOptions::default()
    };
    let store = SledStore::open(dir.path(), options()).unwrap();
    let (task, epoch) = run(&store, submission()).await;
    let queued = submit(&store, submission()).await;
    store.check_room().await.unwrap();
    free.store(999, Ordering::Relaxed);
    // A look is good for a while; a store that was just opened has not looked.
    store.close().await.unwrap();
    drop(store);
    let store = SledStore::open(dir.path(), options()).unwrap();
    let _ = epoch;
    for refused in [
        store.check_room().await.unwrap_err(),
        store.submit(vec![new(submission())]).await.unwrap_err(),
    ] {
        assert!(matches!(refused, StoreError::NoSpace), "{refused}");
    }
    let none = claim(&store, 9, 5_000).await;
    assert!(none.items.is_empty());
    let look_again = none.next_due.unwrap();
    assert!(look_again > at(5_000) && look_again <= at(10_000), "{look_again:?}");
    let large = io::repeat(1).take(20 << 20);
    let refused = store.blobs().put_reader(Box::new(large)).await;
    assert!(matches!(refused, Err(BlobError::NoSpace)));
    // What runs may end, its output and its files too, in what is reserved.
    let output = completed(json!("x".repeat(100_000)));
    append(&store, task.id, Guard::Version(2), vec![output]).await.unwrap();
    store.blobs().put("small".into()).await.unwrap();

    free.store(1_000, Ordering::Relaxed);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while store.check_room().await.is_err() {
        assert!(std::time::Instant::now() < deadline, "nobody looks again");
        tokio::task::yield_now().await;
    }
    let items = claim(&store, 9, 5_000).await.items;
    assert_eq!(items[0].task.id, queued.id);
    submit(&store, submission()).await;
    assert_eq!(store.verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_damaged_and_a_missing_blob() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks = fill(&store).await;
    let output = serde_json::to_vec(tasks[2].output.as_deref().unwrap()).unwrap();
    let path = store.blobs().path(&Digest::of(&output));
    fs::write(&path, b"something else").unwrap();
    let findings = store.verify().await.unwrap();
    assert!(findings.iter().any(|finding| finding.what.contains(path.to_str().unwrap())));
    assert!(findings.iter().any(|finding| finding.what.contains(&tasks[2].id.to_string())));
    fs::remove_file(&path).unwrap();
    let findings = store.verify().await.unwrap();
    assert!(findings.iter().any(|finding| finding.problem.contains("missing")));
    // The others are as they were.
    assert!(store.task(tasks[1].id).await.unwrap().is_some());
}

/// What version 1 of the format wrote must be read for ever. See `write_fixture`.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_format_1_is_read() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(), dir.path());
    let store = open(dir.path());
    assert_eq!(store.verify().await.unwrap(), []);
    let expected = fs::read_to_string(fixture().join("tasks.json")).unwrap();
    let expected: Vec<Task> = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.len(), 5);
    check(&store, &expected).await;
    assert_eq!(claim(&store, 9, 0).await.items.len(), 2);
    assert_eq!(store.journal(expected[1].id).await.unwrap(), journal());
    assert_eq!(store.take_due(at(60_000), 9).await.unwrap().items, [expected[1].id]);
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the fixture; only for a new version of the format, under a new name"]
async fn write_fixture() {
    let dir = fixture();
    assert!(!dir.exists(), "a fixture is never written again");
    let options = SledOptions { syncing: Syncing::Full, ..SledOptions::default() };
    let store = SledStore::open(&dir, options).unwrap();
    let tasks = fill(&store).await;
    store.close().await.unwrap();
    drop(store);
    // The write-ahead log alone is the store; its zeros ahead need not be kept.
    fs::remove_dir_all(dir.join("index")).unwrap();
    for name in ["checkpoint", "lock"] {
        fs::remove_file(dir.join(name)).unwrap();
    }
    for path in wal_files(&dir, "segment-") {
        let bytes = fs::read(&path).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        fs::write(&path, &bytes[..end]).unwrap();
    }
    fs::write(dir.join("tasks.json"), serde_json::to_string_pretty(&tasks).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tasks_start_from_and_what_was_uploaded_stays_while_something_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let texts = ["captured", "uploaded", "removed", "orphan"];
    let digests = texts.map(|text| Digest::of(text.as_bytes()));
    for text in texts {
        store.blobs().put(text.into()).await.unwrap();
    }
    submit(&store, submission()).await;
    let claimed = claim(&store, 1, 1_000).await.items.remove(0);
    let EventBody::Started { run, worker, engine, .. } = started(1) else { unreachable!() };
    let body =
        EventBody::Started { run, worker, engine, workspace: Some(digests[0]), placed: None };
    let guard = Guard::Lease(claimed.epoch);
    let task = append(&store, claimed.task.id, guard, vec![body]).await.unwrap();
    assert_eq!(task.captured, Some(digests[0]));
    let key = |digest: Digest| format!("default/{digest}");
    for digest in &digests[1..3] {
        let record = Some(json!({"size_bytes": 8}));
        store.put_doc(DocKind::Blob, key(*digest), None, record).await.unwrap();
    }
    store.put_doc(DocKind::Blob, key(digests[2]), Some(1), None).await.unwrap();
    store.close().await.unwrap();
    drop(store);

    let store = open(dir.path());
    let far_future = UnixMillis(u64::MAX / 4);
    assert_eq!(store.collect_blobs(far_future).await.unwrap().count, 2);
    let mut left = Vec::new();
    for digest in digests {
        left.push(store.blobs().size(digest).await.unwrap());
    }
    assert_eq!(left, [Some(8), Some(8), None, None]);
    let task = store.task(task.id).await.unwrap().unwrap();
    assert_eq!(task.captured, Some(digests[0]), "it is known after a restart");
    // Another attempt starts from the same.
    let error = EventBody::Failed { error: error(ErrorCode::Timeout), left: None };
    append(&store, task.id, Guard::Version(2), vec![error]).await.unwrap();
    let again = EventBody::RetryRequested {};
    let again = append(&store, task.id, Guard::Version(3), vec![again]).await.unwrap();
    assert_eq!((again.attempt, again.captured), (2, Some(digests[0])));
}
