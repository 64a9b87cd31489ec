//! The run itself: an engine of its own in this process, one task, and the exit code that follows.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use errand_core::{
    AttemptStart, Clock, ErrorCode, ExecutorKind, ExecutorProfile, ExecutorRef, Failure, Job,
    Limits, LogOffsets, Namespace, Outcome, Progress, Runner, Seed, TaskId,
};
use errand_engine::{Allocation, Done, Engine, EngineOptions, Local, SeedFile};
use errand_scheduler::WallClock;
use errand_workspace::Scan;
use serde_json::{Value, json};

use super::host::Terminal;
use super::plugin::Plugin;
use super::{RunArgs, changes, functions, requests};
use crate::data_dir::DataDir;
use crate::errors::{CommandError, Exit, Result};
use crate::{output, packages, workspace};

/// A limit was met.
const LIMIT_MET: i32 = 124;
/// Something went wrong on Errand's side.
pub(super) const OUR_SIDE: u8 = 125;
/// The program failed without an exit code of its own.
const FAILED: i32 = 1;
/// Nobody reads the output any more: 128 + SIGPIPE, as shells say it.
const BROKEN_PIPE: i32 = 141;

/// What shells add to the number of the signal that ended a process.
const SIGNALLED: i32 = 128;
/// Workspaces of runs that were killed are removed once they are this old.
const LEFTOVERS: Duration = Duration::from_secs(24 * 3_600);

