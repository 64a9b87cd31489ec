//! Lanes: each holds a slot and runs claimed tasks, one after the other, until none is left.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use errand_core::{
    AttemptStart, Claimed, Digest, Epoch, ErrorCode, EventBody, ExecutorKind, Failure, Job,
    Outcome, RunHost, Seed, Stopped, Task, WorkspaceSource,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::Worker;
use super::claiming::STORE_RETRY_MS;
use super::ending::Ending;
use super::logs::{Logs, Offsets};
use super::run::{Run, Start, Stop};
use crate::service::ServiceError;

/// Events read at a time when a task's earlier output is measured.
const PAGE: usize = 1_000;

/// Opens lanes for what is claimed, as far as slots are free.
pub(super) fn open(worker: &Arc<Worker>) {
    let waiting = worker.ready().len();
    for _ in 0..waiting {
        let took = worker
            .free_slots
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1));
        if took.is_err() {
            return;
        }
        let slot = Slot(Arc::clone(worker));
        worker.under_way.spawn_on(run_all(slot), &worker.guests);
    }
}

/// A slot in use. Free again when dropped.
struct Slot(Arc<Worker>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.free_slots.fetch_add(1, Ordering::AcqRel);
        self.0.hungry.notify_one();
    }
}

async fn run_all(slot: Slot) {
    let worker = &slot.0;
    while let Some((claimed, more_waiting)) = worker.take() {
        let began = Instant::now();
        run_one(worker, claimed, more_waiting).await;
        worker.note_pace(began.elapsed());
    }
}

async fn run_one(worker: &Arc<Worker>, claimed: Claimed, more_waiting: bool) {
    let Claimed { task, input, epoch, attempt_start } = claimed;
    let Ok(settling) = Arc::clone(&worker.settling).acquire_owned().await else { return };
    let prepared = prepare(worker, &task).await;
    let (kind, offsets) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            tracing::error!(task = %task.id, %error, "a task could not be started");
            if let Err(error) = worker.service.store().release(task.id, epoch).await {
                tracing::error!(task = %task.id, %error, "a claimed task was not given back");
            }
            worker.after(STORE_RETRY_MS).await;
            return;
        }
    };
    let run = Run::new(Arc::clone(worker), &task, epoch, Logs::new(offsets), settling);
    worker.service.0.runs.add(&run);

    let ending = if task.cancel_requested {
        Ending::cancelled(&worker.principal, None)
    } else if let Some(kind) = kind {
        let captured = match capture(worker, &run, &task).await {
            Captured::Is(digest) => Ok(digest),
            Captured::Failed(failure) => Err(failure),
            Captured::Stopped(reason) => {
                give_up(worker, &run, epoch, reason).await;
                return;
            }
        };
        let fresh = attempt_start.is_none();
        let start = attempt_start.unwrap_or_else(|| worker.attempt_start());
        let started = EventBody::Started {
            run: task.runs + 1,
            worker: worker.config.worker.clone(),
            engine: worker.engine.clone(),
            workspace: captured.as_ref().ok().copied().flatten(),
        };
        let how = if worker.must_be_on_record(&task) {
            Start::Durable
        } else if more_waiting {
            Start::Folded
        } else {
            Start::AtOnce
        };
        match (run.start(started, fresh.then(|| start.clone()), how).await, captured) {
            (Ok(()), Ok(captured)) => {
                let job = Job { captured, ..job(&task, kind, input, start) };
                guest(worker, &run, job).await
            }
            (Ok(()), Err(failure)) => Ending::Outcome(Outcome::Failed(failure)),
            (Err(Stopped), _) => Ending::Stopped(run.stop_reason().unwrap_or(Stop::Lost)),
        }
    } else {
        Ending::Outcome(Outcome::Failed(Failure {
            code: ErrorCode::ExecutorMissing,
            message: format!("the executor `{}` is gone", task.executor),
            detail: None,
            retryable: false,
        }))
    };
    run.end(ending.drafts(worker, &task));
}

