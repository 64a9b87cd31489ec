//! The trait behind which executors run, and what a run and its host say to each other.

use std::any::Any;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    AttemptStart, BoxFuture, Checkpoint, ContextId, Digest, DocChange, ErrorCode, EventBody,
    ExecutorKind, ExecutorProfile, ExecutorRef, InterruptReason, JournalEntry, Left, Level, Limits,
    Mount, Namespace, NewTask, Placed, Progress, Saved, Signature, Stream, Task, TaskId,
    UnixMillis, Wait, WorkspaceSource, World,
};

/// Admits uploads and runs tasks.
pub trait Runner: Send + Sync {
    /// Checks a wasm, compiles it and says what it is. Bounded in time and memory.
    ///
    /// # Errors
    /// [`AdmissionError::Refused`] with a sentence that says what is wrong with the wasm.
    fn admit(&self, wasm: Bytes) -> BoxFuture<'_, Result<ExecutorProfile, AdmissionError>>;

    /// Tells what is wrong with the input of a typed function: nothing, if it can be called with it.
    fn check_input(&self, signature: &Signature, input: &Value) -> Vec<InputFault>;

    /// Looks at what a workspace is to start from, before its task is queued, and returns what it starts
    /// from for ever: a name of a commit is replaced by the commit.
    ///
    /// Quick: what takes long to find out is left to the start. A runner that says nothing of it makes
    /// workspaces empty alone.
    ///
    /// # Errors
    /// [`StartRefused::Refused`] with a sentence on what is wrong and what to do.
    fn check_start<'a>(
        &'a self,
        source: &'a WorkspaceSource,
        limits: &'a Limits,
    ) -> BoxFuture<'a, Result<WorkspaceSource, StartRefused>> {
        let _ = limits;
        let refused = || StartRefused::Refused("workspaces start empty here".into());
        let checked = if *source == WorkspaceSource::Empty {
            Ok(WorkspaceSource::Empty)
        } else {
            Err(refused())
        };
        Box::pin(std::future::ready(checked))
    }

    /// Makes the workspace of a run that does not start empty, from what was captured durably when the
    /// task first started, or captures it now; as a checkpoint has it, where the run goes on from one.
    ///
    /// # Errors
    /// With how the attempt fails.
    fn stage<'a>(
        &'a self,
        task: &'a Task,
        checkpoint: Option<&'a Checkpoint>,
    ) -> BoxFuture<'a, Result<Staged, Failure>> {
        let _ = (task, checkpoint);
        Box::pin(std::future::ready(Err(Failure {
            code: ErrorCode::Internal,
            message: "workspaces start empty here".into(),
            detail: None,
            retryable: false,
        })))
    }

    /// Performs one run of a task. Dropping the future stops the guest.
    fn run<'a>(&'a self, job: Job, host: Arc<dyn RunHost>) -> BoxFuture<'a, Ran>;

    /// Writes what a task that has ended changed in its workspace, as a patch that git applies.
    ///
    /// # Errors
    /// When something of it can't be read, or `out` can't be written.
    fn write_diff<'a>(
        &'a self,
        task: &'a Task,
        out: Box<dyn Write + Send>,
    ) -> BoxFuture<'a, Result<(), Unreadable>> {
        let _ = (task, out);
        Box::pin(std::future::ready(Err(Unreadable::internal("workspaces start empty here"))))
    }

    /// Writes what a task that has ended left in its workspace, as a tar archive: all of it, or what it
    /// added or modified alone.
    ///
    /// # Errors
    /// As [`Runner::write_diff`].
    fn write_workspace<'a>(
        &'a self,
        task: &'a Task,
        changed_alone: bool,
        out: Box<dyn Write + Send>,
    ) -> BoxFuture<'a, Result<(), Unreadable>> {
        let _ = (task, changed_alone, out);
        Box::pin(std::future::ready(Err(Unreadable::internal("workspaces start empty here"))))
    }

    /// Names the engine and its fuel costs: runs under the same text are comparable.
    fn compatibility(&self) -> &str;
}

/// One thing that is wrong with a typed function's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFault {
    /// The JSON pointer of what is wrong, from the input on.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

