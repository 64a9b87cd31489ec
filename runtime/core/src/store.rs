//! The trait behind which the truth lies: tasks with their logs, the queue, and small documents.
//!
//! A store moves bytes and decides nothing: it numbers events, folds them through [`Task::apply`] to
//! keep its records and indexes, and hands out leases. Which event to append is its callers' business.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Artifact, BoxFuture, Checkpoint, CollectedBlobs, ContextId, Digest, Draft, Event, ExecutorName,
    ExpiredPage, ExpiredQuery, IllegalTransition, JournalEntry, Kept, LogOffsets, Namespace, Seed,
    Status, Task, TaskId, UnixMillis, WorkerId,
};

/// Durable tasks, their logs, the queue over them, and documents.
///
/// Every write is durable when its future answers. What a store of one process only keeps in memory is
/// said at the method.
pub trait Store: Send + Sync {
    /// Creates tasks, all or none.
    ///
    /// A task whose idempotency key was used before in its namespace with the same fingerprint answers
    /// the earlier task.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyConflict`] where the key was used with another fingerprint.
    fn submit(&self, tasks: Vec<NewTask>) -> BoxFuture<'_, Result<Vec<Submitted>, StoreError>>;

    /// Appends events to a task's log, all or none, and answers the task after them.
    ///
    /// Where they end a task that has a parent, the parent's log says so in the same write.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the guard does not hold or a document is at another version, [`StoreError::Illegal`] where an event
    /// may not follow, [`StoreError::NotFound`].
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Task, StoreError>>;

    /// Leases queued tasks to a worker: those that resume first, then by priority, then by age. None
    /// while there is no room for what they may write.
    ///
    /// A task leased and not yet `started` stays `queued`. A store of one process keeps that lease in
    /// memory until the next write to the task.
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claims, StoreError>>;

    /// Extends leases, and answers those that are no longer the worker's.
    fn renew(
        &self,
        worker: WorkerId,
        held: Vec<(TaskId, Epoch)>,
        until: UnixMillis,
    ) -> BoxFuture<'_, Result<Vec<TaskId>, StoreError>>;

    /// Gives up a lease on a task that has not started; it is claimable again at once.
    fn release(&self, task: TaskId, epoch: Epoch) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns all leases.
    fn leases(&self) -> BoxFuture<'_, Result<Vec<HeldLease>, StoreError>>;

    /// Answers when a task may have become claimable since the last call of [`Store::claim`].
    fn claimable(&self) -> BoxFuture<'_, ()>;

    /// Takes up to `max` waiting tasks whose time is up by `now`, earliest first.
    ///
    /// A store of one process hands out each once in its life: who takes it sees to it that it goes on.
    fn take_due(&self, now: UnixMillis, max: usize) -> BoxFuture<'_, Result<Due, StoreError>>;

    /// Answers when a task may have become due earlier than the last call of [`Store::take_due`] said.
    fn due_changed(&self) -> BoxFuture<'_, ()>;

    /// Returns the journal of a task's present attempt, by ordinal.
    fn journal(&self, id: TaskId) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>>;

