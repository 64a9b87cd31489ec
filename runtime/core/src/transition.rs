//! The one transition function: which event may follow, and what it makes of a task.
//!
//! Nothing else decides a status. Stores, the scheduler and recovery fold the same events through it.

use crate::{Around, Awaits, Event, EventBody, InterruptReason, LogOffsets, Status, Task};

/// An event that may not follow in a task's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record `{kind}` on a task that is {status}: {reason}", status = status.map_or("new", Status::as_str))]
pub struct IllegalTransition {
    /// The event's kind.
    pub kind: &'static str,
    /// Where the task was, nothing for one that had no event yet.
    pub status: Option<Status>,
    /// What forbids it.
    pub reason: &'static str,
}

impl Task {
    /// Starts a task from its first event.
    ///
    /// # Errors
    /// When the event is not a `submitted` numbered 1 of attempt 1.
    pub fn begin(id: crate::TaskId, event: &Event) -> Result<Self, IllegalTransition> {
        let illegal =
            |reason| Err(IllegalTransition { kind: event.body.kind(), status: None, reason });
        let EventBody::Submitted(submission) = &event.body else {
            return illegal("the first event must be `submitted`");
        };
        if event.seq != 1 || event.attempt != 1 {
            return illegal("the first event is number 1 of attempt 1");
        }
        Ok(Self {
            id,
            namespace: submission.namespace.clone(),
            executor: submission.executor.clone(),
            function: submission.function.clone(),
            workspace: submission.workspace.clone(),
            labels: submission.labels.clone(),
            lineage: submission.lineage.clone(),
            priority: submission.priority,
            parent_id: submission.parent_id,
            context_id: submission.context_id.clone(),
            limits: submission.limits,
            retry: submission.retry,
            mounts: submission.mounts.clone(),
            artifacts: submission.artifacts.clone(),
            captured: None,
            left: None,
            status: Status::Queued,
            waiting_for: None,
            attempt: 1,
            first_attempt: 1,
            runs: 0,
            recoveries: 0,
            resuming: false,
            wait_until: None,
            awaits: None,
            around: Around::default(),
            published: 0,
            logged: LogOffsets::default(),
            attempt_logged: LogOffsets::default(),
            not_before: (submission.delay_ms > 0).then(|| event.at.plus_ms(submission.delay_ms)),
            cancel_requested: false,
            progress: event.progress.clone().unwrap_or_default(),
            output: None,
            error: None,
            created_at: event.at,
            started_at: None,
            finished_at: None,
            version: 1,
        })
    }

