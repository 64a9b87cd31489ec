//! Lanes: each holds a slot and runs claimed tasks, one after the other, until none is left.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use errand_core::{
    AttemptStart, Checkpoint, Claimed, Epoch, ErrorCode, EventBody, ExecutorKind, Failure, Job,
    JournalEntry, LogOffsets, Outcome, Progress, RunHost, Seed, Staged, Stopped, Task,
    WorkspaceSource,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::Worker;
use super::claiming::STORE_RETRY_MS;
use super::ending::Ending;
use super::run::{Before, Run, Start, Stop};
use super::slots::Slot;
use crate::service::ServiceError;

/// Opens lanes for what is claimed, as far as slots are free.
pub(super) fn open(worker: &Arc<Worker>) {
    let waiting = worker.ready().len();
    for _ in 0..waiting {
        let Some(slot) = worker.slots.take() else { return };
        worker
            .under_way
            .spawn_on(run_all(Arc::clone(worker), Lane(Arc::new(slot))), &worker.guests);
    }
}

/// A lane's hold on its slot. Runs have it too, for as long as their last events are under way.
struct Lane(Arc<Slot>);

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.release();
    }
}

async fn run_all(worker: Arc<Worker>, lane: Lane) {
    let slot = &lane.0;
    // Who goes on comes before who begins.
    while !slot.is_wanted()
        && let Some((claimed, more_waiting)) = worker.take()
    {
        let began = Instant::now();
        let waited = run_one(&worker, slot, claimed, more_waiting).await;
        if !waited {
            worker.note_pace(began.elapsed());
        }
        if !slot.is_held() {
            return;
        }
    }
}

/// Runs a task. Tells whether it waited without a slot.
async fn run_one(
    worker: &Arc<Worker>,
    slot: &Arc<Slot>,
    claimed: Claimed,
    more_waiting: bool,
) -> bool {
    let Claimed { task, input, epoch, attempt_start } = claimed;
    let Ok(settling) = Arc::clone(&worker.settling).acquire_owned().await else { return false };
    let Prepared { kind, checkpoint, journal } =
        match prepare(worker, &task, attempt_start.is_some()).await {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return false,
            Err(error) => {
                tracing::error!(task = %task.id, %error, "a task could not be started");
                if let Err(error) = worker.service.store().release(task.id, epoch).await {
                    tracing::error!(task = %task.id, %error, "a claimed task was not given back");
                }
                worker.after(STORE_RETRY_MS).await;
                return false;
            }
        };
    let before = Before { start: attempt_start.as_ref(), journal: &journal };
    let run = Run::new(Arc::clone(worker), &task, epoch, before, Arc::clone(slot), settling);
    worker.service.0.runs.add(&run);

    let ending = if task.cancel_requested {
        Ending::cancelled(&worker.principal, None)
    } else if let Some(kind) = kind {
        let staged = match stage(worker, &run, &task, checkpoint.as_ref()).await {
            Staging::Done(staged) => Ok(staged),
            Staging::Failed(failure) => Err(failure),
            Staging::Stopped(reason) => {
                give_up(worker, &run, epoch, reason).await;
                return false;
            }
        };
        let fresh = attempt_start.is_none();
        let start = attempt_start.unwrap_or_else(|| worker.attempt_start(&task));
        let started = EventBody::Started {
            run: task.runs + 1,
            worker: worker.config.worker.clone(),
            engine: worker.engine.clone(),
            workspace: staged.as_ref().ok().and_then(|staged| staged.as_ref()?.captured),
            placed: staged.as_ref().ok().and_then(|staged| Some(staged.as_ref()?.placed.clone())),
        };
        let how = if worker.must_be_on_record(&task) {
            Start::Durable
        } else if more_waiting {
            Start::Folded
        } else {
            Start::AtOnce
        };
        match (run.start(started, fresh.then(|| start.clone()), how).await, staged) {
            (Ok(()), Ok(staged)) => {
                let workspace = staged.map(|staged| staged.workspace);
                let job = job(&task, kind, input, start, (!fresh, journal));
                let job = Job { workspace, checkpoint, ..job };
                guest(worker, &run, job).await
            }
            (Ok(()), Err(failure)) => Ending::Ran(Outcome::Failed(failure).into()),
            (Err(Stopped), _) => Ending::Stopped(run.stop_reason().unwrap_or(Stop::Lost)),
        }
    } else {
        let failure = Failure {
            code: ErrorCode::ExecutorMissing,
            message: format!("the executor `{}` is gone", task.executor),
            detail: None,
            retryable: false,
        };
        Ending::Ran(Outcome::Failed(failure).into())
    };
    worker.warm.forget(&run);
    let (drafts, saved) = ending.drafts(worker, &task);
    run.end(drafts, saved);
    run.has_waited()
}

