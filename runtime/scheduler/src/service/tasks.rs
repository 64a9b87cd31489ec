//! Reading tasks: one, a list, a tree, and waiting for one.

use errand_core::{
    ContextId, Digest, Event, ExecutorName, ListFilter, ListQuery, Namespace, Page, Status, Task,
    TaskId,
};

use super::{Caller, Right, Service, ServiceError};

/// Longest wait of one call.
pub(super) const MAX_WAIT_MS: u64 = 60_000;
/// Most tasks in one page of a list, and most events in one answer.
pub(super) const MAX_PAGE: usize = 500;
/// Most tasks in a tree. What is beyond it is left out, and the answer says so.
const MAX_TREE: usize = 1_000;

/// Which tasks to list, as a caller asks.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// At this status.
    pub status: Option<Status>,
    /// `name`, or `name@digest-prefix`.
    pub executor: Option<String>,
    /// The tenant; left out: all that the caller sees.
    pub namespace: Option<Namespace>,
    /// Children of this task.
    pub parent_id: Option<TaskId>,
    /// Of this conversation.
    pub context_id: Option<ContextId>,
    /// With this label.
    pub label: Option<(String, String)>,
    /// What the last page named as its next.
    pub cursor: Option<TaskId>,
    /// How many at most; 0: a default.
    pub limit: usize,
}

/// A task and its descendants.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The task first, then its children, then theirs.
    pub items: Vec<Task>,
    /// Whether there are more than are in `items`.
    pub truncated: bool,
}

impl Service {
    /// Page size where the caller names none.
    const DEFAULT_PAGE: usize = 50;

    /// Returns a task, with its live progress where it runs in this process.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], also for another namespace's.
    pub async fn task(&self, caller: &Caller, id: TaskId) -> Result<Task, ServiceError> {
        caller.require(Right::Read)?;
        Ok(self.live(self.visible(caller, id).await?))
    }

    /// Returns a task once it is terminal or waits, or when the time is up.
    ///
    /// # Errors
    /// As [`Service::task`].
    pub async fn wait(
        &self,
        caller: &Caller,
        id: TaskId,
        wait_ms: u64,
    ) -> Result<Task, ServiceError> {
        caller.require(Right::Read)?;
        let mut task = self.visible(caller, id).await?;
        let until = self.now().plus_ms(wait_ms.min(MAX_WAIT_MS));
        let mut up = self.0.parts.timer.sleep_until(until);
        while wait_ms > 0 && !task.status.is_terminal() && task.status != Status::Waiting {
            tokio::select! {
                changed = self.store().changed(id, task.version) => changed?,
                () = &mut up => break,
            }
            task = self.visible(caller, id).await?;
        }
        Ok(self.live(task))
    }

