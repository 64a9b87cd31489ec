//! Contexts: conversations that tasks belong to, with a durable state of their own.

use errand_core::{
    CallError, ContextEntry, ContextId, ContextState, DocChange, DocKind, Event, ListFilter,
    ListQuery, Namespace, StoreError, Task, TaskId, WorldError,
};
use serde_json::Value;

use super::check::json_bytes;
use super::{ApprovalState, Caller, Right, Service, ServiceError};

/// The state of a conversation, in bytes of its JSON.
const MAX_STATE_BYTES: usize = 1 << 20;
/// Tasks of a conversation that are shown at once.
const MAX_TASKS: usize = 200;
/// Entries of its log, and events, that are read at a time.
const PAGE: usize = 500;
/// How often a write starts over that names no version.
const MAX_TRIES: usize = 64;

/// What there is of a conversation.
#[derive(Debug, Clone)]
pub struct ContextView {
    /// Its state.
    pub state: ContextState,
    /// Its tasks, newest first, as many as fit.
    pub tasks: Vec<Task>,
    /// Whether there are more than are in `tasks`.
    pub truncated: bool,
    /// The questions of those that somebody can decide.
    pub approvals: Vec<ApprovalState>,
    /// Where what happens from now on begins, for [`Service::context_events`].
    pub position: u64,
}

/// An event of one of a conversation's tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextEvent {
    /// Whose.
    pub task: TaskId,
    /// The event.
    pub event: Event,
}

/// What happened in a conversation.
#[derive(Debug, Clone, Default)]
pub struct ContextEvents {
    /// The events, in the order in which they were written.
    pub items: Vec<ContextEvent>,
    /// Where to go on.
    pub position: u64,
    /// Whether that was all for now.
    pub is_all: bool,
}

impl Service {
    /// Returns what there is of a conversation: its state, its tasks and what they wait for.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] where nobody has written its state and it has no task.
    pub async fn context(
        &self,
        caller: &Caller,
        id: &ContextId,
    ) -> Result<ContextView, ServiceError> {
        caller.require(Right::Read)?;
        let namespace = caller.home();
        // First, so that nothing that comes meanwhile is missed.
        let position = self.last_position(&namespace, id).await?;
        let state = self.read_state(&namespace, id).await?;
        let filter = ListFilter { context_id: Some(id.clone()), ..ListFilter::default() };
        let namespace = Some(namespace);
        let query = ListQuery { namespace, filter, before: None, limit: MAX_TASKS };
        let page = self.store().list(query).await?;
        if page.items.is_empty() && state.version == 0 {
            return Err(ServiceError::NotFound { what: format!("context `{id}`") });
        }
        let mut approvals = Vec::new();
        for task in &page.items {
            approvals.extend(self.open_approvals(task).await?);
        }
        let truncated = page.next.is_some();
        let tasks = page.items.into_iter().map(|task| self.live(task)).collect();
        Ok(ContextView { state, tasks, truncated, approvals, position })
    }

    /// Returns what happened in a conversation after a position, about `limit` events at most.
    ///
    /// # Errors
    /// When the store fails, or the caller may not read.
    pub async fn context_events(
        &self,
        caller: &Caller,
        id: &ContextId,
        after: u64,
        limit: usize,
    ) -> Result<ContextEvents, ServiceError> {
        caller.require(Right::Read)?;
        let namespace = caller.home();
        let mut found = ContextEvents { position: after, ..ContextEvents::default() };
        loop {
            let entries =
                self.store().context_log(namespace.clone(), id.clone(), found.position, PAGE);
            let entries = entries.await?;
            let is_last = entries.len() < PAGE;
            for entry in entries {
                // Whole entries: a position names no event within one.
                if found.items.len() >= limit {
                    return Ok(found);
                }
                found.items.extend(self.events_of(entry).await?);
                found.position = entry.position;
            }
            if is_last {
                found.is_all = true;
                return Ok(found);
            }
        }
    }

