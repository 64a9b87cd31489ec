//! Following a task: its events as they are recorded, and between them its live progress.

use std::collections::VecDeque;

use errand_core::{Event, Progress, Status, Task, TaskId};

use super::{Caller, Right, Service, ServiceError};

/// How often live progress is looked at, while somebody follows.
const TICK_MS: u64 = 100;
/// Events read at a time.
const PAGE: usize = 256;

/// What a follower is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// A recorded event.
    Event(Event),
    /// The progress has changed since the last time. It has no number and is not recorded.
    Progress(Progress),
}

/// A task being followed. Costs nothing while nobody asks for the next.
pub struct Follow {
    service: Service,
    id: TaskId,
    after: u64,
    read: VecDeque<Event>,
    task: Option<Task>,
    shown: Option<Progress>,
}

impl Service {
    /// Follows a task from after the event of number `after`.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn follow(
        &self,
        caller: &Caller,
        id: TaskId,
        after: u64,
    ) -> Result<Follow, ServiceError> {
        caller.require(Right::Read)?;
        self.visible(caller, id).await?;
        let service = self.clone();
        Ok(Follow { service, id, after, read: VecDeque::new(), task: None, shown: None })
    }
}

impl Follow {
    /// Returns what comes next, or nothing after the event that ended the task, or when the task is
    /// gone. Nothing is lost when the future is dropped before it answers.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next(&mut self) -> Result<Option<Followed>, ServiceError> {
        loop {
            if let Some(event) = self.read.pop_front() {
                self.after = event.seq;
                return Ok(Some(Followed::Event(event)));
            }
            let store = self.service.store();
            let events = store.events(self.id, self.after, PAGE).await?;
            if !events.is_empty() {
                self.read = events.into();
                self.task = None;
                continue;
            }
            if self.task.is_none() {
                self.task = store.task(self.id).await?;
            }
            let Some(task) = &self.task else { return Ok(None) };
            if task.version > self.after {
                // It was written between the two reads.
                self.task = None;
                continue;
            }
            if task.status.is_terminal() {
                return Ok(None);
            }
            // A run is there a moment before its `started` is.
            let live = match task.status {
                Status::Running => self.service.0.runs.progress(self.id, task.attempt),
                _ => None,
            };
            if live.is_some() && live != self.shown {
                self.shown.clone_from(&live);
                if let Some(progress) = live {
                    return Ok(Some(Followed::Progress(progress)));
                }
            }
            let changed = store.changed(self.id, self.after);
            if live.is_none() {
                changed.await?;
            } else {
                let parts = &self.service.0.parts;
                let tick = parts.timer.sleep_until(parts.clock.now().plus_ms(TICK_MS));
                tokio::select! {
                    changed = changed => changed?,
                    () = tick => {}
                }
            }
        }
    }
}
