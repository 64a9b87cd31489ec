//! What the engine adds to wasmtime: a fresh instance and a call, with bounds, captured output and all,
//! against bare wasmtime with the same configuration and the same pool, in the same run.
//!
//! And what JSON adds to a typed function: the same call with its values ready, in the same run.
//!
//! Its arguments are the wasm of the no-op executor and that of `wordcount`. Prints a figure a line, as
//! JSON; `make bench` puts them into the table of all figures.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the guests that it measures")]

#[path = "engine/typed.rs"]
mod typed;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use errand_core::{
    AttemptStart, BoxFuture, ExecutorName, ExecutorProfile, ExecutorRef, Job, Level, Limits,
    LogOffsets, Meter, Namespace, Outcome, Progress, Record, RunHost, Runner, Seed, Stopped,
    Stream, TaskId, UnixMillis, Wait,
};
use errand_engine::{Allocation, Engine, EngineOptions, bare};
use serde_json::{Value, json};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// How long each thing is measured in one turn.
const SLICE: Duration = Duration::from_millis(300);
/// Turns, in which everything is measured one after the other. The median counts, as the machine may be
/// at something else in one of them.
const TURNS: usize = 9;
/// Instances of each pool.
const INSTANCES: u32 = 16;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if argument == "__compile" {
        // The engine calls this program as it calls `errand`.
        return match errand_engine::compile_child() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let wordcount = std::env::args().nth(2).unwrap_or_default();
    let read = |path: &str| {
        std::fs::read(Path::new(path)).inspect_err(|error| eprintln!("read {path:?}: {error}"))
    };
    let (Ok(wasm), Ok(wordcount)) = (read(&argument), read(&wordcount)) else {
        return ExitCode::FAILURE;
    };
    let ours = Ours::new(&wasm);
    let bare = Bare::new(&wasm);
    let (mut our_times, mut bare_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut our_gains, mut bare_gains) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let bare_rate = calls_per_s(1, || bare.call());
        let our_rate = calls_per_s(1, || ours.call());
        bare_times.push(1e6 / bare_rate);
        our_times.push(1e6 / our_rate);
        ratios.push(bare_rate / our_rate);
        bare_gains.push(calls_per_s(2, || bare.call()) / bare_rate);
        our_gains.push(calls_per_s(2, || ours.call()) / our_rate);
    }
    let at_most = |bound: f64| json!({ "at_most": bound });
    let at_least = |bound: f64| json!({ "at_least": bound });
    print("bare wasmtime, fresh instance and no-op call", median(bare_times), "µs", at_most(25.0));
    print("the engine, the same", median(our_times), "µs", Value::Null);
    print("the engine against bare wasmtime", median(ratios), "×", at_most(1.5));
    print("bare wasmtime, two threads against one", median(bare_gains), "×", at_least(1.6));
    print("the engine, two threads against one", median(our_gains), "×", Value::Null);
    let calls = typed::Calls::new(&wordcount);
    let (mut json_times, mut json_ratios) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let ready = calls_per_s(1, || calls.with_values_ready());
        let from_json = calls_per_s(1, || calls.with_json());
        json_times.push(1e6 / from_json);
        json_ratios.push(ready / from_json);
    }
    print("typed call of wordcount, JSON in and out", median(json_times), "µs", Value::Null);
    print("typed call, JSON against values ready", median(json_ratios), "×", at_most(1.5));
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
fn print(name: &str, value: f64, unit: &str, bound: Value) {
    println!("{}", json!({ "name": name, "value": value, "unit": unit, "bound": bound }));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Calls over and over in so many threads, and returns how many calls a second they do together.
fn calls_per_s<F: Future<Output = ()>>(threads: usize, call: impl Fn() -> F + Sync) -> f64 {
    let count = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime can be made").block_on(async {
            let began = Instant::now();
            let mut calls = 0_u64;
            while began.elapsed() < SLICE {
                call().await;
                calls += 1;
            }
            calls as f64 / began.elapsed().as_secs_f64()
        })
    };
    std::thread::scope(|scope| {
        let counts: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        counts.into_iter().map(|count| count.join().expect("a thread ends well")).sum()
    })
}

