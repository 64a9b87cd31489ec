//! The engine as the rest of Errand sees it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use errand_core::{
    AdmissionError, Blobs, BoxFuture, Checkpoint, Digest, Egress, ErrorCode, ExecutorProfile,
    Failure, InputFault, Job, Limits, Outcome, Ran, RunHost, Runner, Signature, Staged,
    StartRefused, Task, Unreadable, WorkspaceSource,
};
use errand_workspace::git::Git;
use errand_workspace::{AllowedDirs, Bases, Room, Workspaces};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::admission::{self, Admission};
use crate::config::Allocation;
use crate::epoch::Ticker;
use crate::executors::{Executors, LoadError, Loaded};
use crate::run::{self, Done, Local, Surroundings};
use crate::start::{Mounts, Starts};
use crate::typed;

/// How an engine is set up.
pub struct EngineOptions {
    /// How instances get their memory.
    pub allocation: Allocation,
    /// Where compiled components lie; made where missing, readable by the owner alone.
    pub compiled: PathBuf,
    /// Where workspaces are made.
    pub workspaces: PathBuf,
    /// Where the files lie that workspaces share, on the same file system; nothing where each gets copies.
    pub bases: Option<PathBuf>,
    /// Where git registers the worktrees of tasks; nothing where none starts from a repository.
    pub git: Option<PathBuf>,
    /// How many bytes they leave free on their disk.
    pub reserve_bytes: u64,
    /// The program that compiles when called with `__compile`, which calls [`crate::compile_child`].
    pub compiler: PathBuf,
    /// Where executors' sources, artifacts and what workspaces start from lie; nothing where none of
    /// them is asked for.
    pub blobs: Option<Arc<dyn Blobs>>,
    /// What sends the requests of guests; nothing where none are sent.
    pub egress: Option<Arc<dyn Egress>>,
    /// The directories that workspaces may start from.
    pub allowed: Arc<AllowedDirs>,
}

/// Why an engine can't start.
#[derive(Debug, thiserror::Error)]
#[error("start the engine: {0}")]
pub struct EngineError(String);

/// Admits uploads and runs tasks in wasmtime.
pub struct Engine {
    executors: Executors,
    admission: Admission,
    around: Surroundings,
    starts: Starts,
    mounts: Mounts,
    /// One permit an instance: a pool that is used up would give errors instead of waiting.
    instances: Semaphore,
}

