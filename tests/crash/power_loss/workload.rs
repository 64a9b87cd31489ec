//! What is recorded: several threads submit, run and delete tasks, and say what was acknowledged.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use errand_core::*;
use errand_store::{SledOptions, SledStore};
use serde_json::{Value, json};

pub(super) use errand_store::Syncing;

/// How many do it at once.
const THREADS: u64 = 4;
/// How many rounds each of them does, in each of two sessions.
const ROUNDS: u64 = 20;

/// One line that the workload says, after `@ `.
pub(super) enum Line {
    /// These are about to be submitted together.
    Submitting(Vec<TaskId>),
    /// They are acknowledged.
    Submitted(Vec<TaskId>),
    /// The task is acknowledged at this version.
    Appended(TaskId, u64),
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
        Line::Appended(id, _) | Line::Deleted(id) => vec![id],
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
            let run = claimed.task.runs + 1;
            append(store, id, guard, vec![started(run)]).await;
            append(store, id, guard, vec![log("one"), log(&"long ".repeat(300))]).await;
            if round % 7 == 3 {
                let drain = EventBody::Interrupted { reason: InterruptReason::Drain };
                append(store, id, guard, vec![drain]).await;
                continue;
            }
            let output = Arc::new(output(id));
            done.push(append(store, id, guard, vec![EventBody::Completed { output }]).await);
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
    let by = Principal::new("worker").expect("valid");
    let draft = |body| Draft { at: UnixMillis(2), by: by.clone(), progress: None, body };
    let drafts = bodies.into_iter().map(draft).collect();
    let append = Append::new(task, guard, drafts);
    let task = store.append(append).await.expect("it is stored");
    say(&format!("appended {} {}", task.id, task.version));
    task
}

/// Submits one more task, to see that a store goes on.
pub(super) async fn submit_one(store: &SledStore) -> Result<(), StoreError> {
    store.submit(vec![new(99)]).await.map(|_| ())
}

/// The output of a task: for some it goes to a blob.
pub(super) fn output(id: TaskId) -> Value {
    let size = if id.to_bytes()[14].is_multiple_of(16) { 80_000 } else { 50 };
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
        context_id: None,
        limits: Limits::default(),
        retry: Retry::default(),
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
    EventBody::Started { run, worker, engine: "engine".into(), workspace: None }
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
