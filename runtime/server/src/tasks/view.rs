//! A task on the wire.

use std::collections::BTreeMap;
use std::fmt;

use errand_core::{
    ContextId, ErrorCode, ExecutorRef, Left, Lineage, Mount, Namespace, Progress, Status, Task,
    TaskError, TaskId, WaitingFor, WorkspaceSource,
};
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::MountBody;
use super::workspace::{CountsView, SourceView};
use crate::hosts::Base;
use crate::time::Rfc3339;

/// A task: one durable unit of work.
#[derive(Serialize, ToSchema)]
#[schema(as = Task)]
pub(crate) struct TaskView<'a> {
    /// Its id. It names the task and authorises nothing.
    #[schema(value_type = String, example = "01kaz3v9q2m8x4t7c5b6d0e1fh")]
    id: TaskId,
    /// The tenant.
    #[schema(value_type = String, example = "default")]
    namespace: &'a Namespace,
    /// The executor, pinned: `name@digest`.
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}@[0-9a-f]{64}$")]
    executor: &'a ExecutorRef,
    /// Which function, for executors of kind `functions`.
    #[schema(required)]
    function: Option<&'a str>,
    /// Where it is in its life.
    #[schema(value_type = StatusName)]
    status: Status,
    /// What it waits for, while `waiting`.
    #[schema(value_type = Option<WaitingForName>, required)]
    waiting_for: Option<WaitingFor>,
    /// The attempt, from 1.
    attempt: u32,
    /// Higher is claimed first.
    priority: i32,
    /// The caller's own marks.
    labels: &'a BTreeMap<String, String>,
    /// The task that started this one.
    #[schema(value_type = Option<String>, required)]
    parent_id: Option<TaskId>,
    /// Which child of that it is, where the task itself started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    child: Option<ChildView<'a>>,
    /// The conversation that it belongs to.
    #[schema(value_type = Option<String>, required)]
    context_id: Option<&'a ContextId>,
    /// How far it is.
    progress: ProgressView<'a>,
    /// Its output, when `completed`.
    output: Option<&'a Value>,
    /// How it ended, when `failed` or `cancelled`.
    #[schema(value_type = Option<ErrorView>, required)]
    error: Option<&'a TaskError>,
    /// When it was submitted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// When it first ran.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    started_at: Option<Rfc3339>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    finished_at: Option<Rfc3339>,
    /// What its workspace starts from, where that is not nothing; of a commit, also which one it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    workspace: Option<SourceView<'a>>,
    /// What it can read besides, where there is something.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<MountBody>, required = false)]
    mounts: &'a [Mount],
    /// How many files and links it changed in its workspace, where it has ended and that is known; left
    /// out of a task that started with nothing and left nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<CountsView>,
    /// Where to go from here.
    links: Links<'a>,
}

/// How far a task is.
#[derive(Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressView<'a> {
    /// Fuel used in this attempt.
    fuel_used: u64,
    /// Fuel that it may use.
    fuel_limit: u64,
    /// What the executor has done, in its own unit.
    #[schema(required)]
    done: Option<u64>,
    /// How much there is to do, in the same unit.
    #[schema(required)]
    total: Option<u64>,
    /// One line for a person.
    #[schema(required)]
    message: Option<&'a str>,
}

/// Absolute links.
#[derive(Serialize, ToSchema)]
struct Links<'a> {
    /// The task.
    #[serde(rename = "self")]
    #[schema(value_type = String, format = "uri")]
    itself: Link<'a>,
    /// Its events.
    #[schema(value_type = String, format = "uri")]
    events: Link<'a>,
    /// The task in the console.
    #[schema(value_type = String, format = "uri")]
    console: Link<'a>,
}

/// Where a task is in its life.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_core::Status")]
pub(crate) enum StatusName {
    Queued,
    Running,
    Waiting,
    Completed,
    Failed,
    Cancelled,
}

