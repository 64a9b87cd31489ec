//! One run of a task: set up, drive under all its bounds, and say how it ended.

mod command;
mod functions;
mod native;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use errand_core::{
    Egress, ErrorCode, EventBody, ExecutorKind, Failure, Job, Left, Outcome, Ran, RunHost, Saved,
};
use errand_workspace::{Changed, Globs, Scan, Workspaces};
use serde_json::Value;
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::clock::VirtualClock;
use crate::config::{COMPONENT_HANDLES, HOST_CALL_BYTES, YIELD_FUEL};
use crate::ended::{Ended, outcome_of};
use crate::epoch::Ticker;
use crate::executors::Loaded;
use crate::fuel::{FuelGauge, Metered};
use crate::host::artifacts::Publish;
use crate::host::filesystem::{Files, SeedFile, Start, TakenAway};
use crate::host::stdio::{Input, Stdio};
use crate::journal::{Journal, journaled};
use crate::keep::{self, Destination};
use crate::start::{self, Leave, Made, Mounted};
use crate::state::{Invocation, RunState};
use crate::veil::Veiled;

/// What a run needs besides its job.
pub(crate) struct Surroundings {
    pub(crate) ticker: Ticker,
    pub(crate) workspaces: Option<Arc<Workspaces>>,
    pub(crate) blobs: Destination,
    /// What sends requests; nothing where none are sent.
    pub(crate) egress: Option<Arc<dyn Egress>>,
    /// What names the engine, and its costs of fuel.
    pub(crate) compatibility: String,
}

/// What a run on a person's own machine adds to its job.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// The directory that the workspace starts from.
    pub directory: Option<Arc<Scan>>,
    /// Whether what the program changes in it is wanted at the end.
    pub keep_changes: bool,
    /// Files that the workspace starts with besides.
    pub files: Vec<SeedFile>,
    /// Directories that the guest can read besides, and never write, by the paths that it sees them at.
    pub mounts: Vec<(String, Arc<std::fs::File>)>,
    /// Whether the guest reads this process's standard input.
    pub inherit_stdin: bool,
    /// Whether the process ends right after: the instance is left to its end then, since taking it
    /// apart costs as much as a short program does.
    pub ends_process: bool,
}

/// What a run came to.
#[derive(Debug)]
pub struct Done {
    /// How it ended, and what is kept of its workspace.
    pub ran: Ran,
    /// What it changed, where that is wanted here and now.
    pub changed: Option<Changed>,
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Self {
        Self { ran: outcome.into(), changed: None }
    }
}

/// What an instance came to.
enum Came {
    /// The end of the run.
    To(Done),
    /// A checkpoint, which nobody but this process knows of.
    Again(Box<Saved>, Option<TakenAway>),
}

impl From<Outcome> for Came {
    fn from(outcome: Outcome) -> Self {
        Self::To(outcome.into())
    }
}

/// What is done before the guest begins, and when it has ended.
#[derive(Clone, Copy)]
struct After {
    ends_process: bool,
    /// Whether what it began with is yet to be looked at.
    surveys: bool,
    changes: bool,
}

