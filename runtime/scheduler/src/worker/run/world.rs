//! What a run's guest can ask of the tasks, the people and the conversation around its task.

use std::sync::atomic::Ordering;

use errand_core::{
    Append, ApprovalId, Around, Asked, BoxFuture, CallError, ChildRequest, ChildView, ContextState,
    Guard, JournalEntry, Question, QuestionView, Signal, Spawned, Stopped, StoreError, Task,
    TaskId, World, WorldError,
};
use serde_json::Value;

use super::Run;
use crate::service::ServiceError;

impl Run {
    /// Reads the task as all that this run recorded makes it.
    async fn as_it_is(&self) -> Result<Task, WorldError> {
        self.durable_so_far().await?;
        let task = self.worker.service.store().task(self.task).await.map_err(ServiceError::from)?;
        task.ok_or(WorldError::Stopped(Stopped))
    }

    /// Reads children of the task, in this order.
    async fn its_children(&self, ids: &[TaskId]) -> Result<Vec<Task>, WorldError> {
        self.durable_so_far().await?;
        let mut children = Vec::with_capacity(ids.len());
        for id in ids {
            let child = self.worker.service.store().task(*id).await.map_err(ServiceError::from)?;
            match child.filter(|child| child.parent_id == Some(self.task)) {
                Some(child) => children.push(child),
                None => {
                    return Err(refused(CallError::NotFound(format!(
                        "task `{id}` is no child of this one"
                    ))));
                }
            }
        }
        Ok(children)
    }
}

impl World for Run {
    fn around(&self) -> BoxFuture<'_, Result<Around, WorldError>> {
        Box::pin(async move { Ok(self.as_it_is().await?.around) })
    }

    fn signal(&self, seq: u64) -> BoxFuture<'_, Result<Signal, WorldError>> {
        Box::pin(async move { Ok(self.worker.service.signal_at(self.task, seq).await?) })
    }

    fn spawn(&self, child: ChildRequest) -> BoxFuture<'_, Result<Spawned, WorldError>> {
        Box::pin(async move {
            let number = self.numbers.child.load(Ordering::Relaxed) + 1;
            let spawned = self.worker.service.make_child(&self.claimed, number, child).await?;
            self.numbers.child.store(number, Ordering::Relaxed);
            Ok(spawned)
        })
    }

    fn children(&self, ids: Vec<TaskId>) -> BoxFuture<'_, Result<Vec<ChildView>, WorldError>> {
        Box::pin(async move {
            let mut views = Vec::with_capacity(ids.len());
            for child in self.its_children(&ids).await? {
                views.push(self.worker.service.view_child(child).await?);
            }
            Ok(views)
        })
    }

    fn revive(&self, ids: Vec<TaskId>) -> BoxFuture<'_, Result<(), WorldError>> {
        Box::pin(async move {
            for child in self.its_children(&ids).await? {
                self.worker.service.revive_child(&self.claimed, child).await?;
            }
            Ok(())
        })
    }

    fn cancel(&self, id: TaskId) -> BoxFuture<'_, Result<(), WorldError>> {
        Box::pin(async move {
            self.its_children(&[id]).await?;
            Ok(self.worker.service.cancel_child(&self.claimed, id).await?)
        })
    }

    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Asked, WorldError>> {
        Box::pin(async move {
            let number = self.numbers.approval.load(Ordering::Relaxed) + 1;
            let asked = self.worker.service.make_approval(&self.claimed, number, question).await?;
            self.numbers.approval.store(number, Ordering::Relaxed);
            Ok(asked)
        })
    }

    fn question(&self, id: ApprovalId) -> BoxFuture<'_, Result<QuestionView, WorldError>> {
        Box::pin(async move {
            if id.task != self.task {
                let text = format!("the task did not ask for approval `{id}`");
                return Err(refused(CallError::NotFound(text)));
            }
            self.durable_so_far().await?;
            self.worker.service.question(id).await
        })
    }

    fn state(&self) -> BoxFuture<'_, Result<ContextState, WorldError>> {
        Box::pin(async move { self.worker.service.state_for(&self.claimed).await })
    }

    fn set_state(
        &self,
        value: Value,
        version: u64,
        answered: JournalEntry,
    ) -> BoxFuture<'_, Result<(), WorldError>> {
        Box::pin(async move {
            self.durable_so_far().await?;
            let service = &self.worker.service;
            let docs = vec![service.state_change(&self.claimed, value, version)?];
            let append = Append {
                docs,
                entries: vec![answered],
                ..Append::new(self.task, Guard::Lease(self.epoch), Vec::new())
            };
            match service.store().append(append).await {
                Ok(_) => Ok(()),
                Err(StoreError::Conflict) => {
                    // Either somebody wrote the state in between, or the lease is lost.
                    if service.state_for(&self.claimed).await?.version == version {
                        return Err(WorldError::Stopped(Stopped));
                    }
                    let text = format!("the state is not at version {version} any more");
                    Err(refused(CallError::Invalid(text)))
                }
                Err(error) => Err(ServiceError::from(error).into()),
            }
        })
    }
}

fn refused(error: CallError) -> WorldError {
    WorldError::Refused(error)
}
