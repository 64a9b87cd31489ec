//! Children: tasks that tasks start, checked like any other and bounded by the tree that they are in.

use errand_core::{
    Answer, CallError, ChildEnd, ChildRequest, ChildView, ChildWorkspace, Event, EventBody,
    JournalEntry, Lineage, NewTask, Origin, Principal, Spawned, Status, Task, TaskId,
    WorkspaceSource, WorldError,
};

use super::check::{Findings, Passed};
use super::workspace::Starts;
use super::{Caller, Fault, Right, Service, ServiceError, TaskRequest};

/// Characters of a child's name.
const MAX_NAME_CHARS: usize = 64;
/// Why a child is cancelled whose parent wants it no more.
const UNWANTED: &str = "its parent does not wait for it any more";

impl Service {
    /// Makes a child of a task. It is there once it is recorded with the call that spawns it.
    pub(crate) async fn make_child(
        &self,
        parent: &Task,
        number: u32,
        child: ChildRequest,
    ) -> Result<Spawned, WorldError> {
        if let Some(name) = &child.name
            && let Err(rule) = check_child_name(name)
        {
            return Err(invalid(format!("name {rule}")));
        }
        let caller = caller_of(parent);
        let ChildRequest { random, executor, function, input, workspace, limits, name, .. } = child;
        let mut request = TaskRequest::new(executor, input);
        request.function = function;
        request.priority = parent.priority;
        request.context_id = parent.context_id.as_ref().map(ToString::to_string);
        request.limits.fuel = limits.fuel.unwrap_or(request.limits.fuel);
        request.limits.memory_bytes = limits.memory_bytes.unwrap_or(request.limits.memory_bytes);
        request.limits.timeout_ms = limits.timeout_ms.unwrap_or(request.limits.timeout_ms);
        request.limits.workspace_bytes =
            limits.workspace_bytes.unwrap_or(request.limits.workspace_bytes);
        request.limits.output_bytes = limits.output_bytes.unwrap_or(request.limits.output_bytes);
        request.retry.max_attempts = child.max_attempts.unwrap_or(request.retry.max_attempts);

        let mut found = Findings { faults: Vec::new(), unsupported: None, prefix: "" };
        let mut starts = Starts::default();
        let passed = self.check(&caller, request, &mut starts, &mut found).await?;
        let Some(Passed { mut submission, .. }) = passed else {
            return Err(refusal(found));
        };
        let fuel = submission.limits.fuel;
        let lineage = match self.place_in_tree(parent, fuel).await? {
            Ok(lineage) => {
                let fuel_from_parent = child.fuel_from_parent;
                Lineage { number: Some(number), name, fuel_from_parent, ..lineage }
            }
            Err(refused) => return Err(WorldError::Refused(refused)),
        };
        submission.parent_id = Some(parent.id);
        submission.lineage = Some(lineage);
        submission.workspace = self.source_for(parent, workspace).await?;
        let now = self.now();
        let body = EventBody::Submitted(Box::new(submission));
        let by = Principal::of_task(parent.id);
        let submitted = Event { seq: 1, at: now, by, attempt: 1, progress: None, body };
        let id = TaskId::from_parts(now.0, random);
        let task = Box::new(NewTask { id, submitted, idempotency: None });
        Ok(Spawned { task, number, fuel })
    }

    /// Says what a child's workspace starts from.
    async fn source_for(
        &self,
        parent: &Task,
        workspace: ChildWorkspace,
    ) -> Result<WorkspaceSource, ServiceError> {
        let snapshot = match workspace {
            ChildWorkspace::Empty => return Ok(WorkspaceSource::Empty),
            ChildWorkspace::Start => None,
            ChildWorkspace::Fork(snapshot) => Some(snapshot),
        };
        // What its own was captured in is known since it started.
        let parent =
            self.store().task(parent.id).await?.ok_or_else(|| ServiceError::no_task(parent.id))?;
        let mut origin: Origin = parent.origin();
        if let Some(snapshot) = snapshot {
            origin.snapshot = snapshot;
        }
        Ok(match origin {
            Origin { source: WorkspaceSource::Empty, snapshot: None, .. } => WorkspaceSource::Empty,
            origin => WorkspaceSource::Task { id: parent.id, origin: Some(Box::new(origin)) },
        })
    }

    /// Returns a child as its parent sees it.
    pub(crate) async fn view_child(&self, child: Task) -> Result<ChildView, ServiceError> {
        let number = child.lineage.as_ref().and_then(|lineage| lineage.number).unwrap_or(0);
        let name = child.lineage.as_ref().and_then(|lineage| lineage.name.clone());
        let end = match child.status.is_terminal() {
            false => None,
            true => {
                let artifacts = match child.published {
                    0 => Vec::new(),
                    _ => self.store().artifacts(child.id).await?,
                };
                let output = match (child.error, child.output) {
                    (Some(error), _) => Err(error),
                    (None, output) => {
                        Ok(output.map_or_else(Default::default, |output| (*output).clone()))
                    }
                };
                let reserves =
                    child.lineage.as_ref().is_some_and(|lineage| lineage.fuel_from_parent);
                let fuel_reserved = if reserves { child.limits.fuel } else { 0 };
                let fuel_used = child.progress.fuel_used;
                Some(ChildEnd { output, fuel_used, fuel_reserved, artifacts })
            }
        };
        let name = name.unwrap_or_else(|| number.to_string());
        Ok(ChildView { id: child.id, number, name, status: child.status, end })
    }

