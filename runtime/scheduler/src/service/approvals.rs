//! Approvals: questions of tasks to people, bound to what is shown and decided once. What a task does with
//! them is in [`super::questions`].
//!
//! An approval is a document, written in one step with the events that say of it. Whether it is still open
//! is what its task's log says: a question of a task that has ended is closed, whatever its document says.

use std::io::Write;

use errand_core::{
    Append, Approval, ApprovalId, Closed, Digest, Doc, DocChange, DocKind, Draft, EventBody, Guard,
    Left, Namespace, Principal, Status, StoreError, Task, TaskId, Verdict,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::check::json_bytes;
use super::left::unreadable;
use super::schema::schema_faults;
use super::{ArtifactReader, Caller, Fault, Right, Service, ServiceError};

/// Characters of a comment.
const MAX_COMMENT_CHARS: usize = 4_000;
/// Bytes of the values that somebody filled in.
const MAX_VALUES_BYTES: usize = 256 << 10;
/// Approvals in one page of a list.
const MAX_PAGE: usize = 500;
/// Tasks of a tree that are looked at for questions.
const MAX_BELOW: usize = 256;
/// Approvals that are looked at for one page: those of another status are passed over.
const MAX_LOOKED_AT: usize = 5_000;

/// An approval, and where it is in effect.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalState {
    /// The approval.
    pub approval: Approval,
    /// How it is closed; nothing while somebody can decide it.
    pub verdict: Option<Verdict>,
}

/// Which approvals to list.
#[derive(Debug, Clone, Default)]
pub struct ApprovalList {
    /// Those closed like this, or open ones; nothing: all.
    pub status: Option<ApprovalStatus>,
    /// Those of one task; nothing: of all.
    pub task: Option<TaskId>,
    /// What the last page named as its next.
    pub cursor: Option<String>,
    /// How many at most; 0: a default.
    pub limit: usize,
}

/// Where an approval is, as callers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ApprovalStatus {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
}

/// What waits for a decision in a tree of tasks.
#[derive(Debug, Clone, Default)]
pub struct OpenQuestions {
    /// The questions.
    pub questions: Vec<ApprovalState>,
    /// Each task that was looked at and is at work, with its version then.
    seen: Vec<(TaskId, u64)>,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// Yes or no.
    pub decision: Choice,
    /// The digest of what they were shown; where it is named it must be that of what is asked.
    #[serde(default)]
    pub digest: Option<String>,
    /// Why.
    #[serde(default)]
    pub comment: Option<String>,
    /// What they filled in, by the question's schema.
    #[serde(default)]
    pub values: Option<Value>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Choice {
    Approve,
    Deny,
}

impl ApprovalState {
    /// Returns where it is.
    pub fn status(&self) -> ApprovalStatus {
        match self.verdict {
            None => ApprovalStatus::Pending,
            Some(Verdict::Approved) => ApprovalStatus::Approved,
            Some(Verdict::Denied) => ApprovalStatus::Denied,
            Some(Verdict::Expired) => ApprovalStatus::Expired,
            Some(Verdict::Cancelled) => ApprovalStatus::Cancelled,
        }
    }
}

impl ApprovalStatus {
    /// Returns the status as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A document that was read, and its version.
pub(super) struct Found {
    pub(super) approval: Approval,
    version: u64,
}

impl Service {
    /// Returns an approval.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], also for another namespace's.
    pub async fn approval(
        &self,
        caller: &Caller,
        id: ApprovalId,
    ) -> Result<ApprovalState, ServiceError> {
        caller.require(Right::Read)?;
        let (found, task) = self.seen_approval(caller, id).await?;
        Ok(self.in_effect(found.approval, task.as_ref()))
    }

