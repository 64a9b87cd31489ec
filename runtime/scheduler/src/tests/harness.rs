//! What the tests stand on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use errand_core::{
    AdmissionError, BoxFuture, Checkpoint, Clock, Digest, ErrorCode, Event, EventBody,
    ExecutorKind, ExecutorProfile, Failure, FunctionProfile, Held, InputFault, Job, Left, Limits,
    Missing, Outcome, Placed, Placing, Ran, RunHost, Runner, Signature, Staged, StartRefused,
    Status, Store, Submitted, Task, TaskId, UnixMillis, WorkerId, WorkspaceSource,
};
use errand_store::MemoryStore;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    Caller, Parts, Scheduler, SchedulerConfig, SeededRandom, Service, Settings, TaskRequest, Timer,
    WarmLimits,
};

/// A test that takes longer has failed.
const TOO_LONG: Duration = Duration::from_secs(20);

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub(super) struct ManualClock {
    now: watch::Sender<u64>,
    /// Those who sleep, by the moment when they wake.
    sleepers: watch::Sender<BTreeMap<u64, usize>>,
}

impl ManualClock {
    fn at(ms: u64) -> Self {
        Self { now: watch::Sender::new(ms), sleepers: watch::Sender::default() }
    }

    pub(super) fn advance(&self, ms: u64) {
        self.now.send_modify(|now| *now += ms);
    }

    /// Waits until so many sleep for exactly `ms` from now, and lets that time pass.
    pub(super) async fn pass(&self, ms: u64, sleepers: usize) {
        let at = self.now().0 + ms;
        let mut watched = self.sleepers.subscribe();
        let asleep = watched.wait_for(|all| all.get(&at).is_some_and(|count| *count >= sleepers));
        soon(asleep).await.expect("the clock is there");
        self.advance(ms);
    }

    /// Lets time pass in steps until the future answers.
    pub(super) async fn running<T>(&self, step_ms: u64, future: impl Future<Output = T>) -> T {
        let passing = async {
            loop {
                self.advance(step_ms);
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            answer = soon(future) => answer,
            () = passing => unreachable!("time never ends"),
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(*self.now.borrow())
    }
}

impl Timer for ManualClock {
    fn sleep_until(&self, at: UnixMillis) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            let _asleep = Asleep::new(&clock, at.0);
            let mut now = clock.now.subscribe();
            now.wait_for(|now| *now >= at.0).await.expect("the clock is there");
        })
    }
}

/// Counts one who sleeps.
struct Asleep<'a>(&'a ManualClock, u64);

impl<'a> Asleep<'a> {
    fn new(clock: &'a ManualClock, until: u64) -> Self {
        clock.sleepers.send_modify(|all| *all.entry(until).or_default() += 1);
        Self(clock, until)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.sleepers.send_modify(|all| {
            if let Some(count) = all.get_mut(&self.1) {
                *count -= 1;
            }
        });
    }
}

type Script = dyn Fn(Job, Arc<dyn RunHost>) -> BoxFuture<'static, Outcome> + Send + Sync;

type Capture = dyn Fn() -> BoxFuture<'static, Result<Digest, Failure>> + Send + Sync;

/// A runner that does what the test says.
pub(super) struct Scripted {
    run: Mutex<Arc<Script>>,
    capture: Mutex<Arc<Capture>>,
    left: Mutex<Option<Left>>,
}