impl Engine {
    /// Starts an engine. What an earlier process left stays until [`Engine::collect_leftovers`].
    ///
    /// # Errors
    /// When a directory can't be made or wasmtime can't be configured on this machine.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError(error.to_string());
        make_private(&options.compiled).map_err(|error| failed(&error))?;
        make_private(&options.workspaces).map_err(|error| failed(&error))?;
        let workspaces = Workspaces::open(&options.workspaces).map_err(|error| failed(&error))?;
        let workspaces =
            workspaces.within(Room::beside(&options.workspaces, options.reserve_bytes));
        let ticker = Ticker::start().map_err(|error| failed(&error))?;
        let executors =
            Executors::new(options.allocation, ticker.clone(), options.compiled.clone())
                .map_err(|error| failed(&error))?;
        let compatibility = executors.compatibility().to_owned();
        let instances = match options.allocation {
            Allocation::Pooled { instances } => instances as usize,
            Allocation::OnDemand => Semaphore::MAX_PERMITS,
        };
        let workspaces = Arc::new(workspaces);
        let bases = match &options.bases {
            Some(path) => {
                make_private(path).map_err(|error| failed(&error))?;
                Some(Arc::new(Bases::open(path).map_err(|error| failed(&error))?))
            }
            None => None,
        };
        let blobs = options.blobs.clone();
        let git = match &options.git {
            Some(path) => {
                make_private(path).map_err(|error| failed(&error))?;
                Some(Git::open(path).map_err(|error| failed(&error))?)
            }
            None => None,
        };
        let mounts = Mounts::new(workspaces.clone(), blobs.clone());
        let starts = Starts::new(options.allowed, blobs, workspaces.clone(), bases, git);
        Ok(Self {
            executors,
            admission: Admission::new(options.compiler, options.compiled),
            around: Surroundings {
                ticker,
                workspaces: Some(workspaces),
                blobs: options.blobs,
                egress: options.egress,
                compatibility,
            },
            starts,
            mounts,
            instances: Semaphore::new(instances),
        })
    }

    /// Removes the workspaces that earlier processes left behind, and says how many there were.
    ///
    /// Call it only where no other process uses the directory.
    ///
    /// # Errors
    /// When the directory can't be read; a workspace that can't be removed stays for the next time.
    pub fn collect_leftovers(&self) -> Result<usize, EngineError> {
        self.starts.collect_leftovers();
        match &self.around.workspaces {
            Some(workspaces) => {
                workspaces.collect_leftovers().map_err(|error| EngineError(error.to_string()))
            }
            None => Ok(0),
        }
    }

    /// Removes workspaces that nobody has changed for so long: those of runs that were killed.
    ///
    /// What can't be removed stays for the next time.
    pub fn collect_older_than(&self, age: std::time::Duration) {
        if let Some(workspaces) = &self.around.workspaces {
            workspaces.collect_older_than(age);
        }
    }

    /// Returns the profile of a wasm that this engine has admitted and compiled before.
    pub fn known(&self, digest: Digest) -> Option<ExecutorProfile> {
        admission::known(&self.executors.path(digest))
    }

    /// Performs one run on a person's own machine.
    pub async fn run_local(&self, job: Job, host: Arc<dyn RunHost>, local: Local) -> Done {
        let Ok(_instance) = self.instances.acquire().await else {
            return Outcome::Interrupted(errand_core::InterruptReason::Drain).into();
        };
        let loaded = match self.load(&job).await {
            Ok(loaded) => loaded,
            Err(failure) => return Outcome::Failed(failure).into(),
        };
        match self.mounts.of(&job).await {
            Ok(mounts) => run::run(&self.around, loaded, job, host, (local, mounts)).await,
            Err(failure) => Outcome::Failed(failure).into(),
        }
    }

    async fn load(&self, job: &Job) -> Result<Loaded, Failure> {
        let digest = job.executor.digest;
        let failed = |code, message| Failure { code, message, detail: None, retryable: false };
        match self.executors.load(digest, job.kind) {
            Ok(loaded) => return Ok(loaded),
            Err(LoadError::NotCompiled) => {}
            Err(LoadError::Damaged(path)) => {
                let path = path.display();
                tracing::warn!(%path, "a compiled file is damaged or incomplete; it is made again");
                let compiled = self.executors.path(digest);
                let discarded =
                    self.admission.discard_unless(|| self.executors.has_whole(digest), &compiled);
                discarded.await.map_err(|error| {
                    failed(ErrorCode::Internal, format!("remove the damaged `{path}`: {error}"))
                })?;
            }
            Err(LoadError::Unusable(why)) => {
                return Err(failed(ErrorCode::Internal, format!("load the executor: {why}")));
            }
        }
        // Compiled by another version, or the cache was emptied: compile its source again.
        let wasm = self.source(digest).await.map_err(|why| {
            failed(ErrorCode::ExecutorMissing, format!("the executor's wasm is gone: {why}"))
        })?;
        self.admit(wasm).await.map_err(|error| {
            failed(ErrorCode::ExecutorMissing, format!("compile the executor again: {error}"))
        })?;
        self.executors
            .load(digest, job.kind)
            .map_err(|error| failed(ErrorCode::Internal, format!("load the executor: {error}")))
    }

    async fn source(&self, digest: Digest) -> Result<Bytes, String> {
        let blobs = self.around.blobs.as_ref().ok_or("no storage is configured")?;
        let text = |error: errand_core::BlobError| error.to_string();
        let size = blobs.size(digest).await.map_err(text)?.ok_or("there is no such blob")?;
        let size = usize::try_from(size).map_err(|error| error.to_string())?;
        blobs.read(digest, 0, size).await.map_err(text)
    }
}

impl Runner for Engine {
    fn admit(&self, wasm: Bytes) -> BoxFuture<'_, Result<ExecutorProfile, AdmissionError>> {
        Box::pin(async move {
            let compiled = self.executors.path(Digest::of(&wasm));
            self.admission.admit(wasm, compiled).await
        })
    }

    fn check_input(&self, signature: &Signature, input: &Value) -> Vec<InputFault> {
        typed::check(signature, input).err().unwrap_or_default()
    }

    fn check_start<'a>(
        &'a self,
        source: &'a WorkspaceSource,
        limits: &'a Limits,
    ) -> BoxFuture<'a, Result<WorkspaceSource, StartRefused>> {
        Box::pin(self.starts.check(source, limits))
    }

    fn stage<'a>(
        &'a self,
        task: &'a Task,
        checkpoint: Option<&'a Checkpoint>,
    ) -> BoxFuture<'a, Result<Staged, Failure>> {
        Box::pin(self.starts.stage(task, checkpoint))
    }

    fn run<'a>(&'a self, job: Job, host: Arc<dyn RunHost>) -> BoxFuture<'a, Ran> {
        Box::pin(async { self.run_local(job, host, Local::default()).await.ran })
    }

    fn write_diff<'a>(
        &'a self,
        task: &'a Task,
        out: Box<dyn Write + Send>,
    ) -> BoxFuture<'a, Result<(), Unreadable>> {
        Box::pin(self.starts.write_diff(task, out))
    }

    fn write_workspace<'a>(
        &'a self,
        task: &'a Task,
        changed_alone: bool,
        out: Box<dyn Write + Send>,
    ) -> BoxFuture<'a, Result<(), Unreadable>> {
        Box::pin(self.starts.write_workspace(task, changed_alone, out))
    }

    fn compatibility(&self) -> &str {
        self.executors.compatibility()
    }
}

/// Makes a directory that only its owner can enter.
#[expect(clippy::disallowed_methods, reason = "the engine's directories are made here alone")]
fn make_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