    /// Returns up to `limit` events after number `after` (at most [`MAX_PAGE`]).
    ///
    /// # Errors
    /// As [`Service::task`].
    pub async fn events(
        &self,
        caller: &Caller,
        id: TaskId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, ServiceError> {
        caller.require(Right::Read)?;
        self.visible(caller, id).await?;
        Ok(self.store().events(id, after, limit.min(MAX_PAGE)).await?)
    }

    /// Lists tasks, newest first.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] where the request is wrong.
    pub async fn list(&self, caller: &Caller, request: ListRequest) -> Result<Page, ServiceError> {
        caller.require(Right::Read)?;
        if request.limit > MAX_PAGE {
            return Err(ServiceError::invalid("/limit", format!("must be at most {MAX_PAGE}")));
        }
        let namespace = match request.namespace {
            Some(namespace) if !caller.sees(&namespace) => return Ok(Page::default()),
            Some(namespace) => Some(namespace),
            None => caller.namespace.clone(),
        };
        let (executor, digest) = match request.executor.as_deref() {
            None => (None, None),
            Some(text) => {
                let home = namespace.clone().unwrap_or_default();
                let Some((name, digest)) = self.named(&home, text).await? else {
                    return Ok(Page::default());
                };
                (Some(name), digest)
            }
        };
        let filter = ListFilter {
            status: request.status,
            executor,
            digest,
            parent_id: request.parent_id,
            context_id: request.context_id,
            label: request.label,
        };
        let limit = if request.limit == 0 { Self::DEFAULT_PAGE } else { request.limit };
        let query = ListQuery { namespace, filter, before: request.cursor, limit };
        let mut page = self.store().list(query).await?;
        page.items = page.items.into_iter().map(|task| self.live(task)).collect();
        Ok(page)
    }

    /// Returns a task and its descendants, as many as fit.
    ///
    /// # Errors
    /// As [`Service::task`].
    pub async fn tree(&self, caller: &Caller, id: TaskId) -> Result<Tree, ServiceError> {
        caller.require(Right::Read)?;
        let root = self.visible(caller, id).await?;
        let (mut items, truncated) = self.descend(root, MAX_TREE).await?;
        items = items.into_iter().map(|task| self.live(task)).collect();
        Ok(Tree { items, truncated })
    }

    /// Returns a task and up to `most` - 1 of its descendants, breadth first; and whether there are
    /// more.
    pub(super) async fn descend(
        &self,
        root: Task,
        most: usize,
    ) -> Result<(Vec<Task>, bool), ServiceError> {
        let mut items = vec![root];
        let mut at = 0;
        while at < items.len() {
            let mut query = children_query(&items[at]);
            loop {
                let page = self.store().list(query.clone()).await?;
                items.extend(page.items);
                if items.len() > most {
                    items.truncate(most);
                    return Ok((items, true));
                }
                match page.next {
                    Some(next) => query.before = Some(next),
                    None => break,
                }
            }
            at += 1;
        }
        Ok((items, false))
    }

    /// Returns all children of a task, the youngest first.
    pub(super) async fn children_of(&self, task: &Task) -> Result<Vec<Task>, ServiceError> {
        let mut items = Vec::new();
        let mut query = children_query(task);
        loop {
            let page = self.store().list(query.clone()).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => query.before = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// Reads a task that the caller may see.
    pub(super) async fn visible(&self, caller: &Caller, id: TaskId) -> Result<Task, ServiceError> {
        match self.store().task(id).await? {
            Some(task) if caller.sees(&task.namespace) => Ok(task),
            _ => Err(ServiceError::no_task(id)),
        }
    }

    /// Puts the live progress into a task that runs in this process.
    pub(super) fn live(&self, mut task: Task) -> Task {
        if task.status == Status::Running
            && let Some(progress) = self.0.runs.progress(task.id, task.attempt)
        {
            let fuel_used = progress.fuel_used.max(task.progress.fuel_used);
            task.progress = errand_core::Progress { fuel_used, ..progress };
        }
        task
    }

    /// Reads `name` or `name@prefix` as a filter. Nothing where no task can fit.
    pub(super) async fn named(
        &self,
        namespace: &Namespace,
        text: &str,
    ) -> Result<Option<(ExecutorName, Option<Digest>)>, ServiceError> {
        let (name, prefix) = match text.split_once('@') {
            Some((name, prefix)) => (name, Some(prefix)),
            None => (text, None),
        };
        let Ok(name) = ExecutorName::new(name) else { return Ok(None) };
        let Some(prefix) = prefix else { return Ok(Some((name, None))) };
        if let Ok(digest) = prefix.parse() {
            return Ok(Some((name, Some(digest))));
        }
        let entry = self.executor_entry(namespace, &name).await?;
        let pinned = entry.as_ref().and_then(|entry| entry.pin(Some(prefix)).ok());
        Ok(pinned.map(|(pinned, _)| (name, Some(pinned.digest))))
    }
}

fn children_query(task: &Task) -> ListQuery {
    let filter = ListFilter { parent_id: Some(task.id), ..ListFilter::default() };
    ListQuery { namespace: Some(task.namespace.clone()), filter, before: None, limit: MAX_PAGE }
}
