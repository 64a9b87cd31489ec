//! What the service and the worker cost by themselves: over the store in memory, with a runner that
//! does nothing. `cargo bench -p errand-scheduler`.

#![expect(clippy::disallowed_methods, reason = "a benchmark makes its own directories")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use errand_core::{
    AdmissionError, BoxFuture, Digest, ExecutorKind, ExecutorProfile, FunctionProfile, InputFault,
    Job, Outcome, Ran, RunHost, Runner, Signature, Status, Submitted, TaskId, WorkerId,
};
use errand_scheduler::{
    BatchRequest, Caller, Parts, Scheduler, SchedulerConfig, Service, Settings, TaskRequest,
};
use errand_store::MemoryStore;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const TASKS: usize = 100_000;
const BODY: &[u8] =
    br#"{"executor": "noop", "input": {"n": 1, "name": "a task"}, "labels": {"k": "v"}}"#;

struct Noop;

impl Runner for Noop {
    fn admit(&self, wasm: Bytes) -> BoxFuture<'_, Result<ExecutorProfile, AdmissionError>> {
        Box::pin(async move {
            let input_schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
            Ok(ExecutorProfile {
                digest: Digest::of(&wasm),
                kind: ExecutorKind::Native,
                size_bytes: wasm.len() as u64,
                description: None,
                functions: vec![FunctionProfile {
                    name: "run".into(),
                    description: None,
                    input_schema,
                    output_schema: json!({}),
                    signature: None,
                }],
                imports: Vec::new(),
            })
        })
    }

    fn check_input(&self, _: &Signature, _: &Value) -> Vec<InputFault> {
        Vec::new()
    }

    fn run<'a>(&'a self, _: Job, _: Arc<dyn RunHost>) -> BoxFuture<'a, Ran> {
        Box::pin(async { Outcome::Completed(Value::Null).into() })
    }

    fn compatibility(&self) -> &str {
        "none"
    }
}

struct Bench {
    service: Service,
    front: tokio::runtime::Runtime,
    guests: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build().expect("a runtime can be made")
        };
        let store = Arc::new(MemoryStore::new());
        let blobs = Arc::new(store.blobs().clone());
        let parts = Parts::on_this_machine(store, blobs, Arc::new(Noop));
        let service = Service::new(parts, Settings::default());
        let (front, guests) = (runtime(), runtime());
        let wasm = Bytes::from_static(b"noop");
        front
            .block_on(service.upload(&Caller::system(), "noop", wasm))
            .expect("the executor is taken");
        Self { service, front, guests }
    }

    fn start(&self) -> (Scheduler, CancellationToken) {
        let config = SchedulerConfig::new(WorkerId::new("bench").expect("the id is printable"));
        let shutdown = CancellationToken::new();
        let guests = self.guests.handle().clone();
        let start = Scheduler::start(self.service.clone(), config, guests, shutdown.clone());
        (self.front.block_on(start).expect("the worker starts"), shutdown)
    }

    /// Has so many clients do something until all tasks are done.
    fn clients<F>(&self, clients: usize, each: usize, act: impl Fn(Service) -> F) -> f64
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let began = Instant::now();
        self.front.block_on(async {
            let all: Vec<_> = (0..clients)
                .map(|_| {
                    let acts: Vec<F> =
                        (0..TASKS / clients / each).map(|_| act(self.service.clone())).collect();
                    tokio::spawn(async move {
                        for act in acts {
                            act.await;
                        }
                    })
                })
                .collect();
            for client in all {
                client.await.expect("a client ends");
            }
        });
        TASKS as f64 / began.elapsed().as_secs_f64()
    }
}

async fn submit(service: &Service) -> TaskId {
    let request = TaskRequest::from_slice(BODY).expect("the request is right");
    match service.submit(&Caller::system(), request).await.expect("it is taken") {
        Submitted::Created(task) | Submitted::Existing(task) => task.id,
    }
}

async fn done(service: &Service, id: TaskId) {
    let task = service.wait(&Caller::system(), id, 60_000).await.expect("it is there");
    assert_eq!(task.status, Status::Completed);
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

#[expect(clippy::print_stdout, reason = "that is what a bench is for")]
fn report(what: &str, per_second: f64, before: Duration) {
    let cpu_us = (cpu() - before).as_micros() as f64 / TASKS as f64;
    println!("{what:<52} {per_second:>9.0}/s {cpu_us:>7.1} µs of CPU each");
}

#[expect(clippy::print_stdout, reason = "that is what a bench is for")]
fn main() {
    let bench = Bench::new();
    let before = cpu();
    let began = Instant::now();
    for _ in 0..TASKS {
        std::hint::black_box(TaskRequest::from_slice(BODY).expect("the request is right"));
    }
    report("read a request", TASKS as f64 / began.elapsed().as_secs_f64(), before);

    let before = cpu();
    let rate = bench.clients(256, 1, |service| async move {
        submit(&service).await;
    });
    report("submit, 256 at once", rate, before);

    let before = cpu();
    let began = Instant::now();
    let (worker, shutdown) = bench.start();
    bench.front.block_on(async {
        while bench.service.queue(&Caller::system()).await.expect("it can be read").depth.by_status
            [3]
            < TASKS as u64 / 256 * 256
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    report("run what is queued", TASKS as f64 / began.elapsed().as_secs_f64(), before);

    let before = cpu();
    let rate = bench.clients(256, 1, |service| async move {
        let id = submit(&service).await;
        done(&service, id).await;
    });
    report("submit and wait for the end, 256 at once", rate, before);

    let before = cpu();
    let rate = bench.clients(8, 100, |service| async move {
        let task = TaskRequest::from_slice(BODY).expect("the request is right");
        let batch = BatchRequest { tasks: vec![task; 100] };
        let tasks = service.submit_batch(&Caller::system(), batch).await.expect("it is taken");
        for task in tasks {
            let (Submitted::Created(task) | Submitted::Existing(task)) = task;
            done(&service, task.id).await;
        }
    });
    report("the same in batches of 100, 8 at once", rate, before);

    let mut waits: Vec<Duration> = bench.front.block_on(async {
        let mut waits = Vec::new();
        for _ in 0..1_000 {
            let began = Instant::now();
            let id = submit(&bench.service).await;
            done(&bench.service, id).await;
            waits.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits
    });
    waits.sort_unstable();
    println!("idle, submit to completed: p50 {:?}, p99 {:?}", waits[500], waits[990]);
    shutdown.cancel();
    bench.front.block_on(worker.stopped());
}
