//! Backups of a store at work, and what is restored from them.

#![expect(clippy::disallowed_methods, reason = "a test makes its own directories")]

#[path = "contract/support.rs"]
#[expect(dead_code, reason = "shared with the contract suite")]
mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use errand_core::*;
use errand_store::{RestoreError, SledOptions, SledStore, restore};
use serde_json::json;

use support::*;

/// Small bounds, so that segments, checkpoints and snapshots come often.
fn small() -> SledOptions {
    SledOptions {
        segment_bytes: 64 << 10,
        checkpoint_bytes: 32 << 10,
        snapshot_bytes: 128 << 10,
        ..SledOptions::default()
    }
}

/// Memory that a backup is written to.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn backup(store: &SledStore) -> Vec<u8> {
    let out = Shared::default();
    store.backup(Box::new(out.clone())).await.unwrap();
    std::mem::take(&mut out.0.lock().unwrap())
}

async fn finished(store: &SledStore, number: usize) -> Task {
    let input = Arc::new(json!({"n": number, "filler": "x".repeat(number % 7 * 20_000)}));
    let task = submit(store, Submission { input, ..submission() }).await;
    let output = json!({"n": number, "filler": "y".repeat(number % 5 * 30_000)});
    let started = append(store, task.id, Guard::Version(1), vec![started(1)]).await.unwrap();
    let guard = Guard::Version(started.version);
    append(store, task.id, guard, vec![line("said"), completed(output)]).await.unwrap()
}

