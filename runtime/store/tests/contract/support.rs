//! Tasks and events for the suite.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use errand_core::*;
use serde_json::{Value, json};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Returns an id after all that were returned before.
pub(crate) fn id() -> TaskId {
    TaskId::from_parts(NEXT.fetch_add(1, Ordering::Relaxed), 0x1234_5678_9abc)
}

pub(crate) fn at(ms: u64) -> UnixMillis {
    UnixMillis(ms)
}

pub(crate) fn by() -> Principal {
    Principal::new("tester").unwrap()
}

pub(crate) fn worker() -> WorkerId {
    WorkerId::new("worker-1").unwrap()
}

pub(crate) fn executor(name: &str, version: u8) -> ExecutorRef {
    ExecutorRef { name: ExecutorName::new(name).unwrap(), digest: Digest::of(&[version]) }
}

pub(crate) fn submission() -> Submission {
    Submission {
        namespace: Namespace::default(),
        executor: executor("python", 1),
        function: None,
        input: Arc::new(json!({"code": "print(1)"})),
        workspace: WorkspaceSource::Empty,
        labels: Default::default(),
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
    }
}

pub(crate) fn new(submission: Submission) -> NewTask {
    let id = id();
    let submitted = Event {
        seq: 1,
        at: at(1_000),
        by: by(),
        attempt: 1,
        progress: None,
        body: EventBody::Submitted(Box::new(submission)),
    };
    NewTask { id, submitted, idempotency: None }
}

pub(crate) fn with_key(mut task: NewTask, key: &str, request: &str) -> NewTask {
    let fingerprint = Digest::of(request.as_bytes());
    task.idempotency = Some(Idempotency { key: key.into(), fingerprint });
    task
}

/// Submits one task.
pub(crate) async fn submit(store: &dyn Store, submission: Submission) -> Task {
    submit_new(store, new(submission)).await
}

pub(crate) async fn submit_new(store: &dyn Store, task: NewTask) -> Task {
    match store.submit(vec![task]).await.unwrap().remove(0) {
        Submitted::Created(task) => task,
        Submitted::Existing(task) => panic!("{} was there before", task.id),
    }
}

pub(crate) fn draft(body: EventBody) -> Draft {
    Draft { at: at(2_000), by: by(), progress: None, body }
}

pub(crate) fn started(run: u32) -> EventBody {
    EventBody::Started {
        run,
        worker: worker(),
        engine: "engine".into(),
        workspace: None,
        placed: None,
    }
}

pub(crate) fn completed(output: Value) -> EventBody {
    EventBody::Completed { output: Arc::new(output), left: None }
}

pub(crate) fn error(code: ErrorCode) -> TaskError {
    TaskError { code, message: "it failed".into(), detail: None, attempt: 1, retryable: true }
}

pub(crate) fn line(text: &str) -> EventBody {
    let (stream, level) = (Stream::Stdout, Level::Info);
    EventBody::Log(LogLine { stream, level, offset: 0, text: text.into(), length_bytes: None })
}

pub(crate) async fn append(
    store: &dyn Store,
    task: TaskId,
    guard: Guard,
    bodies: Vec<EventBody>,
) -> Result<Task, StoreError> {
    let drafts = bodies.into_iter().map(draft).collect();
    store.append(Append::new(task, guard, drafts)).await
}

pub(crate) async fn claim(store: &dyn Store, max: usize, now: u64) -> Claims {
    let claim = Claim { worker: worker(), max, now: at(now), lease_until: at(now + 30_000) };
    store.claim(claim).await.unwrap()
}

/// Submits a task, claims it (nothing else may be claimable) and starts it.
pub(crate) async fn run(store: &dyn Store, submission: Submission) -> (Task, Epoch) {
    submit(store, submission).await;
    let claimed = claim(store, 1, 1_000).await.items.remove(0);
    let run = claimed.task.runs + 1;
    let guard = Guard::Lease(claimed.epoch);
    let task = append(store, claimed.task.id, guard, vec![started(run)]).await.unwrap();
    (task, claimed.epoch)
}

pub(crate) fn ids(tasks: &[Task]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.id).collect()
}