/// Runs the file and returns the exit code.
pub(super) fn run(args: &RunArgs, data: &DataDir) -> Result<i32> {
    let plugin = Plugin::for_file(args.file())?;
    data.create()?;
    let compiled = data.path().join("compiled");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = ManuallyDrop::new(runtime.map_err(anyhow::Error::from)?);
    // The process ends with the program; nothing is gained by taking these apart before.
    let engine = ManuallyDrop::new(
        Engine::new(EngineOptions {
            allocation: Allocation::OnDemand,
            compiled: compiled.clone(),
            workspaces: data.path().join("runs"),
            bases: None,
            git: None,
            reserve_bytes: 0,
            compiler: std::env::current_exe().map_err(anyhow::Error::from)?,
            blobs: None,
            egress: Some(requests::egress(&args.allow_http, runtime.handle())),
            allowed: Arc::default(),
        })
        .map_err(anyhow::Error::from)?,
    );
    engine.collect_older_than(LEFTOVERS);
    let digest = plugin.digest(&compiled)?;
    let profile = match engine.known(digest) {
        Some(profile) => profile,
        None => runtime.block_on(compile(&engine, &plugin))?,
    };
    let limits = args.limits();
    let Start { function, input, local } = start(args, &plugin, &profile)?;
    let job = Job {
        task: TaskId::from_parts(0, rand::random()),
        namespace: Namespace::default(),
        attempt: 1,
        executor: ExecutorRef { name: plugin.name, digest: profile.digest },
        kind: profile.kind,
        function,
        input: Arc::new(input),
        workspace: None,
        limits,
        mounts: Vec::new(),
        artifacts: Vec::new(),
        start: AttemptStart {
            seed: Seed(rand::random()),
            base_time: WallClock.now(),
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
    let (terminal, painter) = Terminal::start(limits.fuel);
    let ended = runtime.block_on(async {
        tokio::select! {
            // First, so that the signals are caught before the program makes anything.
            biased;
            // Dropping the run stops the guest and removes its workspace.
            signal = interrupted() => Err(signal),
            ran = engine.run_local(job, terminal.clone(), local) => Ok(ran),
        }
    });
    terminal.finish(painter);
    if let Some(error) = terminal.take_unwritten()
        && !error.is_silent()
    {
        return Err(error);
    }
    let Done { ran: errand_core::Ran { outcome, .. }, changed } = match ended {
        Ok(ran) => ran,
        Err(signal) => return Ok(SIGNALLED + signal),
    };
    let code = conclude(outcome, plugin.is_program.then_some(profile.kind))?;
    match (changed, args.directory()) {
        (Some(changed), Some(directory)) => changes::conclude(args, &changed, directory, code),
        _ => Ok(code),
    }
}

/// Waits for a signal to end, and returns its number.
async fn interrupted() -> i32 {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    let waits = kinds.map(|kind| {
        Box::pin(async move {
            match signal(kind) {
                Ok(mut signals) => signals.recv().await.map(|()| kind.as_raw_value()),
                Err(_) => None,
            }
        })
    });
    let [interrupt, terminate] = waits;
    tokio::select! {
        Some(number) = interrupt => number,
        Some(number) = terminate => number,
        // Without handlers the signals end the process by themselves.
        else => std::future::pending().await,
    }
}

async fn compile(engine: &Engine, plugin: &Plugin) -> Result<ExecutorProfile> {
    if output::stderr_is_terminal() {
        output::note(format_args!("compiling {}, once …", plugin.name));
    }
    let wasm = Bytes::from(plugin.read()?);
    engine.admit(wasm).await.map_err(|error| {
        CommandError::refused(format_args!("run `{}`: {error}", plugin.path.display()))
    })
}

/// What the executor is given.
struct Start {
    function: Option<String>,
    input: Value,
    local: Local,
}

/// Makes it of the file and its arguments, by the executor's kind.
fn start(args: &RunArgs, plugin: &Plugin, profile: &ExecutorProfile) -> Result<Start> {
    let arguments = args.arguments_as_text()?;
    let directory = match args.directory() {
        Some(path) => Some(workspace::scan(path, args.workspace_bytes)?.0),
        None => None,
    };
    let mut local = Local { inherit_stdin: true, ends_process: true, ..Local::default() };
    local.keep_changes = args.diff || args.apply;
    if super::plugin::is_python(args.file()) {
        let source = crate::files::read_bytes(args.file())?;
        let source = String::from_utf8_lossy(&source);
        if let Some(packages) = args.packages.find(Some(&source))? {
            local.mounts.push((packages::PATH.to_owned(), Arc::new(packages.open()?)));
        }
    }
    if !plugin.is_program {
        let (file, seed) = program(args, directory.as_ref())?;
        local.directory = directory.map(Arc::new);
        local.files.extend(seed);
        let input = json!({ "file": file, "args": arguments });
        return Ok(Start { function: None, input, local });
    }
    local.directory = directory.map(Arc::new);
    let (function, input) = match profile.kind {
        ExecutorKind::Command => (None, json!({ "args": arguments })),
        ExecutorKind::Native => match arguments.as_slice() {
            // As for a task that is submitted without one.
            [] => (None, json!({})),
            [text] => (None, input(text)?),
            _ => {
                return Err(CommandError::usage("this executor takes one argument: its input")
                    .hint("quote the JSON: errand run x.wasm '{\"a\": 1}'"));
            }
        },
        ExecutorKind::Functions => {
            let (function, input) = functions::call(profile, &arguments)?;
            (Some(function), input)
        }
    };
    Ok(Start { function, input, local })
}

/// Reads an argument as an executor's input.
pub(super) fn input(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| {
        CommandError::usage(format_args!("read the input: it is not JSON: {error}"))
    })
}

/// Returns where the program's file is in the workspace, and the file where it is not there already.
fn program(args: &RunArgs, directory: Option<&Scan>) -> Result<(String, Option<SeedFile>)> {
    let file = args.file();
    let not_text = || CommandError::usage("the file's name is not UTF-8");
    let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(not_text)?;
    if let (Some(scan), Some(root)) = (directory, args.directory()) {
        let real = file.canonicalize();
        let real = real.map_err(|error| {
            CommandError::usage(format_args!("read `{}`: {error}", file.display()))
        })?;
        if let Ok(inside) = real.strip_prefix(workspace::directory(root)?) {
            let path = inside.to_str().ok_or_else(not_text)?;
            if scan.has(path) {
                return Ok((path.to_owned(), None));
            }
            return Err(CommandError::usage(format_args!(
                "`{}` is left out of the workspace, by a `.gitignore` or as git's own",
                file.display()
            )));
        }
        if scan.has(name) {
            return Err(CommandError::usage(format_args!(
                "the workspace has another file that is called `{name}`"
            ))
            .hint("name the program otherwise, or run the one in the directory"));
        }
    }
    let bytes = Bytes::from(crate::files::read_bytes(file)?);
    Ok((name.to_owned(), Some(SeedFile { path: name.to_owned(), bytes })))
}

/// Says what a person must know, and turns the outcome into an exit code.
///
/// A file that is an executor itself has a `kind`; what a program or a script gave is on standard output
/// already.
fn conclude(outcome: Outcome, kind: Option<ExecutorKind>) -> Result<i32> {
    match outcome {
        Outcome::Completed(value) => {
            if matches!(kind, Some(ExecutorKind::Native | ExecutorKind::Functions)) {
                output::Output::stdout().json(&value)?;
            }
            Ok(0)
        }
        Outcome::Interrupted(_) => Ok(BROKEN_PIPE),
        Outcome::Failed(failure) => Ok(failed(&failure, kind)),
        // A local run goes on from its checkpoints by itself.
        Outcome::Saved(_) => {
            Err(CommandError::new(Exit::Internal, "the run ended at a checkpoint"))
        }
    }
}

fn failed(failure: &Failure, kind: Option<ExecutorKind>) -> i32 {
    let is_function = kind == Some(ExecutorKind::Functions);
    let exit_code = failure
        .detail
        .as_ref()
        .and_then(|detail| detail["exit_code"].as_i64())
        .and_then(|code| i32::try_from(code).ok())
        .filter(|_| !is_function);
    if let (ErrorCode::ExecutorFailed, Some(code)) = (failure.code, exit_code) {
        // The program has said itself what it had to say.
        return code;
    }
    let message = output::for_stderr(&failure.message).into_owned();
    let error = match failure.code {
        ErrorCode::ExecutorFailed => CommandError::refused(message),
        code => CommandError::refused(format_args!("{}: {message}", code.as_str())),
    };
    match hint(failure.code) {
        Some(hint) => error.hint(hint).print(),
        None => error.print(),
    }
    match failure.code {
        ErrorCode::FuelExhausted
        | ErrorCode::MemoryLimit
        | ErrorCode::Timeout
        | ErrorCode::WorkspaceLimit
        | ErrorCode::OutputLimit => LIMIT_MET,
        ErrorCode::Internal | ErrorCode::ExecutorMissing => OUR_SIDE.into(),
        _ => FAILED,
    }
}

/// Which flag raises a limit.
fn hint(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::FuelExhausted => Some("give it more with `--fuel`, such as `--fuel 100T`"),
        ErrorCode::MemoryLimit => Some("give it more with `--memory`, such as `--memory 1GiB`"),
        ErrorCode::Timeout => Some("give it more with `--timeout`, such as `--timeout 1h`"),
        ErrorCode::WorkspaceLimit => Some("more bytes are allowed with `--workspace-bytes`"),
        _ => None,
    }
}

impl RunArgs {
    fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            fuel: self.fuel.unwrap_or(usual.fuel),
            memory_bytes: self.memory.unwrap_or(usual.memory_bytes),
            timeout_ms: self.timeout.map_or(usual.timeout_ms, |time| {
                u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
            }),
            workspace_bytes: self.workspace_bytes.unwrap_or(usual.workspace_bytes),
            // A person may print as much as they like into their own terminal or file.
            output_bytes: u64::MAX,
        }
    }

    fn arguments_as_text(&self) -> Result<Vec<&str>> {
        self.arguments()
            .iter()
            .map(|argument| {
                argument
                    .to_str()
                    .ok_or_else(|| CommandError::usage("an argument of the program is not UTF-8"))
            })
            .collect()
    }
}
