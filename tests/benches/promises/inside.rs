//! The inside of a server: service, worker and engine over any store, in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use errand_core::{Blobs, Event, Namespace, Principal, Store, Submitted, Task, WorkerId};
use errand_engine::{Allocation, Engine, EngineOptions};
use errand_scheduler::{
    Caller, Parts, Rights, Scheduler, SchedulerConfig, Service, Settings, TaskRequest,
};
use errand_workspace::AllowedDirs;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::harness::{errand_path, plugin};
use crate::load::client_runtime;

/// What there is inside.
pub(crate) struct Setup {
    /// Where its files lie.
    pub(crate) directory: PathBuf,
    /// The executors, and what their plugins are called.
    pub(crate) executors: &'static [(&'static str, &'static str)],
    /// The directories that workspaces may start from.
    pub(crate) allowed: Vec<PathBuf>,
    /// Whether workspaces share files.
    pub(crate) shares: bool,
}

impl Setup {
    /// With the probe alone, whose workspaces are empty.
    pub(crate) fn of_probes(directory: &Path) -> Self {
        let executors = &[("probe", "test/probe")];
        Self { directory: directory.to_owned(), executors, allowed: Vec::new(), shares: false }
    }
}

/// The inside of a server, over any store.
pub(crate) struct Inside {
    runtime: tokio::runtime::Runtime,
    service: Service,
    caller: Caller,
    _stop: tokio_util::sync::DropGuard,
}

impl Inside {
    pub(crate) fn start(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, setup: Setup) -> Self {
        let Setup { directory, executors, allowed, shares } = setup;
        let allowed = AllowedDirs::open(&allowed).expect("they are there");
        let runtime = client_runtime();
        let engine = Engine::new(EngineOptions {
            allocation: Allocation::Pooled { instances: 2 },
            compiled: directory.join("compiled"),
            workspaces: directory.join("workspaces"),
            compiler: errand_path(),
            blobs: Some(Arc::clone(&blobs)),
            egress: None,
            allowed: Arc::new(allowed),
            bases: shares.then(|| directory.join("bases")),
            git: None,
            reserve_bytes: 0,
        });
        let engine = Arc::new(engine.expect("an engine can be started"));
        let service =
            Service::new(Parts::on_this_machine(store, blobs, engine), Settings::default());
        let caller = Caller {
            principal: principal(),
            namespace: Some(Namespace::default()),
            rights: Rights::ALL,
        };
        let stop = CancellationToken::new();
        runtime.block_on(async {
            for (name, file) in executors {
                let wasm = plugin(file).into();
                service.upload(&caller, name, wasm).await.expect("it is admitted");
            }
            let config = SchedulerConfig { slots: 1, ..SchedulerConfig::new(worker()) };
            let guests = tokio::runtime::Handle::current();
            Scheduler::start(service.clone(), config, guests, stop.clone())
                .await
                .expect("a worker can be started");
        });
        Self { runtime, service, caller, _stop: stop.drop_guard() }
    }

    /// Runs a task and returns how long that took, in milliseconds.
    pub(crate) fn time_of(&self, executor: &str, input: &Value) -> f64 {
        let began = Instant::now();
        self.run(TaskRequest::new(executor, input.clone()));
        began.elapsed().as_secs_f64() * 1_000.0
    }

    /// Runs a task to its end.
    pub(crate) fn run(&self, request: TaskRequest) -> Task {
        self.runtime.block_on(async {
            let id = match self.service.submit(&self.caller, request).await {
                Ok(Submitted::Created(task) | Submitted::Existing(task)) => task.id,
                Err(error) => panic!("the task was refused: {error}"),
            };
            let task = self.service.wait(&self.caller, id, 60_000).await.expect("it is there");
            assert!(task.output.is_some(), "{:?}", task.error);
            task
        })
    }

    /// Returns what is in a task's log.
    pub(crate) fn events(&self, task: &Task) -> Vec<Event> {
        let events = self.service.events(&self.caller, task.id, 0, 1_000);
        self.runtime.block_on(events).expect("they are there")
    }
}

pub(crate) fn principal() -> Principal {
    Principal::new("bench").expect("it is a name")
}

pub(crate) fn worker() -> WorkerId {
    WorkerId::new("bench").expect("it is an id")
}