/// Performs a run. Where nothing is stored, it goes on from its own checkpoints.
pub(crate) async fn run(
    around: &Surroundings,
    loaded: Loaded,
    mut job: Job,
    host: Arc<dyn RunHost>,
    (local, mut mounts): (Local, Vec<Mounted>),
) -> Done {
    let _ticking = around.ticker.ticking();
    let name = start::name_of(job.task);
    let made = match &local.directory {
        None => start::staged(&job),
        Some(scan) => start::copy(around.workspaces.as_ref(), scan, &job, &name).map(Some),
    };
    mounts.extend(local.mounts.into_iter().map(|(path, at)| Mounted::local(path, at)));
    // A command is none that could have started them.
    let shows_children = host.world().is_some() && job.kind != ExecutorKind::Command;
    let begin = |made: Option<Made>, seeds: Vec<SeedFile>| {
        let (name, mounts) = (name.clone(), mounts.clone());
        Start { name, made, seeds, mounts, shows_children }
    };
    let mut start = match made {
        Ok(made) => begin(made, local.files.clone()),
        Err(failure) => return Outcome::Failed(failure).into(),
    };
    let mut after = After {
        ends_process: local.ends_process,
        surveys: local.keep_changes,
        changes: local.keep_changes,
    };
    loop {
        let stdin = local.inherit_stdin;
        let again = around.blobs.is_none().then(|| job.clone());
        let came = once(around, &loaded, job, host.clone(), stdin, start, after).await;
        let (before, saved, taken) = match (came, again) {
            (Came::To(done), _) => return done,
            (Came::Again(saved, taken), Some(before)) => (before, *saved, taken),
            (Came::Again(saved, _), None) => return Outcome::Saved(saved).into(),
        };
        job = Job {
            start: saved.start,
            checkpoint: Some(saved.checkpoint),
            journal: Vec::new(),
            resume: host.meter().progress(),
            workspace: None,
            ..before
        };
        after.surveys = false;
        let made = taken.map(|taken| start::again(around.workspaces.as_ref(), taken, &job));
        start = match made.transpose() {
            // Without a workspace its files are not there yet.
            Ok(None) => begin(None, local.files.clone()),
            Ok(made) => begin(made, Vec::new()),
            Err(failure) => return Outcome::Failed(failure).into(),
        };
    }
}

/// Runs one instance.
async fn once(
    around: &Surroundings,
    loaded: &Loaded,
    job: Job,
    host: Arc<dyn RunHost>,
    inherit_stdin: bool,
    start: Start,
    after: After,
) -> Came {
    let job = Arc::new(job);
    let fuel = FuelGauge::new(job.limits.fuel, host.clone(), &job.resume);
    let stdin = match inherit_stdin {
        true => Input::Inherited(fuel.clone()),
        false => Input::Bytes(Bytes::new()),
    };
    let engine = loaded.engine().clone();
    match loaded {
        Loaded::Native(executor) => {
            let input = job.input.to_string();
            let begin = Begin { engine, invocation: Invocation::bare(stdin), capture: false };
            let run = match Run::new(around, job, host, fuel, begin, start) {
                Ok(run) => run,
                Err(ended) => return ended.into_outcome().into(),
            };
            run.drive(async |store| native::call(executor, store, &input).await, after).await
        }
        Loaded::Functions(all) => {
            let (function, arguments) = match functions::arguments(all, &job) {
                Ok(found) => found,
                Err(failure) => return Outcome::Failed(failure).into(),
            };
            let begin = Begin { engine, invocation: Invocation::bare(stdin), capture: false };
            let run = match Run::new(around, job, host, fuel, begin, start) {
                Ok(run) => run,
                Err(ended) => return ended.into_outcome().into(),
            };
            let call = async |store: &mut _| functions::call(all, function, arguments, store).await;
            run.drive(call, after).await
        }
        Loaded::Command(program) => {
            let invocation = match command::invocation(&job, stdin) {
                Ok(invocation) => invocation,
                Err(failure) => return Outcome::Failed(failure).into(),
            };
            let begin = Begin { engine, invocation, capture: true };
            let run = match Run::new(around, job, host, fuel, begin, start) {
                Ok(run) => run,
                Err(ended) => return ended.into_outcome().into(),
            };
            run.drive(async |store| command::call(program, store).await, after).await
        }
    }
}

/// A failure's message is one sentence; what is longer belongs in its detail.
const MESSAGE_BYTES: usize = 4_096;

/// Cuts a text to so many bytes at most, between two characters.
fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// What a guest's call came to, before its files are kept.
pub(crate) type Called = Result<Value, Failure>;

/// How a guest begins.
struct Begin {
    /// The engine that it is compiled for.
    engine: Engine,
    invocation: Invocation,
    /// Whether what it prints is its result.
    capture: bool,
}

struct Run {
    store: Store<RunState>,
    job: Arc<Job>,
    fuel: FuelGauge,
    stdio: Stdio,
    /// What names the engine.
    compatibility: String,
}

