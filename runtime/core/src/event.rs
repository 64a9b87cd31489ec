//! Events: the entries of a task's append-only log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ApprovalId, Awaits, Digest, Left, Placed, Principal, Progress, Submission, TaskId, UnixMillis,
    WorkerId,
};

/// One entry of a task's log. Numbered from 1 without holes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub seq: u64,
    /// When it was recorded.
    pub at: UnixMillis,
    /// Who caused it.
    pub by: Principal,
    /// The attempt that it belongs to.
    pub attempt: u32,
    /// The last live progress before it, where the task was running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What happened.
    pub body: EventBody,
}

/// An event before the store has numbered it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// When it happened.
    pub at: UnixMillis,
    /// Who caused it.
    pub by: Principal,
    /// The last live progress, where the task was running.
    pub progress: Option<Progress>,
    /// What happened.
    pub body: EventBody,
}

/// What happened, by kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum EventBody {
    /// The task was accepted.
    Submitted(Box<Submission>),
    /// A worker began a run.
    Started {
        /// The run, counted from 1 over all attempts.
        run: u32,
        /// Where it runs.
        worker: WorkerId,
        /// The engine's compatibility hash, fuel costs included.
        engine: String,
        /// The archive that a directory was captured in, which each run of the task starts from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workspace: Option<Digest>,
        /// How the workspace got what it starts with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        placed: Option<Placed>,
    },
    /// The guest wrote something.
    Log(LogLine),
    /// The guest emitted an event of its own.
    Emitted {
        /// The guest's kind.
        kind: String,
        /// The guest's data.
        data: Value,
    },
    /// The task waits and holds no worker.
    Waiting {
        /// For what.
        waiting_for: WaitingFor,
        /// Until when at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
        /// What of that which comes from around it ends the wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaits: Option<Box<Awaits>>,
    },
    /// What it waited for has come.
    Resumed {
        /// Whether the waiting instance itself goes on.
        warm: bool,
    },
    /// A run ended early through no fault of the task's.
    Interrupted {
        /// Why.
        reason: InterruptReason,
    },
    /// A person is asked.
    ApprovalRequested {
        /// The approval, numbered from 1 in its task.
        approval_id: ApprovalId,
        /// What is asked, in one line.
        title: String,
        /// The digest of all that is shown.
        digest: Digest,
        /// When the question closes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<UnixMillis>,
    },
    /// The question is closed.
    ApprovalDecided {
        /// The approval.
        approval_id: ApprovalId,
        /// How.
        verdict: Verdict,
        /// Through which door.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<String>,
        /// Why, in the decider's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// A child task was submitted.
    ChildSpawned {
        /// The child.
        child_id: TaskId,
        /// Its number among the task's children, from 1.
        number: u32,
        /// Its name among its siblings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A child task ended.
    ChildFinished {
        /// The child.
        child_id: TaskId,
        /// Its number, where the task itself spawned it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
        /// Its last status.
        status: crate::Status,
    },
    /// A signal came.
    SignalReceived {
        /// Its name.
        name: String,
        /// What it says; null where it says nothing.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        payload: Value,
    },
    /// A durable timer is up.
    TimerFired {
        /// The host call that set it, counted from 1.
        ordinal: u64,
    },
    /// An outgoing request was answered, or failed.
    HttpCalled {
        /// `GET`, `POST`, …
        method: String,
        /// The host that was asked, with its port where that is not the scheme's own.
        host: String,
        /// The answer's status, where one came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Bytes of the request's body.
        #[serde(default)]
        request_bytes: u64,
        /// Bytes of the answer's body.
        response_bytes: u64,
        /// The answer's body, where it is kept as a blob.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<Digest>,
        /// Why there is no answer: a code, and what happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<HttpFault>,
        /// From the request to the end of the answer.
        duration_ms: u64,
    },
    /// State was saved, and the run ended.
    CheckpointSaved {
        /// Bytes of state.
        state_bytes: u64,
    },
    /// A file was kept.
    ArtifactPublished(Artifact),
    /// Somebody wants the task to stop.
    CancelRequested {
        /// Why, where they said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The attempt failed, and another follows.
    RetryScheduled {
        /// How it failed.
        error: TaskError,
        /// The wait, jitter included.
        delay_ms: u64,
        /// When the next attempt may start.
        not_before: UnixMillis,
    },
    /// Somebody wants a finished task to be tried again.
    RetryRequested {},
    /// The task is done.
    Completed {
        /// Its output.
        output: Arc<Value>,
        /// What it left in its workspace; nothing where that is what its source gives.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<Box<Left>>,
    },
    /// The task failed for good.
    Failed {
        /// How.
        error: TaskError,
        /// What it left in its workspace, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<Box<Left>>,
    },
    /// The task was stopped.
    Cancelled {
        /// What is reported as its error.
        error: TaskError,
    },
}

impl EventBody {
    /// Returns the kind, as it is called everywhere.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Submitted(_) => "submitted",
            Self::Started { .. } => "started",
            Self::Log(_) => "log",
            Self::Emitted { .. } => "emitted",
            Self::Waiting { .. } => "waiting",
            Self::Resumed { .. } => "resumed",
            Self::Interrupted { .. } => "interrupted",
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::ApprovalDecided { .. } => "approval_decided",
            Self::ChildSpawned { .. } => "child_spawned",
            Self::ChildFinished { .. } => "child_finished",
            Self::SignalReceived { .. } => "signal_received",
            Self::TimerFired { .. } => "timer_fired",
            Self::HttpCalled { .. } => "http_called",
            Self::CheckpointSaved { .. } => "checkpoint_saved",
            Self::ArtifactPublished(_) => "artifact_published",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::RetryScheduled { .. } => "retry_scheduled",
            Self::RetryRequested {} => "retry_requested",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// A piece of what a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Where it was written.
    pub stream: Stream,
    /// How severe it is; `info` for standard output, `warn` for standard error.
    pub level: Level,
    /// Bytes written to this stream before it, in this task.
    pub offset: u64,
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Bytes that it takes in the stream, where they are not as many as the text has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_bytes: Option<u64>,
}

impl LogLine {
    /// Returns how many bytes of the stream it is.
    pub fn stream_bytes(&self) -> u64 {
        self.length_bytes.unwrap_or(self.text.len() as u64)
    }
}

/// The streams that a guest writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Lines logged through the host.
    Log,
}

/// How severe a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// What a waiting task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// A person's answer.
    Approval,
    /// Children to end.
    Children,
    /// Time to pass.
    Timer,
    /// A signal.
    Signal,
    /// An outgoing request's answer, out of memory.
    Http,
}