    /// Queues a child again that failed in an earlier attempt of its parent.
    pub(crate) async fn revive_child(
        &self,
        parent: &Task,
        child: Task,
    ) -> Result<(), ServiceError> {
        if !matches!(child.status, Status::Failed | Status::Cancelled) {
            return Ok(());
        }
        match self.retry(&caller_of(parent), child.id).await {
            // Somebody else was quicker.
            Ok(_) | Err(ServiceError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Cancels a child and its descendants.
    pub(crate) async fn cancel_child(&self, parent: &Task, id: TaskId) -> Result<(), ServiceError> {
        let reason = Some(UNWANTED.to_owned());
        self.cancel(&caller_of(parent), id, reason).await.map(drop)
    }

    /// Sees to what a task leaves behind that has ended: nobody answers its questions any more, and its
    /// children end with it unless it completed.
    pub(crate) async fn wind_up(&self, task: &Task) -> Result<(), ServiceError> {
        self.withdraw_approvals(task, |_| true).await?;
        match task.status {
            Status::Failed | Status::Cancelled => self.cancel_children(task, |_| true).await,
            _ => Ok(()),
        }
    }

    /// Sees to what an earlier attempt of a task left behind and the present one knows nothing of: it is
    /// given `journal` again, where each spawn and question is by its id.
    pub(crate) async fn leave_behind(
        &self,
        task: &Task,
        journal: &[JournalEntry],
    ) -> Result<(), ServiceError> {
        let given = |id: &str| {
            journal.iter().any(|entry| match &entry.answer {
                Answer::Given(answer) => mentions(answer, id),
                _ => false,
            })
        };
        self.withdraw_approvals(task, |id| !given(&id.to_string())).await?;
        self.cancel_children(task, |child| !given(&child.id.to_string())).await
    }

    /// Cancels what a task started and is still at work, all or what `which` says.
    async fn cancel_children(
        &self,
        parent: &Task,
        which: impl Fn(&Task) -> bool,
    ) -> Result<(), ServiceError> {
        if parent.around.spawned == 0 {
            return Ok(());
        }
        for child in self.children_of(parent).await? {
            if child.status.is_terminal() || !which(&child) {
                continue;
            }
            match self.cancel_child(parent, child.id).await {
                Ok(()) | Err(ServiceError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Cancels a task whose parent has ended in a way that takes its children along, where that was not
    /// done then. Tells whether it was such a task.
    pub(crate) async fn cancel_orphan(&self, task: &Task) -> Result<bool, ServiceError> {
        let Some(parent) = task.parent_id.filter(|_| task.lineage.is_some()) else {
            return Ok(false);
        };
        match self.store().task(parent).await? {
            Some(parent) if matches!(parent.status, Status::Failed | Status::Cancelled) => {
                self.cancel_child(&parent, task.id).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// Tells whether an answer has an id in it.
fn mentions(answer: &serde_json::Value, id: &str) -> bool {
    use serde_json::Value as V;
    match answer {
        V::String(text) => text == id,
        V::Array(items) => items.iter().any(|item| mentions(item, id)),
        V::Object(fields) => fields.values().any(|field| mentions(field, id)),
        _ => false,
    }
}

/// Who a task is when it calls the service.
pub(super) fn caller_of(task: &Task) -> Caller {
    Caller {
        principal: Principal::of_task(task.id),
        namespace: Some(task.namespace.clone()),
        rights: [Right::Read, Right::Submit].into_iter().collect(),
    }
}

fn check_child_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    match begins && name.len() <= MAX_NAME_CHARS && name.bytes().all(plain) {
        true => Ok(()),
        false => Err(format!(
            "must be 1 to {MAX_NAME_CHARS} characters of [A-Za-z0-9._-], the first a letter"
        )),
    }
}

fn refusal(found: Findings<'_>) -> WorldError {
    if let Some(what) = found.unsupported {
        return WorldError::Refused(CallError::Unsupported(format!("{what} is not supported")));
    }
    let said =
        |fault: &Fault| format!("{} {}", fault.pointer.trim_start_matches('/'), fault.message);
    let faults: Vec<String> = found.faults.iter().map(said).collect();
    invalid(faults.join("; "))
}

fn invalid(text: String) -> WorldError {
    WorldError::Refused(CallError::Invalid(text))
}
