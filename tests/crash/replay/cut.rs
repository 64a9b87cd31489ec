//! A runner whose runs end in a chosen host call, as if their process had.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use errand_core::{
    AdmissionError, BoxFuture, Checkpoint, ExecutorProfile, Failure, InputFault, Job, JournalEntry,
    Level, Meter, Ran, Record, RunHost, Runner, Signature, Staged, Stopped, Stream, Task,
    UnixMillis, Wait, World,
};
use errand_engine::Engine;
use serde_json::Value;

/// Where a run is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// The host call, counted from 0.
    pub(super) at: usize,
    pub(super) when: When,
}

/// Whether the call had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// What is to be done with the next task's runs, and what was seen of them.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) cut: Option<Cut>,
    /// What later runs are given instead of the task's input.
    pub(super) changed: Option<Value>,
    pub(super) journal: BTreeMap<u64, JournalEntry>,
    /// Host calls of all runs until the cut.
    pub(super) calls: usize,
    pub(super) runs: usize,
}

/// The engine, cut as planned.
pub(super) struct CutRunner {
    pub(super) engine: Engine,
    pub(super) plan: Arc<Mutex<Plan>>,
}

impl Runner for CutRunner {
    fn admit(&self, wasm: Bytes) -> BoxFuture<'_, Result<ExecutorProfile, AdmissionError>> {
        self.engine.admit(wasm)
    }

    fn check_input(&self, signature: &Signature, input: &Value) -> Vec<InputFault> {
        self.engine.check_input(signature, input)
    }

    fn run<'a>(&'a self, mut job: Job, host: Arc<dyn RunHost>) -> BoxFuture<'a, Ran> {
        {
            let mut plan = self.plan.lock().expect("nobody panics with it");
            plan.runs += 1;
            if plan.runs > 1
                && let Some(changed) = &plan.changed
            {
                job.input = Arc::new(changed.clone());
            }
        }
        let ended = AtomicBool::new(false);
        let host = Arc::new(CutHost { host, plan: Arc::clone(&self.plan), ended });
        self.engine.run(job, host)
    }

    fn stage<'a>(
        &'a self,
        task: &'a Task,
        checkpoint: Option<&'a Checkpoint>,
    ) -> BoxFuture<'a, Result<Staged, Failure>> {
        self.engine.stage(task, checkpoint)
    }

    fn compatibility(&self) -> &str {
        self.engine.compatibility()
    }
}

struct CutHost {
    host: Arc<dyn RunHost>,
    plan: Arc<Mutex<Plan>>,
    /// Whether this run was cut.
    ended: AtomicBool,
}

impl CutHost {
    /// Makes a call, or ends the run before or after it.
    async fn call(&self, call: impl Future<Output = Result<(), Stopped>>) -> Result<(), Stopped> {
        if self.ended.load(Ordering::Relaxed) {
            return Err(Stopped);
        }
        // A wait that is spent out of memory does not come back to its run: the next call is cut then.
        let turn = {
            let mut plan = self.plan.lock().expect("nobody panics with it");
            let number = plan.calls;
            plan.calls += 1;
            plan.cut.filter(|cut| cut.at <= number).map(|cut| (cut.when, cut.at == number))
        };
        match turn {
            None => return call.await,
            Some((When::After, true)) => call.await?,
            Some(_) => {}
        }
        self.plan.lock().expect("nobody panics with it").cut = None;
        self.ended.store(true, Ordering::Relaxed);
        Err(Stopped)
    }
}

impl RunHost for CutHost {
    fn meter(&self) -> &Meter {
        self.host.meter()
    }

    fn write(
        &self,
        stream: Stream,
        level: Level,
        bytes: Bytes,
    ) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(self.call(self.host.write(stream, level, bytes)))
    }

    fn now(&self) -> UnixMillis {
        self.host.now()
    }

    fn record(&self, record: Record) -> BoxFuture<'_, Result<(), Stopped>> {
        let taken = record.call.clone();
        Box::pin(self.call(async move {
            self.host.record(record).await?;
            if let Some(call) = taken {
                let mut plan = self.plan.lock().expect("nobody panics with it");
                plan.journal.insert(call.ordinal, call);
            }
            Ok(())
        }))
    }

    fn world(&self) -> Option<&dyn World> {
        self.host.world()
    }

    fn durable(&self) -> BoxFuture<'_, Result<(), Stopped>> {
        self.host.durable()
    }

    fn wait(&self, wait: Wait) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(self.call(self.host.wait(wait)))
    }
}