/// A workspace that was made before its run starts.
#[derive(Debug)]
pub struct Staged {
    /// What it was captured in, where that is not the caller's own.
    pub captured: Option<Digest>,
    /// How it got its files.
    pub placed: Placed,
    /// The workspace itself.
    pub workspace: Held,
}

/// Something of a runner's that is kept for its next call, and undone when nobody keeps it.
#[derive(Clone)]
pub struct Held(pub Arc<dyn Any + Send + Sync>);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held(…)")
    }
}

/// One run to perform.
#[derive(Debug, Clone)]
pub struct Job {
    /// The task.
    pub task: TaskId,
    /// Its tenant.
    pub namespace: Namespace,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The executor, pinned.
    pub executor: ExecutorRef,
    /// How it runs tasks.
    pub kind: ExecutorKind,
    /// Which function, for executors of kind `functions`.
    pub function: Option<String>,
    /// What it is given.
    pub input: Arc<Value>,
    /// The workspace, where it does not start empty.
    pub workspace: Option<Held>,
    /// Directories that it can read besides, and never write.
    pub mounts: Vec<Mount>,
    /// Its bounds.
    pub limits: Limits,
    /// Globs of files that are kept when it ends.
    pub artifacts: Vec<String>,
    /// Where chance and time start.
    pub start: AttemptStart,
    /// What the task saved, where it goes on from a checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What earlier runs of the attempt were answered since then, by ordinal.
    pub journal: Vec<JournalEntry>,
    /// How far earlier runs of the attempt came: until then it repeats what they did.
    pub resume: Progress,
    /// The task that started this one.
    pub parent_id: Option<TaskId>,
    /// The conversation that it belongs to.
    pub context_id: Option<ContextId>,
}

/// The source of an attempt's chance: 256 secret bits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// What a run can tell the world while it goes on.
pub trait RunHost: Send + Sync {
    /// Returns where live progress is put.
    fn meter(&self) -> &Meter;

    /// Takes what the guest wrote. Waits while the reader is behind.
    ///
    /// # Errors
    /// [`Stopped`] when the run is to end.
    fn write(
        &self,
        stream: Stream,
        level: Level,
        bytes: Bytes,
    ) -> BoxFuture<'_, Result<(), Stopped>>;

    /// Returns the present moment, to which the guest's clocks are moved at answers.
    fn now(&self) -> UnixMillis;

    /// Takes what is to be recorded, in one write, after all that came before. Waits while too much is on
    /// its way, and not until it is durable: nothing that comes later is durable before it.
    ///
    /// # Errors
    /// [`Stopped`] when the run is to end: the lease is lost, or the store failed.
    fn record(&self, record: Record) -> BoxFuture<'_, Result<(), Stopped>>;

    /// Answers when all that was taken so far is durable: to be awaited before an effect that can't be
    /// taken back.
    ///
    /// # Errors
    /// [`Stopped`] when the run is to end.
    fn durable(&self) -> BoxFuture<'_, Result<(), Stopped>>;

    /// Waits, without a worker's slot where it takes long. The run may be stopped meanwhile, and another
    /// one brought here by replay when what it waits for has come.
    ///
    /// # Errors
    /// [`Stopped`] when the run is to end.
    fn wait(&self, wait: Wait) -> BoxFuture<'_, Result<(), Stopped>>;

    /// Returns what is around the task; nothing where it is alone, as in a local run.
    fn world(&self) -> Option<&dyn World> {
        None
    }

    /// Waits for answers that come to this process, without a worker's slot where it takes long. The run
    /// may be stopped meanwhile; then all of its calls that are under way are seen to their end, and
    /// another run finds the answers in the journal.
    ///
    /// # Errors
    /// [`Stopped`] when the run is to end.
    fn outside(&self, wait: Outside) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(async move {
            wait.any.await;
            Ok(())
        })
    }
}

/// What a run records in one write.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// What the log says.
    pub events: Vec<EventBody>,
    /// The call that this is of, for the journal.
    pub call: Option<JournalEntry>,
    /// Tasks that it creates.
    pub tasks: Vec<NewTask>,
    /// Documents that it writes.
    pub docs: Vec<DocChange>,
}

impl From<Vec<EventBody>> for Record {
    fn from(events: Vec<EventBody>) -> Self {
        Self { events, ..Self::default() }
    }
}

impl From<JournalEntry> for Record {
    fn from(call: JournalEntry) -> Self {
        Self { call: Some(call), ..Self::default() }
    }
}

