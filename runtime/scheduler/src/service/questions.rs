//! Questions of tasks to people, from the side of the task: asked, looked at, withdrawn.

use errand_core::{
    Approval, ApprovalId, Asked, CallError, Digest, DocChange, DocKind, EventBody, Principal,
    Question, QuestionView, Shown, StoreError, Task, Verdict, WorldError,
};
use serde_json::{Value, json};

use super::approvals::{ApprovalState, key, key_of};
use super::check::json_bytes;
use super::{Service, ServiceError, schema};

/// Questions of one task that may be open at once.
const MAX_OPEN: u32 = 64;
/// Characters of a title.
const MAX_TITLE_CHARS: usize = 200;
/// Bytes of a question's Markdown.
const MAX_DETAIL_BYTES: usize = 256 << 10;
/// Bytes of a question's schema.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// Files that are shown with a question.
const MAX_ATTACHMENTS: usize = 16;
/// People that a question names.
const MAX_APPROVERS: usize = 64;
/// Longest time that a question stays open where it names one: a year.
const MAX_TIMEOUT_MS: u64 = 366 * 24 * 3_600_000;
/// How often a change starts over because the approval changed under it.
const MAX_TRIES: usize = 8;
/// Open questions that are looked at at once.
const PAGE: usize = 500;

impl Service {
    /// Makes an approval. It is open once it is recorded with the call that asks for it.
    pub(crate) async fn make_approval(
        &self,
        task: &Task,
        number: u32,
        question: Question,
    ) -> Result<Asked, WorldError> {
        if let Err(text) = check_question(&question) {
            return Err(WorldError::Refused(CallError::Invalid(text)));
        }
        let now = self.store().task(task.id).await.map_err(ServiceError::from)?;
        let decided = now.map_or(0, |now| now.around.decided.len());
        let open = (number - 1).saturating_sub(decided);
        if open >= MAX_OPEN {
            let name = "open_approvals".to_owned();
            let refused = CallError::Limit { name, value: MAX_OPEN.into() };
            return Err(WorldError::Refused(refused));
        }
        let id = ApprovalId { task: task.id, number };
        let asked_at = self.now();
        let Question { title, detail, schema, timeout_ms, workspace, attachments, approvers } =
            question;
        let mut approval = Approval {
            id,
            namespace: task.namespace.clone(),
            executor: task.executor.clone(),
            title,
            detail,
            schema,
            workspace: workspace.map(|snapshot| Shown { snapshot }),
            attachments,
            approvers,
            digest: Digest::of(b""),
            asked_at,
            expires_at: timeout_ms.map(|timeout_ms| asked_at.plus_ms(timeout_ms)),
            closed: None,
            blobs: Vec::new(),
        };
        approval.digest = approval.digest_of_shown();
        let shown = approval.workspace.iter().flat_map(|shown| &shown.snapshot);
        approval.blobs = shown.flat_map(|snapshot| snapshot.blobs()).collect();
        approval.blobs.extend(approval.attachments.iter().map(|file| file.blake3));
        let event = EventBody::ApprovalRequested {
            approval_id: id,
            title: approval.title.clone(),
            digest: approval.digest,
            expires_at: approval.expires_at,
        };
        let key = key(&approval);
        let expires_at = approval.expires_at;
        let new =
            |kind, value| DocChange { kind, key: key.clone(), expected: None, value: Some(value) };
        let docs =
            vec![new(DocKind::Approval, json!(approval)), new(DocKind::OpenApproval, Value::Null)];
        Ok(Asked { id, expires_at, event, docs })
    }

    /// Returns an approval as its task sees it. One whose time is up is closed.
    pub(crate) async fn question(&self, id: ApprovalId) -> Result<QuestionView, WorldError> {
        let view = |approval: &Approval| QuestionView {
            decision: approval.decision(),
            expires_at: approval.expires_at,
        };
        for _ in 0..MAX_TRIES {
            let task = self.store().task(id.task).await.map_err(ServiceError::from)?;
            let Some(task) = task else { return Err(unknown(id)) };
            let Some(found) = self.found(&task.namespace, id).await? else {
                return Err(unknown(id));
            };
            match found.approval.verdict_at(self.now(), Some(&task)) {
                Some(Verdict::Expired) if found.approval.closed.is_none() => {}
                _ => return Ok(view(&found.approval)),
            }
            match self.close(&found, self.closed_by_itself(Verdict::Expired)).await {
                Ok(approval) => return Ok(view(&approval)),
                Err(StoreError::Conflict | StoreError::Illegal(_)) => {}
                Err(error) => return Err(ServiceError::from(error).into()),
            }
        }
        Err(WorldError::Failed(format!("approval {id} changes too fast to be read")))
    }

