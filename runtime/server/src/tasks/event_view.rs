//! An event on the wire: `{seq, at, by, attempt, kind, data}`.

use errand_core::{
    ApprovalId, Artifact, ChangeCounts, Digest, Event, EventBody, HttpFault, InterruptReason,
    LogLine, Principal, Progress, Status, Submission, TaskError, TaskId, Verdict, WaitingFor,
    WorkerId, WorkspaceSource,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::time::Rfc3339;

/// One entry of a task's log. Numbered from 1 without holes.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView<'a> {
    /// Its number.
    #[schema(minimum = 1)]
    seq: u64,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    at: Rfc3339,
    /// Who caused it.
    #[schema(value_type = String)]
    by: &'a Principal,
    /// The attempt that it belongs to.
    attempt: u32,
    /// What happened.
    #[schema(value_type = EventKind)]
    kind: &'static str,
    /// More of it, by kind. `progress` is how far the task was.
    #[schema(value_type = Object)]
    data: Data<'a>,
}

/// What happened.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes errand_core::EventBody::kind")]
pub(crate) enum EventKind {
    Submitted,
    Started,
    Log,
    Emitted,
    Waiting,
    Resumed,
    Interrupted,
    ApprovalRequested,
    ApprovalDecided,
    ChildSpawned,
    ChildFinished,
    SignalReceived,
    TimerFired,
    HttpCalled,
    CheckpointSaved,
    ArtifactPublished,
    CancelRequested,
    RetryScheduled,
    RetryRequested,
    Completed,
    Failed,
    Cancelled,
}

impl<'a> From<&'a Event> for EventView<'a> {
    fn from(event: &'a Event) -> Self {
        let progress = event.progress.as_ref().map(Recorded::from);
        let data = Data { body: Body::from(&event.body), progress };
        Self {
            seq: event.seq,
            at: Rfc3339(event.at),
            by: &event.by,
            attempt: event.attempt,
            kind: event.body.kind(),
            data,
        }
    }
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    body: Body<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Recorded<'a>>,
}

/// How far the task was.
#[derive(Serialize)]
struct Recorded<'a> {
    fuel_used: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl<'a> From<&'a Progress> for Recorded<'a> {
    fn from(progress: &'a Progress) -> Self {
        let Progress { fuel_used, done, total, message, ran_ms: _ } = progress;
        let message = message.as_deref();
        Self { fuel_used: *fuel_used, done: *done, total: *total, message }
    }
}