    /// Folds the next event into the task. On an error the task is as it was.
    ///
    /// # Errors
    /// When the event may not follow.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        self.check(event).map_err(|reason| IllegalTransition {
            kind: event.body.kind(),
            status: Some(self.status),
            reason,
        })?;
        self.version = event.seq;
        if let Some(progress) = &event.progress {
            let fuel_used = self.progress.fuel_used.max(progress.fuel_used);
            let ran_ms = self.progress.ran_ms.max(progress.ran_ms);
            self.progress = crate::Progress { fuel_used, ran_ms, ..progress.clone() };
        }
        self.fold(event);
        Ok(())
    }

    /// Says why the event may not follow, if it may not.
    fn check(&self, event: &Event) -> Result<(), &'static str> {
        use EventBody as E;
        use Status as S;
        if event.seq != self.version + 1 {
            return Err("its number does not follow the last one");
        }
        if event.attempt != self.attempt {
            return Err("it belongs to another attempt");
        }
        let legal = match (&event.body, self.status) {
            (E::Submitted(_), _) => false,
            (E::RetryRequested {}, status) => matches!(status, S::Failed | S::Cancelled),
            (_, status) if status.is_terminal() => return Err("the task has ended"),

            (E::Started { run, .. }, S::Queued) => {
                if self.cancel_requested {
                    return Err("it is to be cancelled");
                }
                *run == self.runs + 1
            }
            (E::CancelRequested { .. }, _) => !self.cancel_requested,
            (E::Cancelled { .. }, _) => self.cancel_requested,
            (E::Failed { .. }, _) => true,

            (E::Waiting { .. }, S::Running) => true,
            (E::Resumed { .. }, S::Waiting) => true,
            (
                E::Interrupted { .. } | E::RetryScheduled { .. } | E::Completed { .. },
                S::Running,
            ) => true,
            (
                E::Log(_)
                | E::Emitted { .. }
                | E::ApprovalRequested { .. }
                | E::ChildSpawned { .. }
                | E::CheckpointSaved { .. }
                | E::ArtifactPublished(_),
                S::Running,
            ) => true,
            // What comes from outside may come at any time.
            (
                E::ApprovalDecided { .. }
                | E::ChildFinished { .. }
                | E::SignalReceived { .. }
                | E::TimerFired { .. }
                | E::HttpCalled { .. },
                _,
            ) => true,
            _ => false,
        };
        match legal {
            true => self.around.check(&event.body),
            false => Err("it may not follow"),
        }
    }

    fn fold(&mut self, event: &Event) {
        use EventBody as E;
        match &event.body {
            E::Started { run, workspace, .. } => {
                self.status = Status::Running;
                self.runs = *run;
                // Once: what a task started from is what it always starts from.
                self.captured = self.captured.or(*workspace);
                self.resuming = false;
                self.not_before = None;
                self.started_at.get_or_insert(event.at);
            }
            E::Log(line) => {
                self.recoveries = 0;
                for offsets in [&mut self.logged, &mut self.attempt_logged] {
                    *offsets.of_mut(line.stream) += line.stream_bytes();
                }
            }
            E::Waiting { waiting_for, until, awaits } => {
                self.status = Status::Waiting;
                self.waiting_for = Some(*waiting_for);
                self.wait_until = *until;
                let missed = |awaits: &Awaits| awaits.seen < self.around.news;
                if awaits.as_deref().is_some_and(missed) {
                    self.due(event.at);
                }
                self.awaits = awaits.clone();
            }
            E::Resumed { warm } => {
                self.stop_waiting();
                self.status = if *warm { Status::Running } else { Status::Queued };
                self.resuming = !*warm;
            }
            E::Interrupted { reason } => {
                self.requeue();
                if *reason != InterruptReason::Drain {
                    self.recoveries += 1;
                }
            }
            E::CheckpointSaved { .. } => {
                self.requeue();
                self.recoveries = 0;
                // The run that goes on writes what comes after it.
                self.attempt_logged = LogOffsets::default();
            }
            E::CancelRequested { .. } => self.cancel_requested = true,
            E::RetryScheduled { not_before, .. } => {
                self.next_attempt();
                self.not_before = Some(*not_before);
            }
            E::RetryRequested {} => {
                self.next_attempt();
                self.first_attempt = self.attempt;
                self.cancel_requested = false;
                self.error = None;
                self.left = None;
                self.finished_at = None;
            }
            E::Completed { output, left } => {
                self.end(Status::Completed, event);
                self.output = Some(output.clone());
                self.left = left.clone();
            }
            E::Failed { error, left } => {
                self.end(Status::Failed, event);
                self.error = Some(error.clone());
                self.left = left.clone();
            }
            E::Cancelled { error } => {
                self.end(Status::Cancelled, event);
                self.error = Some(error.clone());
            }
            E::Submitted(_) => {}
            // The attempt has come further: a run that repeats it records none of these again.
            body @ (E::ApprovalRequested { .. }
            | E::ApprovalDecided { .. }
            | E::ChildSpawned { .. }
            | E::ChildFinished { .. }
            | E::SignalReceived { .. }) => {
                self.recoveries = 0;
                self.around.fold(event.seq, body);
                let met = |awaits: &Awaits| awaits.are_met_by(body, &self.around);
                if self.awaits.as_deref().is_some_and(met) {
                    self.due(event.at);
                }
            }
            E::Emitted { .. } | E::TimerFired { .. } | E::HttpCalled { .. } => self.recoveries = 0,
            E::ArtifactPublished(_) => {
                self.recoveries = 0;
                self.published = self.published.saturating_add(1);
            }
        }
    }

    /// Makes a waiting task go on now: what it waits for has come.
    fn due(&mut self, now: crate::UnixMillis) {
        self.wait_until = Some(self.wait_until.map_or(now, |until| until.min(now)));
    }

    fn stop_waiting(&mut self) {
        self.waiting_for = None;
        self.wait_until = None;
        self.awaits = None;
    }

    fn requeue(&mut self) {
        self.status = Status::Queued;
        self.resuming = true;
    }

    fn next_attempt(&mut self) {
        self.status = Status::Queued;
        self.attempt += 1;
        self.recoveries = 0;
        self.resuming = false;
        self.not_before = None;
        self.attempt_logged = LogOffsets::default();
        self.around.next_attempt();
        self.progress = crate::Progress::default();
    }

    fn end(&mut self, status: Status, event: &Event) {
        self.status = status;
        self.stop_waiting();
        self.resuming = false;
        self.not_before = None;
        self.finished_at = Some(event.at);
    }
}
