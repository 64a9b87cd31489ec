//! A task as its log makes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Around, Awaits, ContextId, Digest, ExecutorRef, Left, Limits, Lineage, LogOffsets, Mount,
    Namespace, Retry, TaskError, TaskId, UnixMillis, WaitingFor, WorkspaceSource,
};

/// The state of a task: the fold over its events, input left out.
///
/// Made by [`Task::begin`] and changed by [`Task::apply`] alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The tenant.
    pub namespace: Namespace,
    /// The executor, pinned.
    pub executor: ExecutorRef,
    /// Which function, for executors of kind `functions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What the workspace starts from.
    #[serde(default)]
    pub workspace: WorkspaceSource,
    /// Directories that it can read besides, and never write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// The caller's own marks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Higher is claimed first.
    pub priority: i32,
    /// The task that started this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<TaskId>,
    /// Where it is in the tree of its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// The conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_id: Option<ContextId>,
    /// Its bounds.
    pub limits: Limits,
    /// How often it is tried.
    pub retry: Retry,
    /// Globs of files that are kept when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,

    /// The archive that its workspace's directory was captured in, at its first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<Digest>,
    /// What it left in its workspace, where it has ended. [`Task::left`] says whether that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Box<Left>>,
    /// Where it is in its life.
    pub status: Status,
    /// What it waits for, while `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The attempt that the present budget of attempts began with.
    pub first_attempt: u32,
    /// Runs begun, over all attempts.
    pub runs: u32,
    /// Runs of this attempt that ended in a crash or a lost lease, one after the other without news.
    pub recoveries: u32,
    /// Whether it goes on from where it was, ahead of new work.
    #[serde(default)]
    pub resuming: bool,
    /// When it may start at the earliest, while `queued`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixMillis>,
    /// When it goes on at the latest, while `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until: Option<UnixMillis>,
    /// What ends its wait before that, while `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Box<Awaits>>,
    /// What has come to it, and what it has started.
    #[serde(default, skip_serializing_if = "Around::is_nothing")]
    pub around: Around,
    /// What its log has of each stream.
    #[serde(default, skip_serializing_if = "LogOffsets::is_zero")]
    pub logged: LogOffsets,
    /// What of that was written in the present attempt, since its last checkpoint.
    #[serde(default, skip_serializing_if = "LogOffsets::is_zero")]
    pub attempt_logged: LogOffsets,
    /// How many artifacts its log has.
    #[serde(default)]
    pub published: u32,
    /// Whether somebody asked to stop it.
    #[serde(default)]
    pub cancel_requested: bool,
    /// How far it is.
    pub progress: Progress,
    /// Its output, when `completed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Arc<Value>>,
    /// How it ended, when `failed` or `cancelled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
    /// When it was submitted.
    pub created_at: UnixMillis,
    /// When it first ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<UnixMillis>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UnixMillis>,
    /// The number of its last event.
    pub version: u64,
}

impl Task {
    /// Tells whether another attempt is allowed after the present one.
    pub fn may_retry(&self) -> bool {
        self.attempts_used() < self.retry.max_attempts
    }

    /// Returns how many attempts of the present budget have begun, the current one included.
    pub fn attempts_used(&self) -> u32 {
        self.attempt - self.first_attempt + 1
    }
}

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Ready, or ready after a delay.
    Queued,
    /// A worker is at it.
    Running,
    /// It waits for something outside, and holds no worker.
    Waiting,
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
    /// Stopped.
    Cancelled,
}

impl Status {
    /// All of them, in the order of a task's life.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Tells whether nothing more happens by itself.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Returns the status as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Fuel used in this attempt.
    pub fuel_used: u64,
    /// What the executor has done, in its own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// How much there is to do, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// One line for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Time that this attempt has run, waits and repetitions left out, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ran_ms: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