    /// Lists approvals, the oldest task's first. Answers where the next page begins.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] where the request is wrong, [`ServiceError::NotFound`] for its task.
    pub async fn approvals(
        &self,
        caller: &Caller,
        request: ApprovalList,
    ) -> Result<(Vec<ApprovalState>, Option<String>), ServiceError> {
        caller.require(Right::Read)?;
        if request.limit > MAX_PAGE {
            return Err(ServiceError::invalid("/limit", format!("must be at most {MAX_PAGE}")));
        }
        let limit = if request.limit == 0 { Self::DEFAULT_APPROVALS } else { request.limit };
        let prefix = match (request.task, &caller.namespace) {
            (Some(id), _) => of(&self.visible(caller, id).await?),
            (None, Some(namespace)) => format!("{namespace}/"),
            (None, None) => String::new(),
        };
        // Few are open of all that there ever were.
        let kind = match request.status {
            Some(ApprovalStatus::Pending) => DocKind::OpenApproval,
            _ => DocKind::Approval,
        };
        let (mut items, mut after) = (Vec::new(), request.cursor);
        let mut looked_at = 0;
        loop {
            let page =
                self.store().docs_page(kind, prefix.clone(), after.clone(), limit + 1).await?;
            let is_last = page.len() <= limit;
            for (key, doc) in page {
                if items.len() == limit || looked_at == MAX_LOOKED_AT {
                    return Ok((items, after));
                }
                looked_at += 1;
                after = Some(key.clone());
                let approval = match kind {
                    DocKind::Approval => read(&key, doc)?.approval,
                    _ => match self.store().doc(DocKind::Approval, key.clone()).await? {
                        Some(doc) => read(&key, doc)?.approval,
                        None => continue,
                    },
                };
                let task = self.store().task(approval.id.task).await?;
                let state = self.in_effect(approval, task.as_ref());
                if request.status.is_none_or(|status| status == state.status()) {
                    items.push(state);
                }
            }
            if is_last {
                return Ok((items, None));
            }
        }
    }

    /// Approvals in a page where the caller names no number.
    const DEFAULT_APPROVALS: usize = 100;

    /// Decides an approval. `via` is the door that the decision came through. It is durable when this
    /// answers, and the task goes on.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without the right, [`ServiceError::Conflict`] where it is closed or the
    /// digest is another, [`ServiceError::Invalid`] where the values don't fit the question's schema.
    pub async fn decide(
        &self,
        caller: &Caller,
        id: ApprovalId,
        request: DecisionRequest,
        via: &str,
    ) -> Result<ApprovalState, ServiceError> {
        caller.require(Right::Approve)?;
        let (found, _) = self.seen_approval(caller, id).await?;
        check_approver(caller, &found.approval)?;
        self.decide_found(caller, found, request, via).await
    }

    /// Says no to a question on behalf of somebody who may cancel the task that asks, which is less than
    /// that. Everything else is as with [`Service::decide`].
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without the right to cancel it, [`ServiceError::Conflict`] where it is
    /// closed.
    pub async fn decline(
        &self,
        caller: &Caller,
        id: ApprovalId,
        comment: Option<String>,
        via: &str,
    ) -> Result<ApprovalState, ServiceError> {
        caller.require(Right::Submit)?;
        let (found, _) = self.seen_approval(caller, id).await?;
        let decision = Choice::Deny;
        let request = DecisionRequest { decision, digest: None, comment, values: None };
        self.decide_found(caller, found, request, via).await
    }

