//! What tasks left in their workspaces.

use std::io::Write;

use errand_core::{Change, LeftBy, Task, TaskId, Unreadable};

use super::{Caller, Right, Service, ServiceError};

impl Service {
    /// Returns what a task changed in its workspace, sorted by path.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Conflict`] where it has not ended, or it is not known
    /// what it left.
    pub async fn changes(&self, caller: &Caller, id: TaskId) -> Result<Vec<Change>, ServiceError> {
        let task = self.ended(caller, id).await?;
        match LeftBy::read(&task, &*self.0.parts.blobs).await? {
            Some(left) => Ok(left.changes()),
            None => Err(unknown(&task)),
        }
    }

    /// Writes it as a patch that git applies.
    ///
    /// # Errors
    /// As [`Service::changes`], and what `out` fails with.
    pub async fn write_diff(
        &self,
        caller: &Caller,
        id: TaskId,
        out: Box<dyn Write + Send>,
    ) -> Result<(), ServiceError> {
        let task = self.ended(caller, id).await?;
        self.0.parts.runner.write_diff(&task, out).await.map_err(unreadable)
    }

    /// Writes what lies in the workspace at the end as a tar archive: all of it, or what the task added
    /// or modified alone.
    ///
    /// # Errors
    /// As [`Service::changes`], and what `out` fails with.
    pub async fn write_workspace(
        &self,
        caller: &Caller,
        id: TaskId,
        changed_alone: bool,
        out: Box<dyn Write + Send>,
    ) -> Result<(), ServiceError> {
        let task = self.ended(caller, id).await?;
        let written = self.0.parts.runner.write_workspace(&task, changed_alone, out).await;
        written.map_err(unreadable)
    }

    /// Returns a task of which it is known what it left.
    ///
    /// # Errors
    /// As [`Service::changes`].
    pub async fn ended(&self, caller: &Caller, id: TaskId) -> Result<Task, ServiceError> {
        caller.require(Right::Read)?;
        let task = self.visible(caller, id).await?;
        if !task.status.is_terminal() {
            let status = task.status.as_str();
            let message = format!("task `{id}` is {status}: it has not ended");
            return Err(ServiceError::conflict(message));
        }
        match task.left() {
            Some(_) => Ok(task),
            None => Err(unknown(&task)),
        }
    }
}

pub(super) fn unreadable(error: Unreadable) -> ServiceError {
    match error {
        Unreadable::Gone(_) => ServiceError::conflict(error.to_string()),
        Unreadable::Internal(_) => ServiceError::internal(error),
    }
}

fn unknown(task: &Task) -> ServiceError {
    let (id, status) = (task.id, task.status.as_str());
    ServiceError::conflict(format!("task `{id}` is {status}, and its workspace was not kept"))
}