/// The stored bodies, with moments as text.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Submitted(&'a Submission),
    // Without where what is forked lies.
    Forked(Box<Submission>),
    Started {
        run: u32,
        worker: &'a WorkerId,
        engine: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        workspace: Option<errand_core::Digest>,
        #[serde(skip_serializing_if = "Option::is_none")]
        placed: Option<&'a errand_core::Placed>,
    },
    Log(&'a LogLine),
    // The guest's own kind: the event's is `emitted`.
    Emitted {
        kind: &'a str,
        data: &'a Value,
    },
    Waiting {
        waiting_for: WaitingFor,
        until: Option<Rfc3339>,
    },
    Resumed {
        warm: bool,
    },
    Interrupted {
        reason: InterruptReason,
    },
    ApprovalRequested {
        approval_id: ApprovalId,
        title: &'a str,
        digest: errand_core::Digest,
        expires_at: Option<Rfc3339>,
    },
    ApprovalDecided {
        approval_id: ApprovalId,
        verdict: Verdict,
        via: Option<&'a str>,
        comment: Option<&'a str>,
    },
    ChildSpawned {
        child_id: TaskId,
        number: u32,
        name: Option<&'a str>,
    },
    ChildFinished {
        child_id: TaskId,
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
        status: Status,
    },
    SignalReceived {
        name: &'a str,
        payload: &'a Value,
    },
    TimerFired {
        ordinal: u64,
    },
    HttpCalled {
        method: &'a str,
        host: &'a str,
        status: Option<u16>,
        request_bytes: u64,
        response_bytes: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        response_blake3: Option<Digest>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a HttpFault>,
        duration_ms: u64,
    },
    CheckpointSaved {
        state_bytes: u64,
    },
    ArtifactPublished(&'a Artifact),
    CancelRequested {
        reason: Option<&'a str>,
    },
    RetryScheduled {
        error: &'a TaskError,
        delay_ms: u64,
        not_before: Rfc3339,
    },
    RetryRequested {},
    Completed {
        output: &'a Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<ChangeCounts>,
    },
    Ended {
        error: &'a TaskError,
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<ChangeCounts>,
    },
}

impl<'a> From<&'a EventBody> for Body<'a> {
    fn from(body: &'a EventBody) -> Self {
        use EventBody as E;
        match body {
            E::Submitted(submission) => match submission.workspace {
                WorkspaceSource::Task { id, .. } => {
                    let workspace = WorkspaceSource::Task { id, origin: None };
                    let submission = Submission { workspace, ..(**submission).clone() };
                    Self::Forked(Box::new(submission))
                }
                _ => Self::Submitted(submission),
            },
            E::Started { run, worker, engine, workspace, placed } => {
                let (workspace, placed) = (*workspace, placed.as_ref());
                Self::Started { run: *run, worker, engine, workspace, placed }
            }
            E::Log(line) => Self::Log(line),
            E::Emitted { kind, data } => Self::Emitted { kind, data },
            E::Waiting { waiting_for, until, awaits: _ } => {
                Self::Waiting { waiting_for: *waiting_for, until: until.map(Rfc3339) }
            }
            E::Resumed { warm } => Self::Resumed { warm: *warm },
            E::Interrupted { reason } => Self::Interrupted { reason: *reason },
            E::ApprovalRequested { approval_id, title, digest, expires_at } => {
                let (digest, expires_at) = (*digest, expires_at.map(Rfc3339));
                Self::ApprovalRequested { approval_id: *approval_id, title, digest, expires_at }
            }
            E::ApprovalDecided { approval_id, verdict, via, comment } => Self::ApprovalDecided {
                approval_id: *approval_id,
                verdict: *verdict,
                via: via.as_deref(),
                comment: comment.as_deref(),
            },
            E::ChildSpawned { child_id, number, name } => {
                let name = name.as_deref();
                Self::ChildSpawned { child_id: *child_id, number: *number, name }
            }
            E::ChildFinished { child_id, number, status } => {
                Self::ChildFinished { child_id: *child_id, number: *number, status: *status }
            }
            E::SignalReceived { name, payload } => Self::SignalReceived { name, payload },
            E::TimerFired { ordinal } => Self::TimerFired { ordinal: *ordinal },
            E::HttpCalled {
                method,
                host,
                status,
                request_bytes,
                response_bytes,
                response,
                error,
                duration_ms,
            } => Self::HttpCalled {
                method,
                host,
                status: *status,
                request_bytes: *request_bytes,
                response_bytes: *response_bytes,
                response_blake3: *response,
                error: error.as_ref(),
                duration_ms: *duration_ms,
            },
            E::CheckpointSaved { state_bytes } => {
                Self::CheckpointSaved { state_bytes: *state_bytes }
            }
            E::ArtifactPublished(artifact) => Self::ArtifactPublished(artifact),
            E::CancelRequested { reason } => Self::CancelRequested { reason: reason.as_deref() },
            E::RetryScheduled { error, delay_ms, not_before } => Self::RetryScheduled {
                error,
                delay_ms: *delay_ms,
                not_before: Rfc3339(*not_before),
            },
            E::RetryRequested {} => Self::RetryRequested {},
            E::Completed { output, left } => {
                Self::Completed { output, changes: left.as_deref().map(|left| left.counts) }
            }
            E::Failed { error, left } => {
                Self::Ended { error, changes: left.as_deref().map(|left| left.counts) }
            }
            E::Cancelled { error } => Self::Ended { error, changes: None },
        }
    }
}