    async fn decide_found(
        &self,
        caller: &Caller,
        found: Found,
        request: DecisionRequest,
        via: &str,
    ) -> Result<ApprovalState, ServiceError> {
        let id = found.approval.id;
        let task = self.store().task(id.task).await?;
        let state = self.in_effect(found.approval.clone(), task.as_ref());
        if let Some(verdict) = state.verdict {
            return Err(closed(id, verdict));
        }
        check_decision(&request, &found.approval)?;
        let verdict = match request.decision {
            Choice::Approve => Verdict::Approved,
            Choice::Deny => Verdict::Denied,
        };
        let close = Closed {
            verdict,
            by: caller.principal.clone(),
            via: Some(via.to_owned()),
            at: self.now(),
            comment: request.comment.filter(|comment| !comment.trim().is_empty()),
            values: request.values,
        };
        match self.close(&found, close).await {
            Ok(approval) => Ok(ApprovalState { verdict: Some(verdict), approval }),
            Err(StoreError::Conflict | StoreError::Illegal(_)) => {
                let (found, task) = self.seen_approval(caller, id).await?;
                let state = self.in_effect(found.approval, task.as_ref());
                Err(closed(id, state.verdict.unwrap_or(Verdict::Cancelled)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns what waits for a decision in a task and below it, the oldest task's first, as far as the
    /// first [`MAX_BELOW`] tasks of the tree ask it.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn open_questions(
        &self,
        caller: &Caller,
        id: TaskId,
    ) -> Result<OpenQuestions, ServiceError> {
        caller.require(Right::Read)?;
        let root = self.visible(caller, id).await?;
        let (tasks, _) = self.descend(root, MAX_BELOW).await?;
        let mut questions = Vec::new();
        for task in tasks.iter().filter(|task| task.status == Status::Waiting) {
            let keys =
                self.store().docs_page(DocKind::OpenApproval, of(task), None, MAX_PAGE).await?;
            for (key, _) in keys {
                let Some(doc) = self.store().doc(DocKind::Approval, key.clone()).await? else {
                    continue;
                };
                let state = self.in_effect(read(&key, doc)?.approval, Some(task));
                if state.verdict.is_none() {
                    questions.push(state);
                }
            }
        }
        let alive = tasks.iter().filter(|task| !task.status.is_terminal());
        let seen = alive.map(|task| (task.id, task.version)).collect();
        Ok(OpenQuestions { questions, seen })
    }

    /// Answers when one of the tasks has news that `known` was found in.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn questions_changed(&self, known: &OpenQuestions) -> Result<(), ServiceError> {
        let waits = known.seen.iter().map(|(id, version)| self.store().changed(*id, *version));
        let waits: Vec<_> = waits.collect();
        if waits.is_empty() {
            return std::future::pending().await;
        }
        futures_util::future::select_all(waits).await.0?;
        Ok(())
    }

    /// Writes what was changed in the workspace by the time that an approval was asked for, as a patch.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] also where the approval shows no changes; what `out` fails with.
    pub async fn write_approval_diff(
        &self,
        caller: &Caller,
        id: ApprovalId,
        out: Box<dyn Write + Send>,
    ) -> Result<(), ServiceError> {
        caller.require(Right::Read)?;
        let (found, task) = self.seen_approval(caller, id).await?;
        let nothing = || ServiceError::NotFound { what: format!("diff of approval `{id}`") };
        let (shown, task) = found.approval.workspace.zip(task).ok_or_else(nothing)?;
        // As if it had ended with what was shown.
        let left = Left { counts: Default::default(), snapshot: shown.snapshot };
        let then = Task { status: Status::Completed, left: Some(Box::new(left)), ..task };
        self.0.parts.runner.write_diff(&then, out).await.map_err(unreadable)
    }

    /// Returns a file that is shown with an approval.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn attachment(
        &self,
        caller: &Caller,
        id: ApprovalId,
        path: &str,
    ) -> Result<ArtifactReader, ServiceError> {
        caller.require(Right::Read)?;
        let (found, _) = self.seen_approval(caller, id).await?;
        let file = found.approval.attachments.into_iter().find(|file| file.path == path);
        let missing =
            || ServiceError::NotFound { what: format!("file `{path}` shown with approval `{id}`") };
        Ok(self.reader(file.ok_or_else(missing)?))
    }

    pub(super) fn closed_by_itself(&self, verdict: Verdict) -> Closed {
        let by = Principal::new("errand").expect("it is printable");
        Closed { verdict, by, via: None, at: self.now(), comment: None, values: None }
    }

    /// Records how an approval is closed, in its document and in the task's log.
    pub(super) async fn close(&self, found: &Found, close: Closed) -> Result<Approval, StoreError> {
        let Found { approval, version } = found;
        let (id, key) = (approval.id, key(approval));
        let event = EventBody::ApprovalDecided {
            approval_id: id,
            verdict: close.verdict,
            via: close.via.clone(),
            comment: close.comment.clone(),
        };
        let draft = Draft { at: close.at, by: close.by.clone(), progress: None, body: event };
        let approval = Approval { closed: Some(close), ..approval.clone() };
        let docs = vec![
            DocChange {
                kind: DocKind::Approval,
                key: key.clone(),
                expected: Some(*version),
                value: Some(json!(approval)),
            },
            DocChange { kind: DocKind::OpenApproval, key, expected: Some(1), value: None },
        ];
        let ended = self.store().task(id.task).await?.is_none_or(|task| task.status.is_terminal());
        // The log of a task that has ended is closed.
        let drafts = if ended { Vec::new() } else { vec![draft] };
        let append = Append { docs, ..Append::new(id.task, Guard::Present, drafts) };
        self.store().append(append).await?;
        Ok(approval)
    }

    pub(super) async fn found(
        &self,
        namespace: &Namespace,
        id: ApprovalId,
    ) -> Result<Option<Found>, ServiceError> {
        let key = key_of(namespace, id);
        let doc = self.store().doc(DocKind::Approval, key.clone()).await?;
        doc.map(|doc| read(&key, doc)).transpose()
    }

    async fn seen_approval(
        &self,
        caller: &Caller,
        id: ApprovalId,
    ) -> Result<(Found, Option<Task>), ServiceError> {
        let missing = || ServiceError::NotFound { what: format!("approval `{id}`") };
        let task = self.store().task(id.task).await?;
        let task = task.filter(|task| caller.sees(&task.namespace)).ok_or_else(missing)?;
        let found = self.found(&task.namespace, id).await?.ok_or_else(missing)?;
        Ok((found, Some(task)))
    }

    pub(super) fn in_effect(&self, approval: Approval, task: Option<&Task>) -> ApprovalState {
        let verdict = approval.verdict_at(self.now(), task);
        ApprovalState { approval, verdict }
    }
}

pub(super) fn key(approval: &Approval) -> String {
    key_of(&approval.namespace, approval.id)
}

pub(super) fn key_of(namespace: &Namespace, id: ApprovalId) -> String {
    format!("{namespace}/{id}")
}

/// Returns what the keys of a task's approvals begin with.
fn of(task: &Task) -> String {
    format!("{}/{}.", task.namespace, task.id)
}

fn read(key: &str, doc: Doc) -> Result<Found, ServiceError> {
    let approval = serde_json::from_value(doc.value)
        .map_err(|error| ServiceError::internal(format!("read approval {key}: {error}")))?;
    Ok(Found { approval, version: doc.version })
}

fn closed(id: ApprovalId, verdict: Verdict) -> ServiceError {
    ServiceError::conflict(match verdict {
        Verdict::Approved => format!("approval `{id}` was approved already"),
        Verdict::Denied => format!("approval `{id}` was denied already"),
        Verdict::Expired => format!("approval `{id}` has expired, which is a no"),
        Verdict::Cancelled => {
            format!("approval `{id}` was withdrawn: nobody waits for it any more")
        }
    })
}

fn check_approver(caller: &Caller, approval: &Approval) -> Result<(), ServiceError> {
    let name = caller.principal.as_str();
    if approval.approvers.is_empty() || approval.approvers.iter().any(|one| one == name) {
        return Ok(());
    }
    let who = approval.approvers.join(", ");
    Err(ServiceError::Forbidden { message: format!("this is for {who} to decide, not for {name}") })
}

/// Checks a decision against what is asked.
fn check_decision(request: &DecisionRequest, approval: &Approval) -> Result<(), ServiceError> {
    if let Some(digest) = &request.digest {
        if digest.parse::<Digest>().is_err() {
            return Err(ServiceError::invalid("/digest", "must be 64 hexadecimal digits"));
        }
        if *digest != approval.digest.to_string() {
            let message = format!(
                "approval `{}` is not what was shown: its digest is {}",
                approval.id, approval.digest
            );
            return Err(ServiceError::conflict(message));
        }
    }
    let mut faults = Vec::new();
    if request.comment.as_ref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT_CHARS) {
        let rule = format!("must be at most {MAX_COMMENT_CHARS} characters");
        faults.push(Fault::new("/comment", rule));
    }
    match (&request.decision, &approval.schema, &request.values) {
        (Choice::Deny, _, Some(_)) => {
            faults.push(Fault::new("/values", "are for an approval alone"))
        }
        (Choice::Approve, None, Some(_)) => {
            faults.push(Fault::new("/values", "are not asked for"));
        }
        (Choice::Approve, Some(_), Some(values)) if json_bytes(values) > MAX_VALUES_BYTES => {
            faults.push(Fault::new("/values", format!("are larger than {MAX_VALUES_BYTES} bytes")));
        }
        (Choice::Approve, Some(schema), values) => {
            let none = Value::Object(serde_json::Map::new());
            let found = schema_faults(schema, values.as_ref().unwrap_or(&none));
            let found = found.map_err(ServiceError::internal)?;
            faults.extend(
                found
                    .into_iter()
                    .map(|fault| Fault::new(format!("/values{}", fault.pointer), fault.message)),
            );
        }
        _ => {}
    }
    if faults.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { faults }) }
}
