//! The inside of a server for as long as a command lasts: service, store, engine and one worker, with
//! nothing that listens and nothing that stays but what was compiled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use errand_core::{
    Artifact, ExecutorName, ExecutorVersion, Namespace, Principal, Submitted, Task, TaskId,
    WorkerId,
};
use errand_engine::{Allocation, Engine, EngineOptions};
use errand_scheduler::{
    Caller, Followed, Rights, Scheduler, SchedulerConfig, Service, ServiceError, Settings,
    TaskRequest,
};
use errand_server::ServerConfig;
use errand_store::{DirBlobs, MemoryStore};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::cli::GlobalArgs;
use crate::data_dir::DataDir;
use crate::errors::{CommandError, Exit, Result};
use crate::output;
use crate::serve::Signals;

/// One for the guest, one for who tells of it.
const THREADS: usize = 2;
/// One task at a time.
const INSTANCES: u32 = 1;
/// Workspaces of runs that were killed are removed once they are this old.
const LEFTOVERS: Duration = Duration::from_secs(24 * 3_600);
/// As much as is read of a file beyond what is expected of it: enough to show how it differs.
const SHOWN_BEYOND_BYTES: usize = 64 << 10;
/// What shells report for a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// The inside of a server.
pub(super) struct Workbench {
    runtime: Runtime,
    service: Service,
    caller: Caller,
    interrupted: AtomicBool,
    stop: CancellationToken,
    /// Uploads and artifacts, until the end.
    _blobs: TempDir,
}

impl Workbench {
    /// Starts everything. What is compiled is kept in the data directory, where a server finds it too.
    pub(super) fn open(globals: &GlobalArgs) -> Result<Self> {
        let data = DataDir::locate(globals)?;
        data.create()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("errand-test")
            .enable_all()
            .build()
            .context("start the threads")?;
        let kept = tempfile::tempdir().context("make a temporary directory")?;
        let blobs = Arc::new(DirBlobs::open(kept.path(), 0).context("open the uploads")?);
        let engine = Engine::new(EngineOptions {
            allocation: Allocation::Pooled { instances: INSTANCES },
            compiled: data.compiled(),
            workspaces: data.path().join("runs"),
            bases: None,
            git: None,
            reserve_bytes: 0,
            compiler: std::env::current_exe().context("find this program")?,
            blobs: Some(blobs.clone()),
            egress: None,
            allowed: Arc::default(),
        })
        .context("test")?;
        engine.collect_older_than(LEFTOVERS);
        let store = Arc::new(MemoryStore::new());
        let parts = errand_scheduler::Parts::on_this_machine(store, blobs, Arc::new(engine));
        // What a server would not take is not tested either.
        let max_wasm_bytes = ServerConfig::default().max_upload_bytes;
        let service = Service::new(parts, Settings { max_wasm_bytes, ..Settings::default() });
        let worker = WorkerId::new("this-process").context("name the worker")?;
        let config = SchedulerConfig { slots: INSTANCES as usize, ..SchedulerConfig::new(worker) };
        let stop = CancellationToken::new();
        let started =
            Scheduler::start(service.clone(), config, runtime.handle().clone(), stop.clone());
        runtime.block_on(started).context("start the worker")?;
        let caller = Caller {
            principal: Principal::new("you").context("name the caller")?,
            namespace: Some(Namespace::default()),
            rights: Rights::ALL,
        };
        let interrupted = AtomicBool::new(false);
        Ok(Self { runtime, service, caller, interrupted, stop, _blobs: kept })
    }

    /// Uploads the executor: it is checked, compiled where it was not before, and described.
    pub(super) fn upload(&self, name: &ExecutorName, wasm: Vec<u8>) -> Result<ExecutorVersion> {
        if output::stderr_is_terminal() {
            output::note(format_args!("compiling {name}, once …"));
        }
        let uploading = self.service.upload(&self.caller, name.as_str(), Bytes::from(wasm));
        let uploaded = self.runtime.block_on(uploading).map_err(refused)?;
        Ok(uploaded.version)
    }

    /// Submits a task.
    pub(super) fn submit(&self, request: TaskRequest) -> Result<TaskId, ServiceError> {
        match self.runtime.block_on(self.service.submit(&self.caller, request))? {
            Submitted::Created(task) | Submitted::Existing(task) => Ok(task.id),
        }
    }

    /// Follows a task to its end. A signal to end cancels it, a second one ends the process.
    pub(super) fn follow(
        &self,
        id: TaskId,
        told: &mut dyn FnMut(Followed) -> Result<()>,
    ) -> Result<Task> {
        self.runtime.block_on(async {
            let mut signals = Signals::listen()?;
            let mut follow = self.service.follow(&self.caller, id, 0).await.map_err(refused)?;
            // What is wrong with telling is said when the task has ended and its directory is gone.
            let mut untold = None;
            loop {
                tokio::select! {
                    next = follow.next() => {
                        let Some(news) = next.map_err(refused)? else { break };
                        if untold.is_none() && let Err(error) = told(news) {
                            untold = Some(error);
                            self.cancel(id).await?;
                        }
                    }
                    _ = signals.next() => {
                        if self.interrupted.swap(true, Ordering::Relaxed) {
                            std::process::exit(INTERRUPTED);
                        }
                        self.cancel(id).await?;
                    }
                }
            }
            match untold {
                Some(error) => Err(error),
                None => self.service.task(&self.caller, id).await.map_err(refused),
            }
        })
    }

    /// Tells whether a signal has asked for the end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Returns what a task left.
    pub(super) fn artifacts(&self, id: TaskId) -> Result<Vec<Artifact>> {
        self.runtime.block_on(self.service.artifacts(&self.caller, id)).map_err(refused)
    }

    /// Reads what a task left, to be compared with a text of so many bytes.
    pub(super) fn read_artifact(&self, id: TaskId, path: &str, expected: usize) -> Result<Vec<u8>> {
        let bytes = self.runtime.block_on(async {
            let reader = self.service.artifact(&self.caller, id, path).await?;
            reader.read(0, expected + SHOWN_BEYOND_BYTES).await
        });
        Ok(bytes.map_err(refused)?.to_vec())
    }

    async fn cancel(&self, id: TaskId) -> Result<()> {
        self.service.cancel(&self.caller, id, None).await.map_err(refused)?;
        Ok(())
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Makes the error of what the service refuses, with the exit code of the same refusal by a server.
pub(super) fn refused(error: ServiceError) -> CommandError {
    use ServiceError as E;
    let message = error.to_string();
    match error {
        E::Unsupported { .. } => CommandError::unsupported(message),
        E::NotFound { .. } => CommandError::not_found(message),
        E::Internal { .. } => CommandError::new(Exit::Internal, message),
        E::Malformed { .. } => CommandError::usage(message),
        _ => CommandError::refused(message),
    }
}
