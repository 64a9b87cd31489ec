//! The compiling child: one wasm, under limits, then the end of the process.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use errand_core::{
    AttemptStart, BoxFuture, Digest, ErrorCode, ExecutorKind, ExecutorName, ExecutorProfile,
    ExecutorRef, FunctionProfile, Job, Level, Limits, LogOffsets, Meter, Namespace, Outcome,
    Progress, Record, RunHost, Seed, Stopped, Stream, TaskId, UnixMillis, Wait,
};
use serde_json::{Value, json};
use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use super::profile::{self, Kept};
use super::{Answer, Order, as_component, inspect, limits};
use crate::clock::VirtualClock;
use crate::compiled::{self, Seal};
use crate::config::{self, Allocation, Footprint};
use crate::ended::{Ended, outcome_of};
use crate::epoch::Ticker;
use crate::executors::{Loaded, prepare};
use crate::fuel::{FuelGauge, Metered};
use crate::host;
use crate::host::filesystem::{Files, Start};
use crate::host::stdio::{Input, Stdio};
use crate::run::prepare as prepare_store;
use crate::state::{Invocation, RunState};
use crate::typed::{self, Export};
use crate::veil::Veiled;

/// Fuel for `describe`: about a second.
const DESCRIBE_FUEL: u64 = 1_000_000_000;
/// Time for `describe`, which may wait instead of working.
const DESCRIBE_MS: u64 = 5_000;
/// A description or a schema that is longer is refused.
const DESCRIPTION_BYTES: usize = 256 << 10;

/// Reads an order from standard input, carries it out and answers on standard output.
///
/// # Errors
/// When standard input or output fail.
pub fn main() -> std::io::Result<()> {
    let mut order = Vec::new();
    std::io::stdin().read_to_end(&mut order)?;
    let answer = match serde_json::from_slice::<Order>(&order) {
        Ok(order) => carry_out(&order),
        Err(error) => Answer::Failed(format!("the order can't be read: {error}")),
    };
    let answer = serde_json::to_vec(&answer)?;
    std::io::stdout().write_all(&answer)
}

fn carry_out(order: &Order) -> Answer {
    if let Err(error) = limits::limit_this_process() {
        return Answer::Failed(error);
    }
    let wasm = match std::fs::read(&order.source) {
        Ok(wasm) => wasm,
        Err(error) => return Answer::Failed(format!("read the upload: {error}")),
    };
    let engine = match config::engine(Allocation::OnDemand, Footprint::of(wasm.len() as u64)) {
        Ok(engine) => engine,
        Err(error) => return Answer::Failed(format!("start the engine: {error:#}")),
    };
    match admit(&engine, &wasm) {
        Ok((profile, component)) => match keep(order, &profile, &component) {
            Ok(()) => Answer::Admitted(Box::new(profile)),
            Err(error) => Answer::Failed(format!("write the compiled form: {error}")),
        },
        Err(why) => Answer::Refused(why),
    }
}

fn keep(order: &Order, profile: &ExecutorProfile, component: &Component) -> std::io::Result<()> {
    let code = component.serialize().map_err(std::io::Error::other)?;
    compiled::write(&order.compiled, &code)?;
    let compiled = Seal::of(&code);
    profile::write(&order.profile, &Kept { profile: profile.clone(), compiled })
}

fn admit(engine: &Engine, wasm: &[u8]) -> Result<(ExecutorProfile, Component), String> {
    let bytes = as_component(wasm)?;
    let component = Component::from_binary(engine, &bytes)
        .map_err(|error| format!("it is not valid wasm: {error:#}"))?;
    inspect::fits(&component)?;
    inspect::modules_fit(&bytes)?;
    let offer = inspect::offer(engine, &component)?;
    let kind = offer.kind();
    let linker = host::linker(engine).map_err(|error| format!("{error:#}"))?;
    let loaded = prepare(&linker, &component, kind).map_err(|error| format!("{error:#}"))?;
    let digest = Digest::of(wasm);
    let (description, functions) = match (loaded, offer) {
        (Loaded::Native(executor), _) => {
            let (description, function) = describe(engine, &executor, digest)?;
            (description, vec![function])
        }
        (_, inspect::Offer::Functions(exports)) => {
            (None, exports.into_iter().map(function_profile).collect())
        }
        _ => (None, vec![command_profile()]),
    };
    let profile = ExecutorProfile {
        digest,
        kind,
        size_bytes: wasm.len() as u64,
        description,
        functions,
        imports: inspect::imports(engine, &component),
    };
    Ok((profile, component))
}

/// What a typed function takes and gives.
fn function_profile(export: Export) -> FunctionProfile {
    let Export { name, interface, signature, .. } = export;
    FunctionProfile {
        name,
        description: interface.map(|interface| format!("Of the interface `{interface}`.")),
        input_schema: typed::input_schema(&signature),
        output_schema: typed::output_schema(&signature),
        signature: Some(signature),
    }
}