    /// Returns the questions of a task that somebody can decide.
    pub(super) async fn open_approvals(
        &self,
        task: &Task,
    ) -> Result<Vec<ApprovalState>, ServiceError> {
        let mut open = Vec::new();
        if task.status.is_terminal() || task.around.asked == task.around.decided.len() {
            return Ok(open);
        }
        for number in 1..=task.around.asked {
            let id = ApprovalId { task: task.id, number };
            if task.around.decided.contains(number) {
                continue;
            }
            if let Some(found) = self.found(&task.namespace, id).await? {
                let state = self.in_effect(found.approval, Some(task));
                open.extend(Some(state).filter(|state| state.verdict.is_none()));
            }
        }
        Ok(open)
    }

    /// Closes the questions of a task that nobody needs an answer to any more, all or what `which` says.
    pub(crate) async fn withdraw_approvals(
        &self,
        task: &Task,
        which: impl Fn(ApprovalId) -> bool,
    ) -> Result<(), ServiceError> {
        if task.around.asked == task.around.decided.len() {
            return Ok(());
        }
        for number in 1..=task.around.asked {
            let id = ApprovalId { task: task.id, number };
            if task.around.decided.contains(number) || !which(id) {
                continue;
            }
            let Some(found) = self.found(&task.namespace, id).await? else { continue };
            if found.approval.closed.is_some() {
                continue;
            }
            match self.close(&found, self.closed_by_itself(Verdict::Cancelled)).await {
                // Somebody was quicker.
                Ok(_) | Err(StoreError::Conflict | StoreError::Illegal(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Closes the questions of tasks that ended without closing them: the process was gone.
    pub(crate) async fn withdraw_left_approvals(&self) -> Result<(), ServiceError> {
        let mut after = None;
        loop {
            let page = self
                .store()
                .docs_page(DocKind::OpenApproval, String::new(), after.clone(), PAGE)
                .await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, _) in page {
                let id = key.rsplit_once('/').and_then(|(_, id)| id.parse::<ApprovalId>().ok());
                let Some(id) = id else { continue };
                match self.store().task(id.task).await? {
                    Some(task) if task.status.is_terminal() => {
                        self.withdraw_approvals(&task, |one| one == id).await?;
                    }
                    Some(_) => {}
                    None => self.forget_approval(&key).await?,
                }
            }
        }
    }

    /// Removes what is stored of a task's approvals.
    pub(super) async fn forget_approvals(&self, task: &Task) -> Result<(), StoreError> {
        for number in 1..=task.around.asked {
            let key = key_of(&task.namespace, ApprovalId { task: task.id, number });
            self.forget_approval(&key).await?;
        }
        Ok(())
    }

    async fn forget_approval(&self, key: &str) -> Result<(), StoreError> {
        for kind in [DocKind::OpenApproval, DocKind::Approval] {
            let Some(doc) = self.store().doc(kind, key.to_owned()).await? else { continue };
            match self.store().put_doc(kind, key.to_owned(), Some(doc.version), None).await {
                // Somebody else is at it.
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn unknown(id: ApprovalId) -> WorldError {
    let text = format!("the task did not ask for approval `{id}`");
    WorldError::Refused(CallError::NotFound(text))
}

/// Checks a question; says what is wrong with it.
fn check_question(question: &Question) -> Result<(), String> {
    let title = question.title.chars().count();
    if !(1..=MAX_TITLE_CHARS).contains(&title) || question.title.chars().any(char::is_control) {
        return Err(format!("title must be one line of 1 to {MAX_TITLE_CHARS} characters"));
    }
    if question.detail.len() > MAX_DETAIL_BYTES {
        return Err(format!("detail is longer than {MAX_DETAIL_BYTES} bytes"));
    }
    if question.attachments.len() > MAX_ATTACHMENTS {
        return Err(format!("attachments must be at most {MAX_ATTACHMENTS}"));
    }
    if question.approvers.len() > MAX_APPROVERS
        || question.approvers.iter().any(|name| Principal::new(name).is_err())
    {
        return Err(format!("approvers must be at most {MAX_APPROVERS} names of tokens"));
    }
    if question.timeout_ms.is_some_and(|timeout_ms| timeout_ms == 0 || timeout_ms > MAX_TIMEOUT_MS)
    {
        return Err(format!("timeout must be from 1 to {MAX_TIMEOUT_MS} ms"));
    }
    if let Some(schema) = &question.schema {
        if json_bytes(schema) > MAX_SCHEMA_BYTES {
            return Err(format!("schema is larger than {MAX_SCHEMA_BYTES} bytes"));
        }
        schema::compile(schema).map_err(|why| format!("schema is wrong: {why}"))?;
    }
    Ok(())
}
