//! What is recorded: several threads submit, run, retry and delete tasks, and say what was acknowledged.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use errand_core::*;
use errand_store::{SledOptions, SledStore};
use serde_json::{Value, json};

use super::calls;

pub(super) use errand_store::Syncing;

/// How many do it at once.
const THREADS: u64 = 4;
/// How many rounds each of them does, in each of two sessions.
const ROUNDS: u64 = 20;

const ENGINE: &str = "engine";

/// One line that the workload says, after `@ `.
pub(super) enum Line {
    /// These are about to be submitted together.
    Submitting(Vec<TaskId>),
    /// They are acknowledged.
    Submitted(Vec<TaskId>),
    /// The task is acknowledged at this version.
    Appended(TaskId, u64),
    /// The calls of this attempt are acknowledged, up to this one.
    Journaled(TaskId, u32, u64),
    /// It is about to be deleted.
    Deleting(TaskId),
    /// That is acknowledged.
    Deleted(TaskId),
    /// The store was closed in an orderly way.
    Closed,
}

impl Line {
    pub(super) fn read(line: &str) -> Self {
        let mut words = line.split(' ');
        let kind = words.next().expect("a first word");
        let id = |word: &str| word.parse().expect("an id");
        let mut rest = words.map(str::to_owned);
        match kind {
            "submitting" => Self::Submitting(rest.map(|word| id(&word)).collect()),
            "submitted" => Self::Submitted(rest.map(|word| id(&word)).collect()),
            "appended" => {
                let task = id(&rest.next().expect("an id"));
                Self::Appended(task, rest.next().and_then(|n| n.parse().ok()).expect("a version"))
            }
            "journaled" => {
                let task = id(&rest.next().expect("an id"));
                let mut number = || rest.next().and_then(|n| n.parse::<u64>().ok());
                let attempt = number().and_then(|n| u32::try_from(n).ok()).expect("an attempt");
                Self::Journaled(task, attempt, number().expect("an ordinal"))
            }
            "deleting" => Self::Deleting(id(&rest.next().expect("an id"))),
            "deleted" => Self::Deleted(id(&rest.next().expect("an id"))),
            "closed" => Self::Closed,
            other => panic!("{other} is not known"),
        }
    }
}

/// Returns the tasks of which a line acknowledges something.
pub(super) fn acknowledged_by(line: &str) -> Vec<TaskId> {
    match Line::read(line) {
        Line::Submitted(ids) => ids,
        Line::Appended(id, _) | Line::Journaled(id, ..) | Line::Deleted(id) => vec![id],
        _ => Vec::new(),
    }
}

/// Small bounds, so that segments, checkpoints and snapshots come often.
pub(super) fn options(syncing: Syncing) -> SledOptions {
    SledOptions {
        cache_bytes: 4 << 20,
        reserve_bytes: 0,
        segment_bytes: 128 << 10,
        checkpoint_bytes: 96 << 10,
        snapshot_bytes: 256 << 10,
        syncing,
        ..SledOptions::default()
    }
}

/// Does it. The second session ends without being closed.
pub(super) fn run(syncing: Syncing) {
    let dir = std::env::var_os("ERRAND_POWER_LOSS_DIR").expect("where to");
    for session in 0..2 {
        let store = SledStore::open(Path::new(&dir), options(syncing)).expect("a store");
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let store = &store;
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build();
                    let work = work(store, session * THREADS + thread);
                    runtime.expect("a runtime").block_on(work);
                });
            }
        });
        if session == 0 {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(store.close()).expect("it closes");
            say("closed");
        }
    }
}

async fn work(store: &SledStore, stream: u64) {
    let mut done: Vec<Task> = Vec::new();
    for round in 0..ROUNDS {
        let batch: Vec<NewTask> =
            (0..[1, 1, 2, 5][round as usize % 4]).map(|_| new(stream)).collect();
        let ids = join(batch.iter().map(|task| task.id));
        say(&format!("submitting {ids}"));
        store.submit(batch).await.expect("it is stored");
        say(&format!("submitted {ids}"));
        let claim = Claim {
            worker: WorkerId::new("worker").expect("valid"),
            max: 2,
            now: UnixMillis(1),
            lease_until: UnixMillis(u64::MAX),
        };
        for claimed in store.claim(claim).await.expect("a claim").items {
            let guard = Guard::Lease(claimed.epoch);
            let id = claimed.task.id;
            start(store, guard, &claimed).await;
            append(store, id, guard, vec![log("one"), log(&"long ".repeat(300))]).await;
            let made = calls::of(&claimed.task);
            for entries in made.chunks(2) {
                journal(store, id, guard, entries.to_vec()).await;
            }
            if round % 5 == 1 {
                wait(store, id, guard).await;
            }
            if round % 5 == 2 && claimed.task.attempt == 1 {
                retry(store, id, guard, &made).await;
                continue;
            }
            if round % 7 == 3 {
                let drain = EventBody::Interrupted { reason: InterruptReason::Drain };
                append(store, id, guard, vec![drain]).await;
                continue;
            }
            let output = Arc::new(output(id));
            done.push(
                append(store, id, guard, vec![EventBody::Completed { output, left: None }]).await,
            );
        }
        if round % 3 == 2
            && let Some(task) = done.pop()
        {
            say(&format!("deleting {}", task.id));
            store.delete(task.id, task.version).await.expect("it is deleted");
            say(&format!("deleted {}", task.id));
        }
    }
}