    /// Returns what the next run of a task's present attempt goes on from, if it has saved anything.
    fn checkpoint(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>>;

    /// Returns a task.
    fn task(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Task>, StoreError>>;

    /// Returns up to `limit` events after number `after`, in order.
    fn events(
        &self,
        id: TaskId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>>;

    /// Returns where the next events of a conversation's tasks are, in the order in which they were
    /// written: those after a position, `limit` at most. What is of tasks that are gone is among them.
    fn context_log(
        &self,
        namespace: Namespace,
        context: ContextId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ContextEntry>, StoreError>>;

    /// Answers when that has something after a position.
    fn context_changed(
        &self,
        namespace: Namespace,
        context: ContextId,
        after: u64,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Answers when the task has an event after number `after`, or is gone.
    fn changed(&self, id: TaskId, after: u64) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns the artifacts that the task's log has published, by path; the last of each path.
    fn artifacts(&self, id: TaskId) -> BoxFuture<'_, Result<Vec<Artifact>, StoreError>>;

    /// Lists tasks, newest first, through an index.
    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<Page, StoreError>>;

    /// Counts what is in the queue of a namespace, or of all.
    fn depth(&self, namespace: Option<Namespace>) -> BoxFuture<'_, Result<QueueDepth, StoreError>>;

    /// Removes a terminal task at this version with its log.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it is not terminal or at another version.
    fn delete(&self, id: TaskId, version: u64) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns a document.
    fn doc(&self, kind: DocKind, key: String) -> BoxFuture<'_, Result<Option<Doc>, StoreError>>;

    /// Returns all documents of a kind whose key starts with `prefix`, in the order of the keys.
    fn docs(
        &self,
        kind: DocKind,
        prefix: String,
    ) -> BoxFuture<'_, Result<Vec<(String, Doc)>, StoreError>>;

    /// Returns up to `limit` of them, after the key `after` where there is one.
    fn docs_page(
        &self,
        kind: DocKind,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, Doc)>, StoreError>>;

    /// Writes a document if it is still at `expected` (nothing: not there), or removes it where `value`
    /// is nothing. Answers the new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it is at another version.
    fn put_doc(
        &self,
        kind: DocKind,
        key: String,
        expected: Option<u64>,
        value: Option<Value>,
    ) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Refuses new work where there is no room for it. [`Store::submit`] and [`Store::claim`] look by
    /// themselves; this is for what is stored beside them.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`].
    fn check_room(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns tasks that ended before a moment, a part at a time. Looks at no more than it must, so a
    /// part may be short or empty and yet not the last.
    fn expired(&self, query: ExpiredQuery) -> BoxFuture<'_, Result<ExpiredPage, StoreError>>;

    /// Returns those of these blobs that no task refers to.
    fn without_task(&self, blobs: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Digest>, StoreError>>;

    /// Removes blobs that nothing refers to and that nobody wrote or used since a moment, which must
    /// leave time for a reference that is under way.
    fn collect_blobs(
        &self,
        unused_since: UnixMillis,
    ) -> BoxFuture<'_, Result<CollectedBlobs, StoreError>>;

    /// Writes all that is stored, as it is at one moment after this was called, while everything goes
    /// on. The writer is given back flushed; on an error what it was given is of no use.
    ///
    /// # Errors
    /// [`StoreError::NoBackup`] where the store is backed up by other means. The writer's own error.
    fn backup(
        &self,
        _out: Box<dyn std::io::Write + Send>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::NoBackup) })
    }
}

/// Events of a conversation that were written together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextEntry {
    /// Where it is: higher than what was written before, with holes.
    pub position: u64,
    /// Whose events they are.
    pub task: TaskId,
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
}

/// A task to create.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Its id, fresh.
    pub id: TaskId,
    /// Its `submitted` event, number 1.
    pub submitted: Event,
    /// The caller's key against submitting twice.
    pub idempotency: Option<Idempotency>,
}

/// A key against submitting twice, unique in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// The digest of the request, without the key.
    pub fingerprint: Digest,
}

/// What became of a [`NewTask`].
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is new.
    Created(Task),
    /// The same was submitted before: this is that task, as it is now.
    Existing(Task),
}

/// Events to append to a log.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose.
    pub task: TaskId,
    /// What must hold.
    pub guard: Guard,
    /// The events; none where there are entries alone, and the task stays as it is.
    pub drafts: Vec<Draft>,
    /// What the attempt starts from, written with its first `started` and kept until the next attempt or
    /// a checkpoint.
    pub attempt_start: Option<AttemptStart>,
    /// What the task saved, written with its `checkpoint_saved`: it takes the place of the journal and of
    /// an earlier one, together with `attempt_start`.
    pub checkpoint: Option<Checkpoint>,
    /// Calls answered or begun, which replace what the journal has of the same ordinals.
    pub entries: Vec<JournalEntry>,
    /// Tasks to create with the events, which the events speak of. The bound of the queue is not theirs.
    pub tasks: Vec<NewTask>,
    /// Documents to write with the events.
    pub docs: Vec<DocChange>,
    /// Where the events begin another attempt: what of the journal it keeps, and with it what the attempt
    /// started from, its checkpoint included. Nothing: it starts anew.
    pub kept: Option<Kept>,
}

impl Append {
    /// Makes an append of events alone.
    pub fn new(task: TaskId, guard: Guard, drafts: Vec<Draft>) -> Self {
        Self {
            task,
            guard,
            drafts,
            attempt_start: None,
            checkpoint: None,
            entries: Vec::new(),
            tasks: Vec::new(),
            docs: Vec::new(),
            kept: None,
        }
    }
}

/// What must hold for an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The task is there: for what comes from outside, and may come at any time.
    Present,
    /// The last event has this number.
    Version(u64),
    /// The task is leased under this epoch.
    Lease(Epoch),
}

/// The number of a lease on a task. A higher one fences the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// What every run of an attempt starts from. Private: never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStart {
    /// The source of all its chance.
    pub seed: Seed,
    /// Where its clocks start.
    pub base_time: UnixMillis,
    /// The engine of its first run.
    pub engine: String,
    /// What it writes first and an earlier attempt has said already.
    pub said: LogOffsets,
    /// The environment that it was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<(String, String)>,
}

impl std::fmt::Debug for AttemptStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttemptStart").field("base_time", &self.base_time).finish_non_exhaustive()
    }
}

/// A worker's time-limited right to run a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whose.
    pub worker: WorkerId,
    /// Its number.
    pub epoch: Epoch,
    /// When it ends unless renewed.
    pub until: UnixMillis,
}

/// A lease, and what it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    /// The task.
    pub task: TaskId,
    /// The lease.
    pub lease: Lease,
    /// Where the task is; `queued` when leased and not started.
    pub status: Status,
    /// Whether the store knows that the holder is gone.
    pub orphaned: bool,
}

