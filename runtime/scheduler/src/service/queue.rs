//! The queue as a whole: how deep it is, whether it is paused, and who runs what.

use std::collections::BTreeMap;

use errand_core::{DocKind, QueueDepth, Status, StoreError, TaskId, UnixMillis, WorkerId};
use serde_json::{Value, json};

use super::{Caller, Right, Service, ServiceError};

/// The key of the document that says whether the queue is paused.
const PAUSED: &str = "paused";
/// How often a write starts over because somebody else wrote the same document first.
const MAX_TRIES: usize = 16;

/// The queue as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueView {
    /// How much is in it.
    pub depth: QueueDepth,
    /// Whether nothing is claimed for now.
    pub paused: bool,
}

/// A worker that holds leases, or that runs in this process.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerView {
    /// Its id.
    pub id: WorkerId,
    /// How many tasks it runs at most, where it is this process's.
    pub slots: Option<usize>,
    /// How many of them nobody computes in: tasks that wait hold none.
    pub free_slots: Option<usize>,
    /// What it runs.
    pub running: Vec<RunningTask>,
}

/// A task that a worker runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningTask {
    /// The task.
    pub task_id: TaskId,
    /// When its lease ends unless it is renewed.
    pub lease_until: UnixMillis,
}

impl Service {
    /// Returns how deep the queue is, for the caller's namespace or for all.
    ///
    /// # Errors
    /// When the right `read` is lacking.
    pub async fn queue(&self, caller: &Caller) -> Result<QueueView, ServiceError> {
        caller.require(Right::Read)?;
        let depth = self.store().depth(caller.namespace.clone()).await?;
        Ok(QueueView { depth, paused: self.refresh_paused().await? })
    }

    /// Stops claims, on every worker and over restarts. What runs goes on.
    ///
    /// # Errors
    /// When the right `admin` is lacking.
    pub async fn pause_queue(&self, caller: &Caller) -> Result<(), ServiceError> {
        self.set_paused(caller, true).await
    }

    /// Lets claims go on.
    ///
    /// # Errors
    /// When the right `admin` is lacking.
    pub async fn resume_queue(&self, caller: &Caller) -> Result<(), ServiceError> {
        self.set_paused(caller, false).await
    }

    /// Returns who runs what. A caller of one namespace sees only its own tasks.
    ///
    /// # Errors
    /// When the right `read` is lacking.
    pub async fn workers(&self, caller: &Caller) -> Result<Vec<WorkerView>, ServiceError> {
        caller.require(Right::Read)?;
        let mut workers: BTreeMap<WorkerId, WorkerView> = self
            .0
            .runs
            .workers()
            .into_iter()
            .map(|(id, slots)| {
                let (slots, free_slots) = (Some(slots.count()), Some(slots.free()));
                (id.clone(), WorkerView { id, slots, free_slots, running: Vec::new() })
            })
            .collect();
        for held in self.store().leases().await? {
            if held.status != Status::Running {
                continue;
            }
            if caller.namespace.is_some() && self.visible(caller, held.task).await.is_err() {
                continue;
            }
            let id = held.lease.worker;
            workers
                .entry(id.clone())
                .or_insert_with(|| WorkerView {
                    id,
                    slots: None,
                    free_slots: None,
                    running: Vec::new(),
                })
                .running
                .push(RunningTask { task_id: held.task, lease_until: held.lease.until });
        }
        Ok(workers.into_values().collect())
    }

    /// Answers whether the store can be read.
    ///
    /// # Errors
    /// When it can't.
    pub async fn ready(&self) -> Result<(), ServiceError> {
        self.refresh_paused().await.map(drop)
    }

    /// Reads whether the queue is paused, and tells this process's workers.
    pub(crate) async fn refresh_paused(&self) -> Result<bool, ServiceError> {
        let doc = self.store().doc(DocKind::Queue, PAUSED.into()).await?;
        let paused = doc.is_some_and(|doc| doc.value == Value::Bool(true));
        self.0.paused.send_if_modified(|now| std::mem::replace(now, paused) != paused);
        Ok(paused)
    }

    async fn set_paused(&self, caller: &Caller, paused: bool) -> Result<(), ServiceError> {
        caller.require(Right::Admin)?;
        for _ in 0..MAX_TRIES {
            let doc = self.store().doc(DocKind::Queue, PAUSED.into()).await?;
            let version = doc.map(|doc| doc.version);
            let value = Some(json!(paused));
            match self.store().put_doc(DocKind::Queue, PAUSED.into(), version, value).await {
                Ok(_) => return self.refresh_paused().await.map(drop),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::conflict("the queue is being paused and resumed by many at once"))
    }
}