/// What a waiting task waits for.
#[derive(ToSchema)]
#[schema(as = WaitingFor, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_core::WaitingFor")]
pub(crate) enum WaitingForName {
    Approval,
    Children,
    Timer,
    Signal,
}

/// How a task failed.
#[derive(ToSchema)]
#[schema(as = TaskError)]
#[expect(dead_code, reason = "describes errand_core::TaskError")]
pub(crate) struct ErrorView {
    /// What kind of failure, for programs.
    #[schema(value_type = ErrorCodeName)]
    code: ErrorCode,
    /// One sentence.
    message: String,
    /// More, where there is more.
    detail: Option<Value>,
    /// The attempt that failed.
    attempt: u32,
    /// Whether another attempt may pass.
    retryable: bool,
}

/// What kind of failure, for programs.
#[derive(ToSchema)]
#[schema(as = ErrorCode, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_core::ErrorCode")]
pub(crate) enum ErrorCodeName {
    ExecutorFailed,
    Trap,
    FuelExhausted,
    MemoryLimit,
    Timeout,
    WorkspaceLimit,
    OutputLimit,
    Nondeterminism,
    ExecutorMissing,
    Lost,
    Cancelled,
    ChildFailed,
    Internal,
}

/// Which of its parent's children a task is.
#[derive(Serialize)]
struct ChildView<'a> {
    /// From 1, in the order in which they were started.
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> ChildView<'a> {
    fn of(lineage: &'a Lineage) -> Option<Self> {
        lineage.number.map(|number| Self { number, name: lineage.name.as_deref() })
    }
}

impl<'a> TaskView<'a> {
    pub(crate) fn new(task: &'a Task, base: &'a Base) -> Self {
        let link = |kind| Link { base, id: task.id, kind };
        let is_empty = task.workspace == WorkspaceSource::Empty;
        let left = task.left().filter(|left| !is_empty || *left != Left::default());
        Self {
            id: task.id,
            namespace: &task.namespace,
            executor: &task.executor,
            function: task.function.as_deref(),
            status: task.status,
            waiting_for: task.waiting_for,
            attempt: task.attempt,
            priority: task.priority,
            labels: &task.labels,
            parent_id: task.parent_id,
            child: task.lineage.as_ref().and_then(ChildView::of),
            context_id: task.context_id.as_ref(),
            progress: ProgressView::new(&task.progress, task.limits.fuel),
            output: task.output.as_deref(),
            error: task.error.as_ref(),
            created_at: Rfc3339(task.created_at),
            started_at: task.started_at.map(Rfc3339),
            finished_at: task.finished_at.map(Rfc3339),
            mounts: &task.mounts,
            workspace: (!is_empty).then_some(SourceView(&task.workspace)),
            changes: left.map(|left| left.counts.into()),
            links: Links {
                itself: link(LinkKind::Itself),
                events: link(LinkKind::Events),
                console: link(LinkKind::Console),
            },
        }
    }
}

impl<'a> ProgressView<'a> {
    pub(crate) fn new(progress: &'a Progress, fuel_limit: u64) -> Self {
        Self {
            fuel_used: progress.fuel_used,
            fuel_limit,
            done: progress.done,
            total: progress.total,
            message: progress.message.as_deref(),
        }
    }
}

/// A link to something of a task's, written when it is needed.
pub(crate) struct Link<'a> {
    base: &'a Base,
    id: TaskId,
    kind: LinkKind,
}

#[derive(Clone, Copy)]
enum LinkKind {
    Itself,
    Events,
    Console,
}

impl<'a> Link<'a> {
    /// Where a task is.
    pub(crate) fn to_task(base: &'a Base, id: TaskId) -> Self {
        Self { base, id, kind: LinkKind::Itself }
    }
}

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, id, kind } = self;
        match kind {
            LinkKind::Itself => write!(f, "{base}/v1/tasks/{id}"),
            LinkKind::Events => write!(f, "{base}/v1/tasks/{id}/events"),
            LinkKind::Console => write!(f, "{base}/tasks/{id}"),
        }
    }
}

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