/// Makes a store with all the bounds of its job.
pub(crate) fn prepare(engine: &Engine, state: RunState) -> wasmtime::Result<Store<RunState>> {
    let fuel = state.job.limits.fuel.saturating_sub(state.fuel.executed());
    let mut store = Store::try_new(engine, state)?;
    store.limiter(|state| &mut state.memory);
    store.set_fuel(fuel)?;
    store.fuel_async_yield_interval(Some(YIELD_FUEL))?;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        store.data().fuel.epoch_yield();
        Ok(UpdateDeadline::Yield(1))
    });
    store.set_hostcall_fuel(HOST_CALL_BYTES);
    store.set_max_component_handles(COMPONENT_HANDLES);
    Ok(store)
}

impl Run {
    fn new(
        around: &Surroundings,
        job: Arc<Job>,
        host: Arc<dyn RunHost>,
        fuel: FuelGauge,
        begin: Begin,
        start: Start,
    ) -> Result<Self, Ended> {
        let Begin { engine, invocation, capture } = begin;
        let egress = around.egress.clone();
        let veil = egress.as_ref().and_then(|egress| egress.veil(&job.namespace, &job.executor));
        let veiled = Veiled::new(veil);
        let voice = (host.clone(), veiled.clone());
        let stdio = Stdio::new(voice, fuel.clone(), job.limits.output_bytes, capture);
        let limit_bytes = job.limits.workspace_bytes;
        let clock = VirtualClock::new(job.start.base_time);
        let workspaces = around.workspaces.clone();
        let files = Files::new(workspaces, start, limit_bytes, clock, fuel.clone())?;
        let other_engine = (job.start.engine != around.compatibility)
            .then(|| job.start.engine.clone())
            .filter(|engine| !engine.is_empty());
        let journal = Journal::new(job.journal.clone(), other_engine);
        let state = RunState::new(
            job.clone(),
            host,
            files,
            fuel.clone(),
            stdio.clone(),
            invocation,
            around.blobs.clone(),
        )
        .sending(egress, veiled)
        .repeating(journal)
        .restoring();
        let store = prepare(&engine, state).map_err(|error| Ended::Host(error.to_string()))?;
        let compatibility = around.compatibility.clone();
        Ok(Self { store, job, fuel, stdio, compatibility })
    }

    async fn drive(
        mut self,
        call: impl AsyncFnOnce(&mut Store<RunState>) -> wasmtime::Result<Called>,
        after: After,
    ) -> Came {
        let limits = self.job.limits;
        if after.surveys
            && let Err(ended) = self.store.data_mut().files.survey()
        {
            return ended.into_outcome().into();
        }
        if let Err(ended) = self.store.data_mut().show_again().await {
            return ended.into_outcome().into();
        }
        self.fuel.publish();
        let call = Metered::new(call(&mut self.store), self.fuel.clone());
        let ended = within(Duration::from_millis(limits.timeout_ms), &self.fuel, call).await;
        // What the clock on the wall ended, another run would not end at the same call.
        let repeatable = ended.is_some();
        let outcome = match ended {
            None => {
                // The store was left in the middle of the guest: its fuel is what the gauge says.
                let late = Ended::bound(ErrorCode::Timeout, "timeout_ms", limits.timeout_ms);
                Some(late.into_outcome())
            }
            Some(result) => {
                if let Ok(left) = self.store.get_fuel() {
                    self.fuel.set_executed(limits.fuel.saturating_sub(left));
                }
                match result {
                    Ok(Ok(output)) => Some(Outcome::Completed(output)),
                    Ok(Err(failure)) => Some(Outcome::Failed(failure)),
                    Err(error) if error.downcast_ref() == Some(&Ended::Saved) => None,
                    Err(error) => Some(outcome_of(&error, &limits)),
                }
            }
        };
        if let Err(ended) = self.stdio.flush().await {
            return ended.into_outcome().into();
        }
        let Some(outcome) = outcome else { return self.save().await };
        let state = self.store.data_mut();
        let outcome = state.veiled.outcome(outcome);
        let outcome = match keep_artifacts(state, repeatable).await {
            Ok(()) if !repeatable || is_of_this_side(&outcome) => outcome,
            Ok(()) => match state.journal.finish() {
                Ok(()) => outcome,
                Err(ended) => ended.into_outcome(),
            },
            Err(ended) => ended.into_outcome(),
        };
        let done = self.conclude(outcome, after).await;
        if after.ends_process {
            self.store.data_mut().files.take();
            std::mem::forget(self.store);
        }
        Came::To(done)
    }

