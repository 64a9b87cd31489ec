//! The inside of a server: service, scheduler and engine, with a clock that runs fast.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use errand_core::{BoxFuture, Clock, Namespace, Principal, Store, Submitted, UnixMillis, WorkerId};
use errand_engine::{Allocation, Engine, EngineOptions};
use errand_scheduler::{
    Caller, Parts, Rights, Scheduler, SchedulerConfig, SeededRandom, Service, Settings,
    TaskRequest, Timer, WarmLimits,
};
use errand_store::MemoryStore;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Ran;
use super::cut::{Cut, CutRunner, Plan};
use crate::harness::{errand_path, plugin};

/// How much faster than the machine's the clock is.
const HASTE: u32 = 100;
/// Nobody is to lose a lease because the machine is busy.
const LEASE_MS: u64 = 1_000_000_000;

pub(super) struct Inside {
    runtime: tokio::runtime::Runtime,
    store: Arc<MemoryStore>,
    service: Service,
    caller: Caller,
    plan: Arc<Mutex<Plan>>,
    _stop: DropGuard,
    _directory: TempDir,
}

impl Inside {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be started");
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let store = Arc::new(MemoryStore::new());
        let blobs = Arc::new(store.blobs().clone());
        let engine = Engine::new(EngineOptions {
            allocation: Allocation::Pooled { instances: 4 },
            compiled: directory.path().join("compiled"),
            workspaces: directory.path().join("workspaces"),
            compiler: errand_path(),
            blobs: Some(blobs.clone()),
            egress: None,
            allowed: Arc::default(),
            bases: None,
            git: None,
            reserve_bytes: 0,
        });
        let engine = engine.expect("an engine can be started");
        let plan = Arc::<Mutex<Plan>>::default();
        let clock = FastClock(Instant::now());
        let parts = Parts {
            store: store.clone(),
            blobs,
            runner: Arc::new(CutRunner { engine, plan: Arc::clone(&plan) }),
            clock: Arc::new(clock),
            timer: Arc::new(clock),
            grants: Arc::default(),
            random: Arc::new(SameEachTime),
        };
        let service = Service::new(parts, Settings::default());
        let caller = Caller {
            principal: Principal::new("test").expect("it is a name"),
            namespace: Some(Namespace::default()),
            rights: Rights::ALL,
        };
        let stop = CancellationToken::new();
        runtime.block_on(async {
            let wasm = plugin("test/probe").into();
            service.upload(&caller, "probe", wasm).await.expect("the probe is admitted");
            let config = SchedulerConfig {
                slots: 1,
                lease_ms: LEASE_MS,
                // Some sleeps are spent in memory, others out of it.
                warm: WarmLimits { wait_ms: 1_000, ..WarmLimits::default() },
                ..SchedulerConfig::new(WorkerId::new("test").expect("it is an id"))
            };
            let guests = tokio::runtime::Handle::current();
            Scheduler::start(service.clone(), config, guests, stop.clone())
                .await
                .expect("a worker can be started");
        });
        let _stop = stop.drop_guard();
        Self { runtime, store, service, caller, plan, _stop, _directory: directory }
    }

    /// Runs a program to its end.
    pub(super) fn run(&self, program: &Value, cut: Option<Cut>) -> Ran {
        self.perform(program, Plan { cut, ..Plan::default() })
    }

    /// Runs a program whose runs after the first are given another one.
    pub(super) fn run_changed(&self, program: &Value, changed: &Value, cut: Cut) -> Ran {
        let changed = Some(changed.clone());
        self.perform(program, Plan { cut: Some(cut), changed, ..Plan::default() })
    }

    fn perform(&self, program: &Value, plan: Plan) -> Ran {
        *self.plan.lock().expect("nobody panics with it") = plan;
        let (task, events) = self.runtime.block_on(async {
            let mut request = TaskRequest::new("probe", program.clone());
            request.retry.max_attempts = 1;
            let id = match self.service.submit(&self.caller, request).await {
                Ok(Submitted::Created(task) | Submitted::Existing(task)) => task.id,
                Err(error) => panic!("the task was refused: {error}"),
            };
            let task = loop {
                let task = self.service.task(&self.caller, id).await.expect("it is there");
                if task.status.is_terminal() {
                    break task;
                }
                let changed = self.store.changed(id, task.version);
                let soon = tokio::time::timeout(Duration::from_secs(60), changed);
                soon.await.expect("it goes on").expect("the store works");
            };
            (task, self.store.events(id, 0, 10_000).await.expect("its log is there"))
        });
        let plan = std::mem::take(&mut *self.plan.lock().expect("nobody panics with it"));
        Ran { task, events, journal: plan.journal, calls: plan.calls }
    }
}

/// Time that passes faster.
#[derive(Clone, Copy)]
struct FastClock(Instant);

impl Clock for FastClock {
    fn now(&self) -> UnixMillis {
        let passed = self.0.elapsed() * HASTE;
        UnixMillis(1_700_000_000_000 + u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Timer for FastClock {
    fn sleep_until(&self, at: UnixMillis) -> BoxFuture<'static, ()> {
        let clock = *self;
        Box::pin(async move {
            while let left_ms @ 1.. = at.since_ms(clock.now()) {
                let left = Duration::from_millis(left_ms) / HASTE;
                tokio::time::sleep(left.min(Duration::from_secs(60))).await;
            }
        })
    }
}

/// Chance that is the same for each task, so that what tasks learn of it is.
struct SameEachTime;

impl errand_scheduler::Random for SameEachTime {
    fn fill(&self, bytes: &mut [u8]) {
        // Ids must differ, seeds must not.
        if bytes.len() == 32 {
            bytes.fill(7);
        } else {
            static NEXT: Mutex<Option<SeededRandom>> = Mutex::new(None);
            let mut next = NEXT.lock().expect("nobody panics with it");
            next.get_or_insert_with(|| SeededRandom::new(7)).fill(bytes);
        }
    }
}
