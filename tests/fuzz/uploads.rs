//! Uploads: what anybody may send to be an executor.
//!
//! Each input is made a component in this process, as the server's compiler does first. Some go the whole
//! way, through the compiler in its child process, and what is admitted is run. Nothing may panic, hang or
//! be answered with an error of the server's own.

use std::sync::Arc;

use bytes::Bytes;
use errand_core::{
    AdmissionError, AttemptStart, BoxFuture, ErrorCode, ExecutorName, ExecutorProfile, ExecutorRef,
    Job, Level, Limits, LogOffsets, Meter, Namespace, Outcome, Progress, Record, RunHost, Runner,
    Seed, Stopped, Stream, TaskId, UnixMillis, Wait,
};
use errand_engine::{Allocation, Engine, EngineOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::finding::Finding;
use super::random::Random;
use super::{Target, harness, mutate, seeds};

/// One in so many inputs that are a component goes through the compiler: it takes ten times as long.
const COMPILED_ONE_IN: u64 = 4;
/// What a run of an admitted one may take.
const LIMITS: Limits = Limits {
    fuel: 5_000_000,
    memory_bytes: 64 << 20,
    timeout_ms: 2_000,
    workspace_bytes: 1 << 20,
    output_bytes: 1 << 16,
};

/// The target.
pub(crate) struct Uploads {
    corpus: Vec<Vec<u8>>,
    engine: Engine,
    runtime: Runtime,
    _directory: TempDir,
}

impl Uploads {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let engine = Engine::new(EngineOptions {
            allocation: Allocation::Pooled { instances: 1 },
            compiled: directory.path().join("compiled"),
            workspaces: directory.path().join("workspaces"),
            bases: None,
            git: None,
            reserve_bytes: 0,
            compiler: harness::errand_path(),
            blobs: None,
            egress: None,
            allowed: Arc::default(),
        })
        .expect("an engine starts");
        Self { corpus: seeds::wasm(), engine, runtime, _directory: directory }
    }

    /// Sends it through the compiler, and runs it where that admits it.
    fn admitted(&self, input: &[u8]) -> Result<String, Finding> {
        let admitted = self.runtime.block_on(self.engine.admit(Bytes::copy_from_slice(input)));
        match admitted {
            Ok(profile) => self.run(&profile),
            Err(AdmissionError::Refused(why)) => Ok(format!("refused by the compiler: {why}")),
            Err(AdmissionError::Internal(what)) => {
                Err(Finding(format!("the compiler fails: {what}")))
            }
        }
    }

    fn run(&self, profile: &ExecutorProfile) -> Result<String, Finding> {
        let job = Job {
            task: TaskId::from_parts(0, 0),
            namespace: Namespace::default(),
            attempt: 1,
            executor: ExecutorRef {
                name: ExecutorName::new("fuzz").expect("it is a name"),
                digest: profile.digest,
            },
            kind: profile.kind,
            function: None,
            input: Arc::default(),
            workspace: None,
            limits: LIMITS,
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
        let ran = self.runtime.block_on(self.engine.run(job, Arc::new(Nobody::default())));
        match ran.outcome {
            Outcome::Completed(_) => Ok("runs and completes".to_owned()),
            Outcome::Saved(_) => Ok("runs and saves its state".to_owned()),
            Outcome::Failed(failure) if failure.code == ErrorCode::Internal => {
                Err(Finding(format!("its run fails on the host's side: {}", failure.message)))
            }
            Outcome::Failed(failure) => {
                Ok(format!("runs: {:?}: {}", failure.code, failure.message))
            }
            other => Err(Finding(format!("its run ends as {other:?}"))),
        }
    }
}

impl Target for Uploads {
    fn name(&self) -> &'static str {
        "uploads"
    }

    fn input(&mut self, random: &mut Random) -> Vec<u8> {
        let of = random.pick(&self.corpus).clone();
        let other = random.pick(&self.corpus);
        mutate::mutated(&of, other, random)
    }

    fn attempt(&mut self, input: &[u8]) -> Result<String, Finding> {
        // By its content, so that a replay does what the first time did.
        let digest = blake3::hash(input);
        let compiled = u64::from(digest.as_bytes()[0]).is_multiple_of(COMPILED_ONE_IN);
        match errand_engine::as_component(input) {
            Err(why) => Ok(format!("refused: {why}")),
            Ok(_) if !compiled => Ok("not compiled".to_owned()),
            Ok(_) => self.admitted(input),
        }
    }

    fn keep(&mut self, input: Vec<u8>) {
        self.corpus.push(input);
    }
}

/// Nobody watches a run.
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
        Box::pin(std::future::ready(Ok(())))
    }

    fn durable(&self) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn wait(&self, _: Wait) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
