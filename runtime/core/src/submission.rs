//! What was asked for when a task was submitted. It never changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ContextId, Digest, ExecutorRef, Limits, Namespace, Origin, Retry, TaskId};

/// A checked request for a task, its executor pinned and all defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// The tenant.
    pub namespace: Namespace,
    /// The executor, pinned.
    pub executor: ExecutorRef,
    /// Which function, for executors of kind `functions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What the executor is given.
    pub input: Arc<Value>,
    /// What the workspace starts from.
    #[serde(default)]
    pub workspace: WorkspaceSource,
    /// The caller's own marks, to filter by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Higher is claimed first.
    #[serde(default)]
    pub priority: i32,
    /// The caller's key against submitting twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// How long the task stays queued at least.
    #[serde(default)]
    pub delay_ms: u64,
    /// The task that started this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<TaskId>,
    /// The conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_id: Option<ContextId>,
    /// Its bounds.
    #[serde(default)]
    pub limits: Limits,
    /// How often it is tried.
    #[serde(default)]
    pub retry: Retry,
    /// Globs of files in the workspace that are kept when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Who is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Notify>,
}

/// What a workspace starts from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkspaceSource {
    /// Nothing.
    #[default]
    Empty,
    /// A directory of the server's machine.
    Dir {
        /// Absolute, under a root that the operator listed.
        path: String,
    },
    /// An uploaded tar archive.
    Tar {
        /// Its digest.
        blob: Digest,
    },
    /// A git repository at a commit.
    Git {
        /// Absolute, under a root that the operator listed.
        repo: String,
        /// What to start from: a branch, a tag, a commit.
        #[serde(rename = "ref")]
        reference: String,
        /// The commit that it named when the task was submitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// Directories and files of it that are wanted; all where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paths: Vec<String>,
    },
    /// What another task left.
    Task {
        /// That task.
        id: TaskId,
        /// What that was when this task was submitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Box<Origin>>,
    },
}

/// A web hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Where to post.
    pub url: String,
    /// Which kinds of event.
    pub events: Vec<String>,
}