/// A wish for work.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose.
    pub worker: WorkerId,
    /// How many tasks at most.
    pub max: usize,
    /// The present moment, for tasks that are delayed.
    pub now: UnixMillis,
    /// When the leases end.
    pub lease_until: UnixMillis,
}

/// What a claim brought.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// The tasks, in the order in which to start them.
    pub items: Vec<Claimed>,
    /// When the next delayed task becomes claimable.
    pub next_due: Option<UnixMillis>,
}

/// Waiting tasks whose time is up.
#[derive(Debug, Clone, Default)]
pub struct Due {
    /// The tasks, earliest first.
    pub items: Vec<TaskId>,
    /// When the next one is due.
    pub next: Option<UnixMillis>,
}

/// A leased task.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The task, still `queued`.
    pub task: Task,
    /// Its input.
    pub input: Arc<Value>,
    /// The lease's number.
    pub epoch: Epoch,
    /// What the present attempt starts from, if it ran before.
    pub attempt_start: Option<AttemptStart>,
}

/// Which tasks to list, and from where on.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// The tenant; nothing: all.
    pub namespace: Option<Namespace>,
    /// Which.
    pub filter: ListFilter,
    /// Only tasks older than this one: the cursor.
    pub before: Option<TaskId>,
    /// How many at most.
    pub limit: usize,
}

/// Conditions that all must hold.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// At this status.
    pub status: Option<Status>,
    /// Of this executor, at any digest.
    pub executor: Option<ExecutorName>,
    /// Of this digest.
    pub digest: Option<Digest>,
    /// Children of this task.
    pub parent_id: Option<TaskId>,
    /// Of this conversation.
    pub context_id: Option<ContextId>,
    /// With this label.
    pub label: Option<(String, String)>,
}

/// A part of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Newest first.
    pub items: Vec<Task>,
    /// What [`ListQuery::before`] is for the next part; nothing at the end.
    pub next: Option<TaskId>,
}

/// How much is in the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Tasks by status, in the order of [`Status::ALL`].
    pub by_status: [u64; 6],
    /// Queued tasks by executor's name.
    pub queued_by_executor: std::collections::BTreeMap<ExecutorName, u64>,
    /// When the oldest queued task was submitted.
    pub oldest_queued_at: Option<UnixMillis>,
}

/// The kinds of small documents that a store keeps beside the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocKind {
    /// [`crate::ExecutorRecord`], by `namespace/name`.
    Executor,
    /// Access tokens, by id.
    Token,
    /// Settings of the queue, by name.
    Queue,
    /// [`crate::Grants`], by `namespace/executor`.
    Grant,
    /// [`crate::BlobRecord`], by `namespace/digest`: who uploaded which bytes. What they are is in
    /// [`crate::Blobs`], and stays there for as long as the record does.
    Blob,
    /// Approvals, by `namespace/id`.
    Approval,
    /// Those of them that nobody has decided yet, by the same keys.
    OpenApproval,
    /// The state of conversations, by `namespace/id`.
    Context,
}

impl DocKind {
    /// Returns the kind as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executor => "executor",
            Self::Token => "token",
            Self::Queue => "queue",
            Self::Grant => "grant",
            Self::Blob => "blob",
            Self::Approval => "approval",
            Self::OpenApproval => "open_approval",
            Self::Context => "context",
        }
    }
}

/// A document to write together with events.
#[derive(Debug, Clone, PartialEq)]
pub struct DocChange {
    /// What kind of document.
    pub kind: DocKind,
    /// Its key.
    pub key: String,
    /// The version that it is at; nothing: it is not there.
    pub expected: Option<u64>,
    /// What it is to say; nothing: it is removed.
    pub value: Option<Value>,
}

/// A document, and the version that its next writer must name.
#[derive(Debug, Clone, PartialEq)]
pub struct Doc {
    /// What it says.
    pub value: Value,
    /// From 1, one more with each write.
    pub version: u64,
}

/// Why a store refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// There is no such task.
    #[error("there is no task {0}")]
    NotFound(TaskId),
    /// Somebody else wrote first, or the lease is lost.
    #[error("somebody else wrote first, or the lease is lost")]
    Conflict,
    /// The event may not follow.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// An idempotency key was used with another request.
    #[error("the idempotency key of request {index} was used with another request (task {task})")]
    IdempotencyConflict {
        /// The position in the batch, from 0.
        index: usize,
        /// The task that has the key.
        task: TaskId,
    },
    /// The queue holds as many tasks as it may.
    #[error("the queue is full: {bound} tasks")]
    QueueFull {
        /// How many it may hold.
        bound: u64,
    },
    /// The disk has no room left beyond the reserve.
    #[error("no space is left for the store")]
    NoSpace,
    /// The store is not backed up through this interface.
    #[error("back up this kind of store")]
    NoBackup,
    /// What is stored can't be read.
    #[error("read what is stored: {0}")]
    Corrupt(String),
    /// The storage failed, or the store is closed.
    #[error("use the storage: {0}")]
    Io(String),
}