/// The engine, as a server has it.
struct Ours {
    engine: Engine,
    profile: ExecutorProfile,
    host: Arc<Quiet>,
    _directory: tempfile::TempDir,
}

impl Ours {
    fn new(wasm: &[u8]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let engine = Engine::new(EngineOptions {
            allocation: Allocation::Pooled { instances: INSTANCES },
            compiled: directory.path().join("compiled"),
            workspaces: directory.path().join("workspaces"),
            bases: None,
            git: None,
            reserve_bytes: 0,
            compiler: std::env::current_exe().expect("this program has a path"),
            blobs: None,
            egress: None,
            allowed: Default::default(),
        });
        let engine = engine.expect("an engine can be started");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let admitted = engine.admit(Bytes::copy_from_slice(wasm));
        let profile = runtime.expect("a runtime can be made").block_on(admitted);
        let profile = profile.expect("the no-op executor is admitted");
        Self { engine, profile, host: Arc::default(), _directory: directory }
    }

    async fn call(&self) {
        let job = Job {
            task: TaskId::from_parts(0, 1),
            namespace: Namespace::default(),
            attempt: 1,
            executor: ExecutorRef {
                name: ExecutorName::new("noop").expect("it is a name"),
                digest: self.profile.digest,
            },
            kind: self.profile.kind,
            function: None,
            input: Arc::new(Value::Null),
            workspace: None,
            limits: Limits::default(),
            mounts: Vec::new(),
            artifacts: Vec::new(),
            start: AttemptStart {
                seed: Seed([7; 32]),
                base_time: UnixMillis(0),
                engine: String::new(),
                said: LogOffsets::default(),
                environment: Vec::new(),
            },
            checkpoint: None,
            journal: Vec::new(),
            resume: Progress::default(),
            parent_id: None,
            context_id: None,
        };
        let ran = self.engine.run(job, self.host.clone()).await;
        assert_eq!(ran.outcome, Outcome::Completed(Value::Null));
    }
}

/// A host that nobody listens to.
#[derive(Default)]
struct Quiet(Meter);

impl RunHost for Quiet {
    fn meter(&self) -> &Meter {
        &self.0
    }

    fn write(&self, _: Stream, _: Level, _: Bytes) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(0)
    }

    fn record(&self, _: Record) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn durable(&self) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn wait(&self, _: Wait) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Wasmtime alone: the same configuration and component, and the least that a call needs.
struct Bare {
    executor: bare::ExecutorPre<Nothing>,
}

struct Nothing {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl Nothing {
    fn new() -> Self {
        Self { wasi: WasiCtxBuilder::new().build(), table: ResourceTable::new() }
    }

    /// Makes a store as every run has one.
    fn store(engine: &wasmtime::Engine) -> wasmtime::Result<Store<Self>> {
        let mut store = Store::new(engine, Self::new());
        store.set_fuel(Limits::default().fuel)?;
        store.fuel_async_yield_interval(Some(1_000_000))?;
        store.set_epoch_deadline(1_000_000);
        Ok(store)
    }
}

impl WasiView for Nothing {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Bare {
    fn new(wasm: &[u8]) -> Self {
        let make = || {
            let allocation = Allocation::Pooled { instances: INSTANCES };
            let engine = bare::engine(allocation, wasm.len() as u64)?;
            let component = bare::component(wasm).map_err(wasmtime::Error::msg)?;
            let component = Component::new(&engine, component)?;
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            bare::ExecutorPre::new(linker.instantiate_pre(&component)?)
        };
        Self { executor: make().expect("the no-op executor can be linked") }
    }

    async fn call(&self) {
        let called = async {
            let mut store = Nothing::store(self.executor.engine())?;
            let instance = self.executor.instantiate_async(&mut store).await?;
            instance.call_run(&mut store, "null").await
        };
        let answer = called.await.expect("the call succeeds");
        assert_eq!(answer.expect("the no-op executor completes"), "null");
    }
}