    /// Keeps what the guest saved: the next run goes on from it.
    async fn save(mut self) -> Came {
        let state = self.store.data_mut();
        let kept = async {
            state.journal.finish()?;
            let mut saved = Box::new(state.saved(&self.compatibility)?);
            let taken = state.files.take();
            if state.blobs.is_none() {
                return Ok(Came::Again(saved, taken));
            }
            if let Some(taken) = taken {
                let left = start::leave(&state.blobs, taken, Leave::Checkpoint).await?;
                saved.checkpoint.workspace = left.snapshot;
            }
            Ok(Outcome::Saved(saved).into())
        };
        kept.await.unwrap_or_else(|ended: Ended| ended.into_outcome().into())
    }

    /// Finds what the guest changed, and keeps it.
    async fn conclude(&mut self, outcome: Outcome, after: After) -> Done {
        let state = self.store.data_mut();
        if !after.changes && (state.blobs.is_none() || matches!(outcome, Outcome::Interrupted(_))) {
            return outcome.into();
        }
        let Some(taken) = state.files.take() else {
            // It never looked: all is as it was.
            return Done { ran: Ran { outcome, left: Some(Left::default()) }, changed: None };
        };
        if after.changes {
            return match Changed::since(&taken.began.manifest(), taken.workspace) {
                Ok(changed) => Done { ran: outcome.into(), changed: Some(changed) },
                Err(error) => Ended::Host(error.to_string()).into_outcome().into(),
            };
        }
        match (start::leave(&state.blobs, taken, Leave::End).await, outcome) {
            (Ok(left), outcome) => Done { ran: Ran { outcome, left: Some(left) }, changed: None },
            (Err(ended), Outcome::Completed(_)) => ended.into_outcome().into(),
            // How it failed says more.
            (Err(error), outcome) => {
                tracing::warn!(%error, "what a failed task left is not kept");
                outcome.into()
            }
        }
    }
}

/// Drives a call until the attempt has run too long; nothing then.
async fn within<T>(
    timeout: Duration,
    fuel: &FuelGauge,
    call: impl Future<Output = T>,
) -> Option<T> {
    let mut call = std::pin::pin!(call);
    loop {
        let left = timeout.saturating_sub(fuel.ran());
        if left.is_zero() {
            return None;
        }
        tokio::select! {
            biased;
            ended = &mut call => return Some(ended),
            // Waits and repetitions do not count: then there is time left.
            () = tokio::time::sleep(left) => {}
        }
    }
}

/// Tells whether a run ended for a reason that is not its guest's: another one would not end there.
fn is_of_this_side(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Interrupted(_) => true,
        Outcome::Failed(failure) => {
            matches!(failure.code, ErrorCode::Internal | ErrorCode::Nondeterminism)
        }
        Outcome::Completed(_) | Outcome::Saved(_) => false,
    }
}

/// Keeps what the request's globs name, whatever the outcome: a report of a failure is wanted too.
async fn keep_artifacts(state: &mut RunState, repeatable: bool) -> Result<(), Ended> {
    let globs = &state.job.artifacts;
    let Some(workspace) = state.files.workspace().filter(|_| !globs.is_empty()) else {
        return Ok(());
    };
    let host_error = |error: &dyn std::fmt::Display| Ended::Host(error.to_string());
    let globs = Globs::new(globs).map_err(|error| host_error(&error))?;
    let found = workspace.find(&globs).map_err(|error| host_error(&error))?;
    for file in found.into_iter().take(keep::MAX_ARTIFACTS) {
        if state.kept.has(&file.path) {
            continue;
        }
        let publish = Publish { path: file.path, media_type: None, text: None };
        if repeatable {
            journaled(state, &publish).await?;
        } else if let Some(artifact) = publish.keep(state).await? {
            state.host.record(vec![EventBody::ArtifactPublished(artifact)].into()).await?;
        }
    }
    Ok(())
}