/// Restores a backup into a directory of its own, which checks all of it, and opens what came of it.
async fn restored(backup: &[u8], dir: &Path) -> SledStore {
    restore(backup, dir).await.unwrap_or_else(|error| panic!("{error}"));
    SledStore::open(dir, SledOptions::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_that_was_acknowledged_before_a_backup_is_in_it_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(&dir.path().join("live"), small()).unwrap());
    let acknowledged: Arc<Mutex<HashMap<TaskId, Option<Task>>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    // Instead of waiting for blobs to be old: none is collected while its reference is under way.
    let under_way = Arc::new(tokio::sync::RwLock::new(()));
    let mut writers = Vec::new();
    for writer in 0..3 {
        let (store, acknowledged, stop) = (store.clone(), acknowledged.clone(), stop.clone());
        let under_way = under_way.clone();
        writers.push(tokio::spawn(async move {
            for number in (writer..).step_by(3) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let writing = under_way.read().await;
                let task = finished(&store, number).await;
                drop(writing);
                acknowledged.lock().unwrap().insert(task.id, Some(task.clone()));
                if number % 4 == 0 {
                    // While a deletion is under way, nothing is known of the task.
                    acknowledged.lock().unwrap().remove(&task.id);
                    store.delete(task.id, task.version).await.unwrap();
                    let _nothing = under_way.write().await;
                    store.collect_blobs(at(u64::MAX / 4)).await.unwrap();
                    acknowledged.lock().unwrap().insert(task.id, None);
                }
            }
        }));
    }
    let mut least = 0;
    for round in 0..4 {
        while acknowledged.lock().unwrap().len() < least {
            tokio::task::yield_now().await;
        }
        let before = acknowledged.lock().unwrap().clone();
        least = before.len() + 60;
        let backup = backup(&store).await;
        let copy = restored(&backup, &dir.path().join(format!("copy-{round}"))).await;
        for (id, task) in before {
            match (task, copy.task(id).await.unwrap()) {
                (Some(_), None) => {
                    let now = acknowledged.lock().unwrap().get(&id).cloned();
                    assert!(!matches!(now, Some(Some(_))), "task {id} is lost");
                }
                (task, found) => assert_eq!(found, task),
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(acknowledged.lock().unwrap().len() > 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_goes_on_where_the_backup_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(&dir.path().join("live"), small()).unwrap();
    let (running, epoch) = run(&store, submission()).await;
    for number in 0..200 {
        finished(&store, number).await;
    }
    let keyed = submit_new(&store, with_key(new(submission()), "key", "request")).await;
    let upload = store.blobs().put("upload".into()).await.unwrap();
    let key = || format!("default/{upload}");
    store.put_doc(DocKind::Blob, key(), None, Some(json!({"size_bytes": 6}))).await.unwrap();
    let backup = backup(&store).await;
    let copy = restored(&backup, &dir.path().join("copy")).await;
    assert_eq!(copy.depth(None).await.unwrap(), store.depth(None).await.unwrap());
    assert_eq!(copy.size(upload).await, Some(6));
    assert!(copy.doc(DocKind::Blob, key()).await.unwrap().is_some());
    let leases = copy.leases().await.unwrap();
    assert!(leases[0].orphaned && leases[0].task == running.id && leases[0].lease.epoch == epoch);
    let again = with_key(new(submission()), "key", "request");
    let answer = copy.submit(vec![again]).await.unwrap().remove(0);
    assert_eq!(answer, Submitted::Existing(keyed));
    submit(&copy, submission()).await;
    assert_eq!(copy.verify().await.unwrap(), []);
}

trait Size {
    async fn size(&self, digest: Digest) -> Option<u64>;
}

impl Size for SledStore {
    async fn size(&self, digest: Digest) -> Option<u64> {
        self.blobs().size(digest).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_cut_off_or_changed_anywhere_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(&dir.path().join("live"), small()).unwrap();
    for number in 0..3 {
        finished(&store, number).await;
    }
    let whole = backup(&store).await;
    let copy = dir.path().join("copies/store");
    fs::create_dir(dir.path().join("copies")).unwrap();
    let mut tried = 0;
    // The last blocks are zeros that say nothing.
    for at in (0..whole.len() - 1_536).step_by(2_503) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        for backup in [&changed[..], &whole[..at]] {
            let error = restore(backup, &copy).await.unwrap_err();
            assert!(
                matches!(error, RestoreError::Damaged(_) | RestoreError::NotABackup(_)),
                "{at}: {error}"
            );
            assert_eq!(
                fs::read_dir(dir.path().join("copies")).unwrap().count(),
                0,
                "{at}: {error}"
            );
            tried += 1;
        }
    }
    assert!(tried > 80, "{tried}");
    restore(&whole[..], &copy).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_damaged_files_fails_and_names_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path(), SledOptions::default()).unwrap();
    for number in 0..10 {
        finished(&store, number).await;
    }
    let blob = store.blobs().put("as it was".into()).await.unwrap();
    let path = store.blobs().path(&blob);
    fs::write(&path, "as it wos").unwrap();
    let error = store.backup(Box::new(io::sink())).await.unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    fs::write(&path, "as it was").unwrap();
    store.backup(Box::new(io::sink())).await.unwrap();
    let segment = dir.path().join("wal/segment-0000000000000001");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[2_000] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let error = store.backup(Box::new(io::sink())).await.unwrap_err().to_string();
    assert!(error.contains(segment.to_str().unwrap()) && error.contains("at byte"), "{error}");
    submit(&store, submission()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_no_more_of_a_backup_ends_it_and_not_the_store() {
    struct Closed(usize);
    impl Write for Closed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path(), SledOptions::default()).unwrap();
    let task = finished(&store, 6).await;
    assert!(matches!(store.backup(Box::new(Closed(10_000))).await, Err(StoreError::Io(_))));
    store.delete(task.id, task.version).await.unwrap();
    let collected = store.collect_blobs(at(u64::MAX / 4)).await.unwrap();
    assert!(collected.count > 0, "nothing is kept for it any more");
}

/// What version 1 of the format wrote must be restored for ever. See `write_backup_fixture`.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_format_1_is_restored() {
    let dir = tempfile::tempdir().unwrap();
    let file = fs::File::open(fixture().join("backup.tar")).unwrap();
    let copy = dir.path().join("store");
    let restored = restore(io::BufReader::new(file), &copy).await.unwrap();
    let expected = fs::read_to_string(fixture().join("tasks.json")).unwrap();
    let expected: Vec<Task> = serde_json::from_str(&expected).unwrap();
    assert_eq!(restored.tasks, expected.len() as u64);
    let store = SledStore::open(&copy, SledOptions::default()).unwrap();
    for task in expected {
        assert_eq!(store.task(task.id).await.unwrap(), Some(task));
    }
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "backs up the store of the fixture; only for a new version of the format, under a new name"]
async fn write_backup_fixture() {
    let path = fixture().join("backup.tar");
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(), dir.path());
    let store = SledStore::open(dir.path(), SledOptions::default()).unwrap();
    let file = fs::File::create_new(path).expect("a fixture is never written again");
    store.backup(Box::new(file)).await.unwrap();
}

/// Copies what a store has in a directory.
fn copy(from: &Path, to: &Path) {
    for part in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let to = to.join(part.file_name());
        if part.file_type().unwrap().is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&part.path(), &to);
        } else {
            fs::copy(part.path(), &to).unwrap();
        }
    }
}