impl Runner for Scripted {
    fn admit(&self, wasm: Bytes) -> BoxFuture<'_, Result<ExecutorProfile, AdmissionError>> {
        Box::pin(async move {
            if wasm.starts_with(b"bad") {
                return Err(AdmissionError::Refused("it is no component".into()));
            }
            let (kind, name, signature) = if wasm.starts_with(b"functions") {
                let nothing = Signature::new(Vec::new(), Vec::new(), None).unwrap();
                (ExecutorKind::Functions, "add", Some(nothing))
            } else {
                (ExecutorKind::Native, "run", None)
            };
            let input_schema = json!({
                "type": "object",
                "properties": {"n": {"type": "integer"}, "name": {"type": "string"}},
            });
            Ok(ExecutorProfile {
                digest: Digest::of(&wasm),
                kind,
                size_bytes: wasm.len() as u64,
                description: None,
                functions: vec![FunctionProfile {
                    name: name.into(),
                    description: None,
                    input_schema,
                    output_schema: json!({}),
                    signature,
                }],
                imports: Vec::new(),
            })
        })
    }

    /// Takes what is all numbers.
    fn check_input(&self, _: &Signature, input: &Value) -> Vec<InputFault> {
        let wrong = input.as_object().into_iter().flatten().filter(|(_, value)| !value.is_number());
        wrong
            .map(|(name, _)| InputFault {
                pointer: format!("/{name}"),
                message: "must be a number".into(),
            })
            .collect()
    }

    fn run<'a>(&'a self, job: Job, host: Arc<dyn RunHost>) -> BoxFuture<'a, Ran> {
        let script = self.run.lock().unwrap().clone();
        let left = self.left.lock().unwrap().clone();
        Box::pin(async move { Ran { outcome: script(job, host).await, left } })
    }

    fn check_start<'a>(
        &'a self,
        source: &'a WorkspaceSource,
        _: &'a Limits,
    ) -> BoxFuture<'a, Result<WorkspaceSource, StartRefused>> {
        let refused = matches!(source, WorkspaceSource::Dir { path } if path != "/listed");
        let checked = match refused {
            true => Err(StartRefused::Refused("is not listed".into())),
            false => Ok(source.clone()),
        };
        Box::pin(std::future::ready(checked))
    }

    fn stage<'a>(
        &'a self,
        task: &'a Task,
        _: Option<&'a Checkpoint>,
    ) -> BoxFuture<'a, Result<Staged, Failure>> {
        let capture = self.capture.lock().unwrap().clone();
        Box::pin(async move {
            let captured = match task.captured {
                Some(captured) => captured,
                None => capture().await?,
            };
            let placed = Placed {
                method: Placing::Copied,
                files: 0,
                shared_bytes: 0,
                copied_bytes: 0,
                missing: Missing::default(),
            };
            let workspace = Held(Arc::new(captured));
            Ok(Staged { captured: Some(captured), placed, workspace })
        })
    }

    fn compatibility(&self) -> &str {
        "test"
    }
}

/// A service with its parts at hand.
pub(super) struct Harness {
    pub(super) service: Service,
    pub(super) clock: ManualClock,
    pub(super) store: Arc<MemoryStore>,
    pub(super) runner: Arc<Scripted>,
    pub(super) caller: Caller,
}

impl Harness {
    /// Starts a service that has the executor `work`; its tasks complete with their input.
    pub(super) async fn new() -> Self {
        let clock = ManualClock::at(1_000_000);
        let store = Arc::new(MemoryStore::with_clock(Arc::new(clock.clone())));
        let echo: Arc<Script> =
            Arc::new(|job, _| Box::pin(async move { Outcome::Completed((*job.input).clone()) }));
        let capture: Arc<Capture> =
            Arc::new(|| Box::pin(std::future::ready(Ok(Digest::of(b"captured")))));
        let runner = Arc::new(Scripted {
            run: Mutex::new(echo),
            capture: Mutex::new(capture),
            left: Mutex::default(),
        });
        let service = service(&store, &clock, &runner);
        let caller = Caller::system();
        service.upload(&caller, "work", Bytes::from_static(b"work")).await.unwrap();
        Self { service, clock, store, runner, caller }
    }

    /// Sets what runs do from now on.
    pub(super) fn script<F>(&self, script: F)
    where
        F: Fn(Job, Arc<dyn RunHost>) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    {
        *self.runner.run.lock().unwrap() = Arc::new(script);
    }

    /// Sets how directories are captured from now on.
    pub(super) fn captures<F>(&self, capture: F)
    where
        F: Fn() -> BoxFuture<'static, Result<Digest, Failure>> + Send + Sync + 'static,
    {
        *self.runner.capture.lock().unwrap() = Arc::new(capture);
    }

    /// Sets what runs leave in their workspaces from now on.
    pub(super) fn leaves(&self, left: Left) {
        *self.runner.left.lock().unwrap() = Some(left);
    }

