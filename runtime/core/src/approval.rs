//! An approval as it is stored: what is asked of a person, and the answer.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ApprovalId, Artifact, Decision, Digest, ExecutorRef, Namespace, Principal, SnapshotRef, Task,
    UnixMillis, Verdict,
};

/// A question of a task to a person, and the answer once there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The tenant.
    pub namespace: Namespace,
    /// What asks.
    pub executor: ExecutorRef,
    /// One line.
    pub title: String,
    /// Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// JSON Schema of values to fill in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Whether the changes in the workspace are shown with it; with them, how the workspace differs from
    /// what its source gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Shown>,
    /// Files that are shown with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Artifact>,
    /// Who may answer; nobody named: whoever has the right to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// The digest of all that is shown.
    pub digest: Digest,
    /// When it was asked.
    pub asked_at: UnixMillis,
    /// When it closes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// How it was closed, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// The blobs that must be there for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Digest>,
}

/// A workspace as it was when somebody was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shown {
    /// How it differs from what its source gives; nothing where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
}

/// How an approval was closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// How.
    pub verdict: Verdict,
    /// By whom.
    pub by: Principal,
    /// Through which door, where somebody decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// When.
    pub at: UnixMillis,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What they filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Value>,
}

impl Approval {
    /// Returns the digest of all that is shown: a decision is bound to it.
    pub fn digest_of_shown(&self) -> Digest {
        let files: Vec<Value> = self
            .attachments
            .iter()
            .map(|file| json!([file.path, file.blake3, file.media_type]))
            .collect();
        let workspace = self.workspace.as_ref().map(|shown| {
            shown.snapshot.as_ref().map_or(Value::Null, |snapshot| json!(snapshot.blob))
        });
        let shown = json!([
            "errand approval 1",
            self.id,
            self.executor,
            self.title,
            self.detail,
            self.schema,
            self.workspace.is_some(),
            workspace,
            files,
        ]);
        Digest::of(shown.to_string().as_bytes())
    }

    /// Returns the answer as the task is told it, where there is one.
    pub fn decision(&self) -> Option<Decision> {
        let closed = self.closed.as_ref()?;
        let decided = matches!(closed.verdict, Verdict::Approved | Verdict::Denied);
        Some(Decision {
            verdict: closed.verdict,
            by: decided.then(|| closed.by.to_string()),
            comment: closed.comment.clone(),
            values: closed.values.clone(),
        })
    }

    /// Returns how it is closed in effect, where it is: by what is on record, by its time or by its task's
    /// end.
    pub fn verdict_at(&self, now: UnixMillis, task: Option<&Task>) -> Option<Verdict> {
        if let Some(closed) = &self.closed {
            return Some(closed.verdict);
        }
        if task.is_none_or(|task| task.status.is_terminal()) {
            return Some(Verdict::Cancelled);
        }
        self.expires_at.filter(|expires_at| *expires_at <= now).map(|_| Verdict::Expired)
    }
}
