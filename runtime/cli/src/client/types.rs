//! What the client understands of the server's answers: as little as it shows, and lenient.

use std::collections::BTreeMap;
use std::path::PathBuf;

use errand_core::{
    AccessToken, ChangeCounts, ErrorCode, ExecutorKind, HttpGrant, Status, WaitingFor,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A list, or a part of one.
#[derive(Debug, Deserialize)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// A list as it is passed on: each item as it came.
#[derive(Debug, Serialize)]
pub(crate) struct RawItems {
    pub(crate) items: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// Which of its parent's children a task is.
#[derive(Debug, Deserialize)]
pub(crate) struct ChildOf {
    pub(crate) number: u32,
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// A task.
#[derive(Debug, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) namespace: String,
    pub(crate) executor: String,
    #[serde(default)]
    pub(crate) function: Option<String>,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) waiting_for: Option<WaitingFor>,
    pub(crate) attempt: u32,
    #[serde(default)]
    pub(crate) priority: i32,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    #[serde(default)]
    pub(crate) child: Option<ChildOf>,
    #[serde(default)]
    pub(crate) context_id: Option<String>,
    #[serde(default)]
    pub(crate) workspace: Origin,
    #[serde(default)]
    pub(crate) changes: Option<ChangeCounts>,
    #[serde(default)]
    pub(crate) progress: Progress,
    #[serde(default)]
    pub(crate) output: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) error: Option<TaskError>,
    pub(crate) created_at: Timestamp,
    #[serde(default)]
    pub(crate) started_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) finished_at: Option<Timestamp>,
}

/// What a task's workspace started from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub(crate) enum Origin {
    /// Nothing.
    Empty,
    /// A directory of the server's machine.
    Dir { path: PathBuf },
    /// An archive.
    Tar,
    /// A commit of a repository of the server's machine.
    Git { repo: PathBuf, commit: String },
    /// What another task left.
    Task { id: String },
    /// Something that this version does not know, or that the server does not say.
    #[default]
    #[serde(other)]
    Unknown,
}

/// How far a task is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) fuel_used: u64,
    pub(crate) fuel_limit: u64,
    pub(crate) done: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) message: Option<String>,
}

/// How a task failed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TaskError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) detail: Option<Value>,
    pub(crate) attempt: u32,
    #[serde(default)]
    pub(crate) retryable: bool,
}

/// A question of a task to a person.
#[derive(Debug, Deserialize)]
pub(crate) struct Approval {
    pub(crate) id: String,
    pub(crate) task_id: String,
    pub(crate) executor: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) schema: Option<Value>,
    #[serde(default)]
    pub(crate) shows_diff: bool,
    #[serde(default)]
    pub(crate) attachments: Vec<Attachment>,
    #[serde(default)]
    pub(crate) approvers: Vec<String>,
    pub(crate) status: String,
    pub(crate) digest: String,
    pub(crate) asked_at: Timestamp,
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) decided: Option<Decided>,
}

impl Approval {
    /// Tells whether somebody can decide it.
    pub(crate) fn is_pending(&self) -> bool {
        self.status == "pending"
    }
}

/// A file that is shown with a question.
#[derive(Debug, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
}

/// How an approval was closed.
#[derive(Debug, Deserialize)]
pub(crate) struct Decided {
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) via: Option<String>,
    pub(crate) at: Timestamp,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    #[serde(default)]
    pub(crate) values: Option<Value>,
}

/// An entry of a task's log.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) attempt: u32,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) data: Value,
}

impl Event {
    /// Tells whether a task rests after this event.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.kind.as_str(), "completed" | "failed" | "cancelled")
    }
}

/// A file that a task left.
#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    pub(crate) blake3: String,
    pub(crate) media_type: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
}

/// An executor: what was uploaded last under a name.
#[derive(Debug, Deserialize)]
pub(crate) struct Executor {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) kind: ExecutorKind,
    pub(crate) size_bytes: u64,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) functions: Vec<Function>,
    #[serde(default)]
    pub(crate) uploaded_at: Option<Timestamp>,
    /// All uploads under the name, newest last, where one executor is shown.
    #[serde(default)]
    pub(crate) versions: Vec<Version>,
    /// The interfaces that it imports, where one executor is shown.
    #[serde(default)]
    pub(crate) imports: Vec<String>,
    /// What it is granted, where one executor is shown.
    #[serde(default)]
    pub(crate) granted: Granted,
}

/// What an executor is granted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Granted {
    pub(crate) http: Vec<HttpGrant>,
    pub(crate) environment: Vec<String>,
}

/// One upload.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) digest: String,
    pub(crate) uploaded_at: Timestamp,
}

/// A function of an executor.
#[derive(Debug, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) input_schema: Value,
    #[serde(default)]
    pub(crate) output_schema: Value,
}

/// An access token, or what is told of one afterwards.
#[derive(Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    #[serde(default)]
    pub(crate) rights: Vec<String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
    /// The secret, in the answer to its creation alone.
    #[serde(default)]
    pub(crate) token: Option<AccessToken>,
}