/// What every program takes and gives.
fn command_profile() -> FunctionProfile {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    FunctionProfile {
        name: "run".into(),
        description: Some("Runs the program.".into()),
        input_schema: json!({
            "type": ["object", "null"],
            "properties": {
                "args": texts,
                "stdin": { "type": "string" },
                "env": { "type": "object", "additionalProperties": { "type": "string" } },
            },
            "additionalProperties": false,
        }),
        output_schema: json!({
            "type": "object",
            "properties": {
                "exit_code": { "type": "integer" },
                "stdout": { "type": "string" },
                "stderr": { "type": "string" },
            },
            "required": ["exit_code", "stdout", "stderr"],
        }),
        signature: None,
    }
}

/// Asks an executor for its description, with nothing granted.
fn describe(
    engine: &Engine,
    executor: &crate::bindings::ExecutorPre<RunState>,
    digest: Digest,
) -> Result<(Option<String>, FunctionProfile), String> {
    let failed = |error: &dyn std::fmt::Display| format!("its `describe` failed: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| failed(&error))?;
    let ticker = Ticker::start().map_err(|error| failed(&error))?;
    ticker.add(engine);
    let _ticking = ticker.ticking();
    let limits = Limits { fuel: DESCRIBE_FUEL, timeout_ms: DESCRIBE_MS, ..Limits::default() };
    let said = runtime.block_on(async {
        let mut store = describing_store(engine, digest, limits)?;
        let gauge = store.data().fuel.clone();
        let describing = Metered::new(
            async {
                let instance = executor.instantiate_async(&mut store).await?;
                instance.call_describe(&mut store).await
            },
            gauge,
        );
        let time = Duration::from_millis(DESCRIBE_MS);
        let late = |_| Ended::bound(ErrorCode::Timeout, "timeout_ms", DESCRIBE_MS);
        tokio::time::timeout(time, describing).await.map_err(late)?
    });
    let said = said.map_err(|error: wasmtime::Error| match outcome_of(&error, &limits) {
        Outcome::Failed(failure) => failed(&failure.message),
        _ => failed(&error.root_cause()),
    })?;
    let schema = |what: &str, text: &str| -> Result<Value, String> {
        if text.len() > DESCRIPTION_BYTES {
            return Err(format!("its {what} schema is longer than {DESCRIPTION_BYTES} bytes"));
        }
        let schema: Value = serde_json::from_str(text)
            .map_err(|error| format!("its {what} schema is not JSON: {error}"))?;
        if !(schema.is_object() || schema.is_boolean()) {
            return Err(format!("its {what} schema is not a JSON Schema"));
        }
        Ok(schema)
    };
    if said.description.len() > DESCRIPTION_BYTES {
        return Err(format!("its description is longer than {DESCRIPTION_BYTES} bytes"));
    }
    let function = FunctionProfile {
        name: "run".into(),
        description: None,
        input_schema: schema("input", &said.input_schema)?,
        output_schema: schema("output", &said.output_schema)?,
        signature: None,
    };
    Ok(((!said.description.is_empty()).then_some(said.description), function))
}

fn describing_store(
    engine: &Engine,
    digest: Digest,
    limits: Limits,
) -> wasmtime::Result<Store<RunState>> {
    let host: Arc<dyn RunHost> = Arc::new(Nobody::default());
    let job = Arc::new(Job {
        task: TaskId::from_parts(0, 0),
        namespace: Namespace::default(),
        attempt: 1,
        executor: ExecutorRef {
            name: ExecutorName::new("describe").map_err(wasmtime::Error::from)?,
            digest,
        },
        kind: ExecutorKind::Native,
        function: None,
        input: Arc::new(Value::Null),
        workspace: None,
        limits,
        mounts: Vec::new(),
        artifacts: Vec::new(),
        start: AttemptStart {
            seed: Seed([0; 32]),
            base_time: UnixMillis(0),
            engine: String::new(),
            said: LogOffsets::default(),
            environment: Vec::new(),
        },
        parent_id: None,
        context_id: None,
        checkpoint: None,
        journal: Vec::new(),
        resume: Progress::default(),
    });
    let fuel = FuelGauge::new(limits.fuel, host.clone(), &job.resume);
    let stdio =
        Stdio::new((host.clone(), Veiled::default()), fuel.clone(), limits.output_bytes, false);
    let start = Start {
        name: String::new(),
        made: None,
        seeds: Vec::new(),
        mounts: Vec::new(),
        shows_children: false,
    };
    let clock = VirtualClock::new(job.start.base_time);
    let files = Files::new(None, start, 0, clock, fuel.clone())?;
    let invocation = Invocation::bare(Input::Bytes(Bytes::new()));
    let state = RunState::new(job, host, files, fuel, stdio, invocation, None);
    prepare_store(engine, state)
}

/// Nobody watches a description.
#[derive(Default)]
struct Nobody(Meter);

impl RunHost for Nobody {
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
        Box::pin(std::future::ready(Err(Stopped)))
    }

    fn durable(&self) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn wait(&self, _: Wait) -> BoxFuture<'_, Result<(), Stopped>> {
        // Nobody ends it before the description's time is up.
        Box::pin(std::future::pending())
    }
}