    /// Answers when something has happened in a conversation after a position.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn context_changed(
        &self,
        caller: &Caller,
        id: &ContextId,
        after: u64,
    ) -> Result<(), ServiceError> {
        caller.require(Right::Read)?;
        Ok(self.store().context_changed(caller.home(), id.clone(), after).await?)
    }

    async fn events_of(&self, entry: ContextEntry) -> Result<Vec<ContextEvent>, ServiceError> {
        let ContextEntry { task, first, last, .. } = entry;
        let (mut events, mut after) = (Vec::new(), first.saturating_sub(1));
        while after < last {
            let limit = usize::try_from(last - after).unwrap_or(usize::MAX).min(PAGE);
            let page = match self.store().events(task, after, limit).await {
                Ok(page) => page,
                // Gone since: what happened to it is nobody's business any more.
                Err(StoreError::NotFound(_)) => return Ok(events),
                Err(error) => return Err(error.into()),
            };
            let Some(end) = page.last().map(|event| event.seq) else { return Ok(events) };
            after = end;
            events.extend(page.into_iter().map(|event| ContextEvent { task, event }));
        }
        Ok(events)
    }

    async fn last_position(
        &self,
        namespace: &Namespace,
        id: &ContextId,
    ) -> Result<u64, ServiceError> {
        let mut position = 0;
        loop {
            let entries =
                self.store().context_log(namespace.clone(), id.clone(), position, PAGE).await?;
            match entries.last() {
                Some(entry) => position = entry.position,
                None => return Ok(position),
            }
        }
    }

    /// Returns the state of a conversation; null where nobody has written it.
    ///
    /// # Errors
    /// When the store fails, or the caller may not read.
    pub async fn context_state(
        &self,
        caller: &Caller,
        id: &ContextId,
    ) -> Result<ContextState, ServiceError> {
        caller.require(Right::Read)?;
        self.read_state(&caller.home(), id).await
    }

    /// Replaces the state of a conversation if it is at this version; where none is named, whatever it is
    /// at.
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] where somebody else wrote in between, [`ServiceError::Invalid`].
    pub async fn set_context_state(
        &self,
        caller: &Caller,
        id: &ContextId,
        value: Value,
        version: Option<u64>,
    ) -> Result<ContextState, ServiceError> {
        caller.require(Right::Submit)?;
        let namespace = caller.home();
        if json_bytes(&value) > MAX_STATE_BYTES {
            let rule = format!("is larger than {MAX_STATE_BYTES} bytes");
            return Err(ServiceError::invalid("", rule));
        }
        for _ in 0..MAX_TRIES {
            let at = match version {
                Some(version) => version,
                None => self.read_state(&namespace, id).await?.version,
            };
            let DocChange { kind, key, expected, value: written } =
                change(&namespace, id, value.clone(), at);
            match self.store().put_doc(kind, key, expected, written).await {
                Ok(version) => return Ok(ContextState { value, version }),
                Err(StoreError::Conflict) if version.is_none() => {}
                Err(StoreError::Conflict) => {
                    let message = format!("the state of `{id}` is not at version {at} any more");
                    return Err(ServiceError::conflict(message));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::conflict(format!("the state of `{id}` changes too fast to be written")))
    }

    /// Returns the state of a task's conversation.
    pub(crate) async fn state_for(&self, task: &Task) -> Result<ContextState, WorldError> {
        Ok(self.read_state(&task.namespace, context_of(task)?).await?)
    }

    /// Returns what replaces the state of a task's conversation where that is at this version.
    pub(crate) fn state_change(
        &self,
        task: &Task,
        value: Value,
        version: u64,
    ) -> Result<DocChange, WorldError> {
        let id = context_of(task)?;
        if json_bytes(&value) > MAX_STATE_BYTES {
            let (name, value) = ("context_state_bytes".to_owned(), MAX_STATE_BYTES as u64);
            return Err(WorldError::Refused(CallError::Limit { name, value }));
        }
        Ok(change(&task.namespace, id, value, version))
    }

    async fn read_state(
        &self,
        namespace: &Namespace,
        id: &ContextId,
    ) -> Result<ContextState, ServiceError> {
        let doc = self.store().doc(DocKind::Context, key_of(namespace, id)).await?;
        Ok(match doc {
            Some(doc) => ContextState { value: doc.value, version: doc.version },
            None => ContextState { value: Value::Null, version: 0 },
        })
    }
}

fn change(namespace: &Namespace, id: &ContextId, value: Value, version: u64) -> DocChange {
    let expected = (version > 0).then_some(version);
    let key = key_of(namespace, id);
    DocChange { kind: DocKind::Context, key, expected, value: Some(value) }
}

fn key_of(namespace: &Namespace, id: &ContextId) -> String {
    format!("{namespace}/{id}")
}

fn context_of(task: &Task) -> Result<&ContextId, WorldError> {
    task.context_id.as_ref().ok_or_else(|| {
        let text = "the task belongs to no conversation: submit it with a context_id";
        WorldError::Refused(CallError::NotFound(text.into()))
    })
}