    /// Starts another service over the same store, as another process would.
    pub(super) fn another_service(&self) -> Service {
        service(&self.store, &self.clock, &self.runner)
    }

    /// Starts a worker with so many slots.
    pub(super) async fn worker(&self, slots: usize) -> Running {
        Running::start(&self.service, "w1", slots).await
    }

    pub(super) async fn submit(&self, input: Value) -> TaskId {
        self.submit_request(TaskRequest::new("work", input)).await
    }

    pub(super) async fn submit_request(&self, request: TaskRequest) -> TaskId {
        match self.service.submit(&self.caller, request).await.unwrap() {
            Submitted::Created(task) => task.id,
            Submitted::Existing(task) => panic!("task {} was there", task.id),
        }
    }

    pub(super) async fn task(&self, id: TaskId) -> Task {
        self.service.task(&self.caller, id).await.unwrap()
    }

    /// Waits for an event of this kind after number `after`.
    pub(super) async fn event(&self, id: TaskId, kind: &str, after: u64) -> Event {
        soon(async {
            let mut seen = after;
            loop {
                let events = self.store.events(id, seen, 100).await.unwrap();
                for event in events {
                    seen = event.seq;
                    if event.body.kind() == kind {
                        return event;
                    }
                }
                self.store.changed(id, seen).await.unwrap();
            }
        })
        .await
    }

    /// Waits for the end.
    pub(super) async fn ended(&self, id: TaskId) -> Task {
        soon(async {
            loop {
                let task = self.task(id).await;
                if task.status.is_terminal() {
                    return task;
                }
                self.store.changed(id, task.version).await.unwrap();
            }
        })
        .await
    }

    pub(super) async fn kinds(&self, id: TaskId) -> Vec<&'static str> {
        let events = self.store.events(id, 0, 1_000).await.unwrap();
        events.iter().map(|event| event.body.kind()).collect()
    }

    pub(super) async fn completed(&self, id: TaskId) {
        assert_eq!(self.ended(id).await.status, Status::Completed);
    }
}

fn service(store: &Arc<MemoryStore>, clock: &ManualClock, runner: &Arc<Scripted>) -> Service {
    let parts = Parts {
        store: Arc::clone(store) as _,
        blobs: Arc::new(store.blobs().clone()),
        runner: Arc::clone(runner) as _,
        clock: Arc::new(clock.clone()),
        timer: Arc::new(clock.clone()),
        grants: Arc::default(),
        random: Arc::new(SeededRandom::new(7)),
    };
    Service::new(parts, Settings::default())
}

/// A worker at work.
pub(super) struct Running {
    scheduler: Scheduler,
    shutdown: CancellationToken,
}

impl Running {
    pub(super) async fn start(service: &Service, name: &str, slots: usize) -> Self {
        let config = SchedulerConfig {
            worker: WorkerId::new(name).unwrap(),
            slots,
            lease_ms: 30_000,
            drain_ms: 10_000,
            warm: WarmLimits { instances: 2, memory_bytes: 1_000, wait_ms: 5_000 },
        };
        let shutdown = CancellationToken::new();
        let guests = tokio::runtime::Handle::current();
        let scheduler =
            Scheduler::start(service.clone(), config, guests, shutdown.clone()).await.unwrap();
        Self { scheduler, shutdown }
    }

    /// Tells it to stop, and does not wait.
    pub(super) fn shut_down(&self) {
        self.shutdown.cancel();
    }

    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        soon(self.scheduler.stopped()).await;
    }
}

/// Fails the test where something takes for ever.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TOO_LONG, future).await.expect("it takes for ever")
}

/// Returns a failure that may pass next time.
pub(super) fn transient(message: &str) -> Outcome {
    Outcome::Failed(Failure {
        code: ErrorCode::ExecutorFailed,
        message: message.into(),
        detail: None,
        retryable: true,
    })
}

/// Returns the delay of a `retry_scheduled`.
pub(super) fn delay_ms(event: &Event) -> u64 {
    match &event.body {
        EventBody::RetryScheduled { delay_ms, .. } => *delay_ms,
        other => panic!("{} is no retry", other.kind()),
    }
}