/// Why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InterruptReason {
    /// The process that ran it died.
    Crash,
    /// Its worker did not renew the lease.
    Lease,
    /// Its worker was told to stop.
    Drain,
}

/// Why an outgoing request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpFault {
    /// A stable code: `denied`, `invalid`, `dns`, `connect`, `tls`, `timeout`, `limit`, `broken`, or
    /// `unknown` where it may have been made or not.
    pub code: String,
    /// What happened, for a person.
    pub message: String,
}

/// How an approval was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verdict {
    Approved,
    Denied,
    Expired,
    Cancelled,
}

/// A file that a task left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Relative to the workspace.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its content.
    pub blake3: Digest,
    /// Its media type.
    pub media_type: String,
    /// One line for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How a task failed, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskError {
    /// What kind of failure.
    pub code: ErrorCode,
    /// One sentence.
    pub message: String,
    /// More, where there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The attempt that failed.
    pub attempt: u32,
    /// Whether another attempt may pass.
    pub retryable: bool,
}

/// The stable codes of [`TaskError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The executor said so.
    ExecutorFailed,
    /// The guest executed something invalid.
    Trap,
    /// The fuel budget is used up.
    FuelExhausted,
    /// More memory was asked for than allowed.
    MemoryLimit,
    /// It ran too long.
    Timeout,
    /// The workspace grew too large.
    WorkspaceLimit,
    /// It wrote too much.
    OutputLimit,
    /// A replay asked for something else than the first run.
    Nondeterminism,
    /// The executor is gone.
    ExecutorMissing,
    /// Its worker died too often.
    Lost,
    /// Somebody stopped it.
    Cancelled,
    /// A child failed.
    ChildFailed,
    /// Something is wrong on Errand's side.
    Internal,
}

impl ErrorCode {
    /// Returns the code as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExecutorFailed => "executor_failed",
            Self::Trap => "trap",
            Self::FuelExhausted => "fuel_exhausted",
            Self::MemoryLimit => "memory_limit",
            Self::Timeout => "timeout",
            Self::WorkspaceLimit => "workspace_limit",
            Self::OutputLimit => "output_limit",
            Self::Nondeterminism => "nondeterminism",
            Self::ExecutorMissing => "executor_missing",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::ChildFailed => "child_failed",
            Self::Internal => "internal",
        }
    }
}