/// What a run is made of beside its task.
struct Prepared {
    /// How the executor runs tasks, if it is there.
    kind: Option<ExecutorKind>,
    /// What the attempt goes on from.
    checkpoint: Option<Checkpoint>,
    /// What earlier runs of it were answered since then.
    journal: Vec<JournalEntry>,
}

/// Finds out how the executor runs tasks, and what earlier runs of the attempt left. Nothing where the task
/// ended with its parent.
async fn prepare(
    worker: &Worker,
    task: &Task,
    ran_before: bool,
) -> Result<Option<Prepared>, ServiceError> {
    let service = &worker.service;
    if service.cancel_orphan(task).await? {
        return Ok(None);
    }
    let entry = service.executor_entry(&task.namespace, &task.executor.name).await?;
    let version = entry.as_ref().and_then(|entry| entry.version(task.executor.digest));
    let kind = version.map(|version| version.profile.kind);
    let (checkpoint, journal) = match ran_before {
        true => {
            let checkpoint = service.store().checkpoint(task.id).await?;
            (checkpoint, service.store().journal(task.id).await?)
        }
        false => (None, Vec::new()),
    };
    // From its checkpoint on it knows what was before that, which no journal says.
    if task.attempt > 1 && !task.resuming && !task.around.is_alone() && checkpoint.is_none() {
        service.leave_behind(task, &journal).await?;
    }
    Ok(Some(Prepared { kind, checkpoint, journal }))
}

fn job(
    task: &Task,
    kind: ExecutorKind,
    input: Arc<serde_json::Value>,
    start: AttemptStart,
    (goes_on, journal): (bool, Vec<JournalEntry>),
) -> Job {
    Job {
        checkpoint: None,
        journal,
        resume: if goes_on { task.progress.clone() } else { Progress::default() },
        task: task.id,
        namespace: task.namespace.clone(),
        attempt: task.attempt,
        executor: task.executor.clone(),
        kind,
        function: task.function.clone(),
        input,
        workspace: None,
        limits: task.limits,
        mounts: task.mounts.clone(),
        artifacts: task.artifacts.clone(),
        start,
        parent_id: task.parent_id,
        context_id: task.context_id.clone(),
    }
}

/// What came of making a workspace.
enum Staging {
    /// It is there, or starts empty.
    Done(Option<Staged>),
    /// The attempt fails of it.
    Failed(Failure),
    /// The run was told to stop meanwhile.
    Stopped(Stop),
}

/// Makes the workspace that a run starts with.
async fn stage(
    worker: &Worker,
    run: &Run,
    task: &Task,
    checkpoint: Option<&Checkpoint>,
) -> Staging {
    let left = checkpoint.and_then(|checkpoint| checkpoint.workspace.as_ref());
    if task.workspace == WorkspaceSource::Empty && left.is_none() {
        return Staging::Done(None);
    }
    let stage = worker.service.0.parts.runner.stage(task, checkpoint);
    tokio::select! {
        biased;
        reason = run.stopped() => Staging::Stopped(reason),
        staged = AssertUnwindSafe(stage).catch_unwind() => match staged {
            Ok(Ok(staged)) => Staging::Done(Some(staged)),
            Ok(Err(failure)) => Staging::Failed(failure),
            Err(panic) => Staging::Failed(panicked(run, &*panic)),
        },
    }
}

/// Ends a run that was stopped before its start was recorded: nothing is to be appended, and the task
/// is claimable again where nobody has ended it.
async fn give_up(worker: &Worker, run: &Run, epoch: Epoch, reason: Stop) {
    run.end(Vec::new(), None);
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
        ran = guest => match ran {
            Ok(ran) => Ending::Ran(ran),
            Err(panic) => Ending::Ran(Outcome::Failed(panicked(run, &*panic)).into()),
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

    fn attempt_start(&self, task: &Task) -> AttemptStart {
        let mut seed = [0; 32];
        self.service.0.parts.random.fill(&mut seed);
        AttemptStart {
            seed: Seed(seed),
            base_time: self.service.now(),
            engine: self.engine.clone(),
            said: LogOffsets::default(),
            environment: self
                .service
                .granted(&task.namespace, &task.executor)
                .visible_environment(),
        }
    }
}