/// A wait for answers that come to this process.
pub struct Outside {
    /// Answers when the guest can go on.
    pub any: BoxFuture<'static, ()>,
    /// All calls of the run that are under way.
    pub under_way: Vec<Arc<dyn UnderWay>>,
    /// What the instance takes while it stays in memory.
    pub memory_bytes: u64,
}

/// A call whose answer comes to this process, whether its run is still there or not. It is given up when
/// nobody holds it any more.
pub trait UnderWay: Send + Sync {
    /// When it is answered at the latest.
    fn until(&self) -> UnixMillis;

    /// Answers with what is to be recorded of it.
    fn answered(&self) -> BoxFuture<'_, Answered>;
}

/// What is recorded of a call that is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What the log says of it.
    pub events: Vec<EventBody>,
    /// The call with its answer.
    pub entry: JournalEntry,
}

/// The run is to end; nothing that it does counts any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run was stopped")]
pub struct Stopped;

/// Live progress of one run, shared between the guest's thread and whoever looks.
#[derive(Debug, Default)]
pub struct Meter {
    fuel_used: AtomicU64,
    ran_ms: AtomicU64,
    reported: Mutex<Progress>,
}

impl Meter {
    /// Makes one that goes on where an earlier run was.
    pub fn resuming(progress: Progress) -> Self {
        Self {
            fuel_used: AtomicU64::new(progress.fuel_used),
            ran_ms: AtomicU64::new(progress.ran_ms),
            reported: Mutex::new(progress),
        }
    }

    /// Raises the time that the attempt has run.
    pub fn set_ran_ms(&self, ran_ms: u64) {
        self.ran_ms.fetch_max(ran_ms, Ordering::Relaxed);
    }

    /// Raises the fuel used; a lower value than before is passed over.
    pub fn set_fuel_used(&self, fuel: u64) {
        self.fuel_used.fetch_max(fuel, Ordering::Relaxed);
    }

    /// Takes what the executor reports of itself.
    pub fn report(&self, done: u64, total: Option<u64>, message: Option<String>) {
        let mut reported = self.reported.lock().unwrap_or_else(|poison| poison.into_inner());
        *reported = Progress { done: Some(done), total, message, ..Progress::default() };
    }

    /// Returns the progress as it is now.
    pub fn progress(&self) -> Progress {
        let reported = self.reported.lock().unwrap_or_else(|poison| poison.into_inner()).clone();
        Progress {
            fuel_used: self.fuel_used.load(Ordering::Relaxed),
            ran_ms: self.ran_ms.load(Ordering::Relaxed),
            ..reported
        }
    }
}

/// How a run ended, and what it left.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// How.
    pub outcome: Outcome,
    /// What is in its workspace, where it came that far.
    pub left: Option<Left>,
}

impl From<Outcome> for Ran {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, left: None }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The executor is done.
    Completed(Value),
    /// The attempt failed.
    Failed(Failure),
    /// It ended early through no fault of its own.
    Interrupted(InterruptReason),
    /// It saved its state: the attempt goes on from there in another run.
    Saved(Box<Saved>),
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What kind of failure.
    pub code: ErrorCode,
    /// One sentence.
    pub message: String,
    /// More, where there is more.
    pub detail: Option<Value>,
    /// Whether another attempt may pass.
    pub retryable: bool,
}

/// Why a workspace can't start from what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartRefused {
    /// It can't be used; the text says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// Something is wrong on this side.
    #[error("look at what the workspace starts from: {0}")]
    Internal(String),
}

/// Why what a task left can't be shown.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unreadable {
    /// What it is told against is not there any more; the text says why.
    #[error("what the task started from can't be used any more: {0}")]
    Gone(String),
    /// Something is wrong on this side.
    #[error("read what the task left: {0}")]
    Internal(String),
}

impl Unreadable {
    /// Says what is wrong on this side.
    pub fn internal(why: impl std::fmt::Display) -> Self {
        Self::Internal(why.to_string())
    }
}

/// Why an upload was not admitted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdmissionError {
    /// The wasm can't be used; the text says why.
    #[error("{0}")]
    Refused(String),
    /// Something is wrong on this side.
    #[error("check the upload: {0}")]
    Internal(String),
}