async fn append(store: &SledStore, task: TaskId, guard: Guard, bodies: Vec<EventBody>) -> Task {
    append_all(store, events(task, guard, bodies)).await
}

fn events(task: TaskId, guard: Guard, bodies: Vec<EventBody>) -> Append {
    let by = Principal::new("worker").expect("valid");
    let draft = |body| Draft { at: UnixMillis(2), by: by.clone(), progress: None, body };
    Append::new(task, guard, bodies.into_iter().map(draft).collect())
}

async fn append_all(store: &SledStore, append: Append) -> Task {
    let task = store.append(append).await.expect("it is stored");
    say(&format!("appended {} {}", task.id, task.version));
    task
}

/// Starts an attempt, or goes on with the one that was interrupted.
async fn start(store: &SledStore, guard: Guard, claimed: &Claimed) {
    let id = claimed.task.id;
    let attempt_start = claimed.attempt_start.is_none().then(|| AttemptStart {
        seed: Seed([7; 32]),
        base_time: UnixMillis(2),
        engine: ENGINE.into(),
        said: LogOffsets::default(),
        environment: Vec::new(),
    });
    let started = started(claimed.task.runs + 1);
    append_all(store, Append { attempt_start, ..events(id, guard, vec![started]) }).await;
}

/// Journals calls, which changes no version.
async fn journal(store: &SledStore, task: TaskId, guard: Guard, entries: Vec<JournalEntry>) {
    let last = entries.last().expect("there are some").ordinal;
    let append = Append { entries, ..Append::new(task, guard, Vec::new()) };
    let attempt = store.append(append).await.expect("it is stored").attempt;
    say(&format!("journaled {task} {attempt} {last}"));
}

/// Waits for a moment, with the call that does so on record, and goes on.
async fn wait(store: &SledStore, task: TaskId, guard: Guard) {
    let until = Some(UnixMillis(9));
    let waiting = EventBody::Waiting { waiting_for: WaitingFor::Timer, until, awaits: None };
    let entries = vec![calls::waiting(Answer::Awaited { until })];
    append_all(store, Append { entries, ..events(task, guard, vec![waiting]) }).await;
    append(store, task, guard, vec![EventBody::Resumed { warm: true }]).await;
    journal(store, task, guard, vec![calls::waiting(Answer::Given(Value::Null))]).await;
}

/// Ends the attempt, in one write with its last call, and keeps a part of its journal.
async fn retry(store: &SledStore, task: TaskId, guard: Guard, made: &[JournalEntry]) {
    let error = TaskError {
        code: ErrorCode::ExecutorFailed,
        message: "it failed".into(),
        detail: None,
        attempt: 1,
        retryable: true,
    };
    let retry = EventBody::RetryScheduled { error, delay_ms: 0, not_before: UnixMillis(0) };
    let entries = made.last().cloned().into_iter().collect();
    let kept = Kept::of(made);
    append_all(store, Append { entries, kept, ..events(task, guard, vec![retry]) }).await;
}

/// Submits one more task, to see that a store goes on.
pub(super) async fn submit_one(store: &SledStore) -> Result<(), StoreError> {
    store.submit(vec![new(99)]).await.map(|_| ())
}

/// The output of a task: for some it goes to a blob.
pub(super) fn output(id: TaskId) -> Value {
    let size = if calls::is_large(id) { 80_000 } else { 50 };
    json!({"id": id, "text": "o".repeat(size)})
}

fn new(stream: u64) -> NewTask {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    // A recovered store has ids of the recorded process; these are apart from them.
    let random = u128::from(std::process::id()) << 40 | u128::from(stream) << 24 | u128::from(n);
    let size = if n.is_multiple_of(23) { 70_000 } else { 300 };
    let submission = Submission {
        namespace: Namespace::default(),
        executor: ExecutorRef {
            name: ExecutorName::new("python").expect("valid"),
            digest: Digest::of(b"python"),
        },
        function: None,
        input: Arc::new(json!({"code": "i".repeat(size), "n": n})),
        workspace: WorkspaceSource::Empty,
        labels: [("stream".to_owned(), stream.to_string())].into(),
        priority: 0,
        idempotency_key: None,
        delay_ms: 0,
        parent_id: None,
        lineage: None,
        context_id: None,
        limits: Limits::default(),
        retry: Retry::default(),
        mounts: Vec::new(),
        artifacts: Vec::new(),
        notify: Vec::new(),
    };
    let submitted = Event {
        seq: 1,
        at: UnixMillis(1),
        by: Principal::new("agent").expect("valid"),
        attempt: 1,
        progress: None,
        body: EventBody::Submitted(Box::new(submission)),
    };
    NewTask { id: TaskId::from_parts(n, random), submitted, idempotency: None }
}

fn started(run: u32) -> EventBody {
    let worker = WorkerId::new("worker").expect("valid");
    EventBody::Started { run, worker, engine: ENGINE.into(), workspace: None, placed: None }
}

fn log(text: &str) -> EventBody {
    let (stream, level) = (Stream::Stdout, Level::Info);
    EventBody::Log(LogLine { stream, level, offset: 0, text: text.into(), length_bytes: None })
}

fn join(ids: impl Iterator<Item = TaskId>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
}

/// Says a line in one write.
pub(super) fn say(line: &str) {
    let line = format!("@ {line}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).expect("standard output");
}