/// Finds out how the executor runs tasks, if it is there, and where the task's output goes on.
async fn prepare(
    worker: &Worker,
    task: &Task,
) -> Result<(Option<ExecutorKind>, Offsets), ServiceError> {
    let service = &worker.service;
    let entry = service.executor_entry(&task.namespace, &task.executor.name).await?;
    let version = entry.as_ref().and_then(|entry| entry.version(task.executor.digest));
    let kind = version.map(|version| version.profile.kind);
    let mut offsets = Offsets::default();
    if task.runs > 0 {
        let mut after = 0;
        loop {
            let events = service.store().events(task.id, after, PAGE).await?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            for event in &events {
                if let EventBody::Log(line) = &event.body {
                    offsets.pass(line);
                }
            }
        }
    }
    Ok((kind, offsets))
}

fn job(task: &Task, kind: ExecutorKind, input: Arc<serde_json::Value>, start: AttemptStart) -> Job {
    Job {
        task: task.id,
        namespace: task.namespace.clone(),
        attempt: task.attempt,
        executor: task.executor.clone(),
        kind,
        function: task.function.clone(),
        input,
        workspace: task.workspace.clone(),
        captured: task.captured,
        limits: task.limits,
        artifacts: task.artifacts.clone(),
        start,
        parent_id: task.parent_id,
        context_id: task.context_id.clone(),
    }
}

/// What came of capturing what a task starts from.
enum Captured {
    /// It is this, or needs none.
    Is(Option<Digest>),
    /// The attempt fails of it.
    Failed(Failure),
    /// The run was told to stop meanwhile.
    Stopped(Stop),
}

/// Captures the directory that a task starts from, once: later runs start from the same.
async fn capture(worker: &Worker, run: &Run, task: &Task) -> Captured {
    if task.captured.is_some() || !matches!(task.workspace, WorkspaceSource::Dir { .. }) {
        return Captured::Is(task.captured);
    }
    let runner = &worker.service.0.parts.runner;
    let capture = AssertUnwindSafe(runner.capture(&task.workspace, &task.limits)).catch_unwind();
    tokio::select! {
        biased;
        reason = run.stopped() => Captured::Stopped(reason),
        captured = capture => match captured {
            Ok(Ok(digest)) => Captured::Is(Some(digest)),
            Ok(Err(failure)) => Captured::Failed(failure),
            Err(panic) => Captured::Failed(panicked(run, &*panic)),
        },
    }
}

/// Ends a run that was stopped before its start was recorded: nothing is to be appended, and the task
/// is claimable again where nobody has ended it.
async fn give_up(worker: &Worker, run: &Run, epoch: Epoch, reason: Stop) {
    run.end(Vec::new());
    if matches!(reason, Stop::Drain)
        && let Err(error) = worker.service.store().release(run.task(), epoch).await
    {
        tracing::warn!(task = %run.task(), %error, "a claimed task was not given back");
    }
}

/// Performs the run. Ends it when it is told to stop; a panic of the runner is a failure of the task.
async fn guest(worker: &Arc<Worker>, run: &Arc<Run>, job: Job) -> Ending {
    let runner = Arc::clone(&worker.service.0.parts.runner);
    let host: Arc<dyn RunHost> = Arc::clone(run) as Arc<dyn RunHost>;
    let guest = AssertUnwindSafe(async move { runner.run(job, host).await }).catch_unwind();
    tokio::select! {
        // First, so that a stop does not give the guest another turn.
        biased;
        reason = run.stopped() => Ending::Stopped(reason),
        outcome = guest => match outcome {
            Ok(outcome) => Ending::Outcome(outcome),
            Err(panic) => Ending::Outcome(Outcome::Failed(panicked(run, &*panic))),
        },
    }
}

fn panicked(run: &Run, panic: &(dyn std::any::Any + Send)) -> Failure {
    let message = panic_text(panic);
    tracing::error!(task = %run.task(), message, "the runner panicked");
    Failure {
        code: ErrorCode::Internal,
        message: "the runner failed; the server's log says more".into(),
        detail: None,
        retryable: true,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

impl Worker {
    /// Tells whether a task may have taken a process down, so that its `started` must be durable
    /// before it runs again.
    fn must_be_on_record(&self, task: &Task) -> bool {
        if task.recoveries > 0 {
            return true;
        }
        task.created_at < self.began_at
            && self
                .probation
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }

    fn attempt_start(&self) -> AttemptStart {
        let mut seed = [0; 32];
        self.service.0.parts.random.fill(&mut seed);
        AttemptStart { seed: Seed(seed), base_time: self.service.now() }
    }
}
