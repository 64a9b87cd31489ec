//! What a run can ask of the tasks, the people and the conversation around its task.
//!
//! Only a run under a server has all this: a run on a person's own machine has no world, and its guest is
//! told so.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ApprovalId, Around, Artifact, BoxFuture, DocChange, EventBody, JournalEntry, NewTask,
    SnapshotRef, Status, Stopped, TaskError, TaskId, UnixMillis, Verdict,
};

/// The world of one run.
pub trait World: Send + Sync {
    /// Returns what has come to the task, once all that it recorded is durable.
    ///
    /// # Errors
    /// [`WorldError::Stopped`], [`WorldError::Failed`].
    fn around(&self) -> BoxFuture<'_, Result<Around, WorldError>>;

    /// Returns the signal that came with an event of the task.
    ///
    /// # Errors
    /// [`WorldError::Failed`] where that event is none.
    fn signal(&self, seq: u64) -> BoxFuture<'_, Result<Signal, WorldError>>;

    /// Makes a child, checked like any other task. It is there once it is recorded with the call.
    ///
    /// # Errors
    /// [`WorldError::Refused`] where a task like that may not be.
    fn spawn(&self, child: ChildRequest) -> BoxFuture<'_, Result<Spawned, WorldError>>;

    /// Looks at children, in this order, once all that the task recorded is durable.
    ///
    /// # Errors
    /// [`WorldError::Refused`] where one of them is no child of the task.
    fn children(&self, ids: Vec<TaskId>) -> BoxFuture<'_, Result<Vec<ChildView>, WorldError>>;

    /// Queues children again that failed in an earlier attempt of the task.
    ///
    /// # Errors
    /// As [`World::children`].
    fn revive(&self, ids: Vec<TaskId>) -> BoxFuture<'_, Result<(), WorldError>>;

    /// Cancels a child and its descendants.
    ///
    /// # Errors
    /// As [`World::children`].
    fn cancel(&self, id: TaskId) -> BoxFuture<'_, Result<(), WorldError>>;

    /// Makes an approval. It is open once it is recorded with the call.
    ///
    /// # Errors
    /// [`WorldError::Refused`] where a question like that may not be asked.
    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Asked, WorldError>>;

    /// Looks at an approval of the task. One whose time is up is closed by this.
    ///
    /// # Errors
    /// [`WorldError::Refused`] where the task did not ask for it.
    fn question(&self, id: ApprovalId) -> BoxFuture<'_, Result<QuestionView, WorldError>>;

    /// Returns the state of the task's conversation.
    ///
    /// # Errors
    /// [`WorldError::Refused`] where it belongs to none.
    fn state(&self) -> BoxFuture<'_, Result<ContextState, WorldError>>;

    /// Replaces that state if it is at this version, in one write with the call that does so, answered: it
    /// is done once, whenever the run ends.
    ///
    /// # Errors
    /// [`WorldError::Refused`] where it belongs to none, or somebody else wrote in between.
    fn set_state(
        &self,
        value: Value,
        version: u64,
        answered: JournalEntry,
    ) -> BoxFuture<'_, Result<(), WorldError>>;
}

/// Why the world does not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorldError {
    /// The guest is told why; it may go on.
    #[error("{0:?}")]
    Refused(CallError),
    /// The run is to end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Something is wrong on this side; another attempt may pass.
    #[error("{0}")]
    Failed(String),
}

/// Why a host call was refused, as the guest is told and the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are `types.error` of `wit/`, which says it")]
pub enum CallError {
    Unsupported(String),
    Denied(String),
    Invalid(String),
    Limit { name: String, value: u64 },
    NotFound(String),
}

/// A message to a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its name.
    pub name: String,
    /// What it says.
    pub payload: Value,
}

/// A child to make.
#[derive(Debug, Clone)]
pub struct ChildRequest {
    /// The 80 bits of its id that are not its time: they follow from the parent's attempt and call.
    pub random: u128,
    /// `name`, or `name@digest-prefix`.
    pub executor: String,
    /// Which function, for executors of kind `functions`.
    pub function: Option<String>,
    /// Its input.
    pub input: Value,
    /// What its workspace starts from.
    pub workspace: ChildWorkspace,
    /// Its bounds.
    pub limits: ChildLimits,
    /// Whether its fuel is taken out of the parent's budget.
    pub fuel_from_parent: bool,
    /// Its name among its siblings.
    pub name: Option<String>,
    /// Attempts in all.
    pub max_attempts: Option<u32>,
}

/// What a child's workspace starts from.
#[derive(Debug, Clone)]
pub enum ChildWorkspace {
    /// Nothing.
    Empty,
    /// What the parent's started from.
    Start,
    /// The parent's as it is now: how it differs from what its source gives, where it does.
    Fork(Option<SnapshotRef>),
}

/// Bounds of a child; what is absent is the server's default.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "as in `Limits`")]
pub struct ChildLimits {
    pub fuel: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub timeout_ms: Option<u64>,
    pub workspace_bytes: Option<u64>,
    pub output_bytes: Option<u64>,
}

/// A child that was made.
#[derive(Debug, Clone)]
pub struct Spawned {
    /// The task, to be recorded with the call.
    pub task: Box<NewTask>,
    /// Its number among its siblings.
    pub number: u32,
    /// The fuel that it may use.
    pub fuel: u64,
}

/// A child as its parent sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildView {
    /// Its id.
    pub id: TaskId,
    /// Its number among its siblings.
    pub number: u32,
    /// Its name among them.
    pub name: String,
    /// Where it is in its life.
    pub status: Status,
    /// How it ended, where it has.
    pub end: Option<ChildEnd>,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildEnd {
    /// Its output, or how it failed.
    pub output: Result<Value, TaskError>,
    /// The fuel that it used in its last attempt.
    pub fuel_used: u64,
    /// The fuel that was taken out of its parent's budget for it.
    pub fuel_reserved: u64,
    /// The files that it left.
    pub artifacts: Vec<Artifact>,
}

/// A question to a person.
#[derive(Debug, Clone)]
pub struct Question {
    /// One line.
    pub title: String,
    /// Markdown.
    pub detail: String,
    /// JSON Schema of values to fill in.
    pub schema: Option<Value>,
    /// How long it stays open.
    pub timeout_ms: Option<u64>,
    /// The workspace as it is now, where what is changed in it is shown.
    pub workspace: Option<Option<SnapshotRef>>,
    /// Files that are shown with it.
    pub attachments: Vec<Artifact>,
    /// Who may answer, by the names of their tokens; nobody named: whoever has the right to.
    pub approvers: Vec<String>,
}

/// An approval that was made.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its id.
    pub id: ApprovalId,
    /// When it closes.
    pub expires_at: Option<UnixMillis>,
    /// What the log says of it.
    pub event: EventBody,
    /// What is recorded with the call.
    pub docs: Vec<DocChange>,
}

/// An approval as the task that asked sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct QuestionView {
    /// The answer, where there is one.
    pub decision: Option<Decision>,
    /// When it closes by itself.
    pub expires_at: Option<UnixMillis>,
}

/// The answer to a question. Everything but `approved` is a no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// How it ended.
    pub verdict: Verdict,
    /// Who decided, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What they filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Value>,
}

/// A version of a conversation's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextState {
    /// The state; null at first.
    pub value: Value,
    /// How often it was written.
    pub version: u64,
}
