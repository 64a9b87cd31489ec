//! Processes that come one after the other over one store: each is gone at once when its store says so.

use std::sync::Arc;
use std::time::Duration;

use errand_core::WorkerId;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::store::{FaultyStore, Plan};
use crate::tests::harness::{Harness, soon};
use crate::{
    Scheduler, SchedulerConfig, SeededRandom, Service, ServiceError, Settings, WarmLimits,
};

const LEASE_MS: u64 = 30_000;
/// How much of the injected time passes at once.
const STEP_MS: u64 = 10;
/// When what does not end is left behind: the test has failed by then.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// One fault is planned, so a second process or a second try is the last that is needed.
const MAX_TRIES: usize = 3;

/// A service and its worker, on threads of their own.
struct Process {
    service: Service,
    store: Arc<FaultyStore>,
    runtime: Option<Runtime>,
}

impl Process {
    /// Starts one. Answers nothing where the store failed meanwhile.
    async fn start(h: &Harness, plan: &Arc<Plan>, number: usize) -> Option<Self> {
        let store = Arc::new(FaultyStore::open(Arc::clone(&h.store), Arc::clone(plan)).await);
        let mut parts = h.service.0.parts.clone();
        parts.store = Arc::clone(&store) as _;
        parts.random = Arc::new(SeededRandom::new(number as u64));
        let service = Service::new(parts, Settings::default());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        let config = SchedulerConfig {
            worker: WorkerId::new(&format!("w{number}")).expect("valid"),
            slots: 2,
            lease_ms: LEASE_MS,
            drain_ms: 0,
            warm: WarmLimits { instances: 2, memory_bytes: 1_000, wait_ms: 5_000 },
        };
        let guests = runtime.handle().clone();
        let worker = service.clone();
        let starting = runtime.spawn(async move {
            Scheduler::start(worker, config, guests, CancellationToken::new()).await.is_ok()
        });
        let process = Self { service, store, runtime: Some(runtime) };
        if soon(starting).await.expect("it does not panic") {
            return Some(process);
        }
        process.end().await;
        None
    }

    /// Ends it wherever it is, and answers when nothing of it goes on.
    async fn end(mut self) {
        self.store.die();
        let runtime = self.runtime.take();
        let ended = tokio::task::spawn_blocking(move || {
            runtime.map(|runtime| runtime.shutdown_timeout(GIVEN_UP))
        });
        soon(ended).await.expect("it does not panic");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.store.die();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The process that works now, and what is outside of it.
pub(super) struct World {
    pub(super) h: Harness,
    plan: Arc<Plan>,
    /// Nothing only between two of them.
    process: Option<Process>,
    started: usize,
}

impl World {
    pub(super) async fn start(h: Harness, plan: Arc<Plan>) -> Self {
        let mut started = 0;
        let process = Some(next_process(&h, &plan, &mut started).await);
        Self { h, plan, process, started }
    }

    /// Calls the service, again where it failed through no fault of the call.
    pub(super) async fn call<T>(
        &mut self,
        call: impl AsyncFn(&Service) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        for _ in 0..MAX_TRIES {
            let process = self.process();
            let answer = soon(call(&process.service)).await;
            if !matches!(answer, Err(ServiceError::Internal { .. })) {
                return answer;
            }
            if process.store.is_dead() {
                self.restart().await;
            }
        }
        panic!("the service failed more than once");
    }

    /// Lets time pass until this answers, which looks past the process at the store.
    pub(super) async fn until<T>(&mut self, look: impl AsyncFn(&Harness) -> T) -> T {
        loop {
            let seen = async {
                tokio::select! {
                    biased;
                    seen = look(&self.h) => Some(seen),
                    () = self.process().store.died() => None,
                }
            };
            if let Some(seen) = self.h.clock.running(STEP_MS, seen).await {
                return seen;
            }
            self.restart().await;
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("there is one but for a moment")
    }

    async fn restart(&mut self) {
        if let Some(process) = self.process.take() {
            process.end().await;
        }
        self.process = Some(next_process(&self.h, &self.plan, &mut self.started).await);
    }
}

async fn next_process(h: &Harness, plan: &Arc<Plan>, started: &mut usize) -> Process {
    for _ in 0..MAX_TRIES {
        *started += 1;
        if let Some(process) = Process::start(h, plan, *started).await {
            return process;
        }
    }
    panic!("no process could be started");
}
