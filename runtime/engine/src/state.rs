//! What a guest's instance carries: the state behind every host call.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use errand_core::{Egress, Job, RunHost, SnapshotRef};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::VirtualClock;
use crate::config::{HTTP_FIELDS_BYTES, MAX_HANDLES};
use crate::ended::Ended;
use crate::fuel::FuelGauge;
use crate::host::checkpoint::Saving;
use crate::host::filesystem::Files;
use crate::host::http::{Bodies, Hooks, Outgoing};
use crate::host::random::Chance;
use crate::host::stdio::{Input, Stdio};
use crate::host::world::Nearby;
use crate::journal::Journal;
use crate::keep::{Destination, Kept};
use crate::memory::MemoryBudget;
use crate::start::{self, Leave};
use crate::veil::Veiled;

/// The state of one run.
pub(crate) struct RunState {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: WasiHttpCtx,
    pub(crate) hooks: Hooks,
    pub(crate) outgoing: Outgoing,
    pub(crate) veiled: Veiled,
    pub(crate) memory: MemoryBudget,
    pub(crate) files: Files,
    pub(crate) fuel: FuelGauge,
    pub(crate) clock: VirtualClock,
    pub(crate) chance: Chance,
    pub(crate) stdio: Stdio,
    pub(crate) host: Arc<dyn RunHost>,
    pub(crate) job: Arc<Job>,
    pub(crate) blobs: Destination,
    pub(crate) kept: Kept,
    pub(crate) journal: Journal,
    pub(crate) saving: Saving,
    pub(crate) nearby: Nearby,
    /// Deadlines of the timers that the guest holds, on its monotonic clock, by their pollables' numbers.
    pub(crate) timers: HashMap<u32, u64>,
    /// Whether the guest reads this process's standard input.
    pub(crate) reads_terminal: bool,
}

/// What a program is started with.
pub(crate) struct Invocation {
    /// Its arguments, the program's name first.
    pub(crate) args: Vec<String>,
    /// Its environment.
    pub(crate) env: Vec<(String, String)>,
    /// Its standard input.
    pub(crate) stdin: Input,
}

impl Invocation {
    /// A start without arguments and environment.
    pub(crate) fn bare(stdin: Input) -> Self {
        Self { args: Vec::new(), env: Vec::new(), stdin }
    }
}

impl RunState {
    pub(crate) fn new(
        job: Arc<Job>,
        host: Arc<dyn RunHost>,
        files: Files,
        fuel: FuelGauge,
        stdio: Stdio,
        invocation: Invocation,
        blobs: Destination,
    ) -> Self {
        let mut builder = WasiCtxBuilder::new();
        // What the submitter says goes before what was granted.
        let granted = job.start.environment.iter().cloned();
        let environment: BTreeMap<String, String> = granted.chain(invocation.env).collect();
        let environment: Vec<(String, String)> = environment.into_iter().collect();
        let reads_terminal = matches!(invocation.stdin, Input::Inherited(_));
        builder
            .args(&invocation.args)
            .envs(&environment)
            .initial_cwd("/workspace")
            .stdin(invocation.stdin)
            .stdout(stdio.stdout())
            .stderr(stdio.stderr())
            .allow_blocking_current_thread(true)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HTTP_FIELDS_BYTES);
        let outgoing = Outgoing::new(Bodies::new(blobs.clone()));
        Self {
            wasi: builder.build(),
            table,
            http,
            hooks: Hooks,
            outgoing,
            veiled: Veiled::default(),
            memory: MemoryBudget::new(job.limits.memory_bytes),
            clock: files.clock().clone(),
            files,
            chance: Chance::new(&job.start.seed),
            fuel,
            stdio,
            host,
            job,
            blobs,
            kept: Kept::default(),
            journal: Journal::default(),
            saving: Saving::DESCRIBING,
            nearby: Nearby::default(),
            timers: HashMap::new(),
            reads_terminal,
        }
    }

    /// Lets the guest send requests through this, and say no secrets.
    pub(crate) fn sending(mut self, egress: Option<Arc<dyn Egress>>, veiled: Veiled) -> Self {
        self.outgoing.set_egress(egress);
        self.veiled = veiled;
        self
    }

    /// Gives the guest again what earlier runs of its attempt were answered.
    pub(crate) fn repeating(mut self, journal: Journal) -> Self {
        self.journal = journal;
        self
    }
}

impl RunState {
    /// Keeps the workspace as it is now: how it differs from what its source gives, where it does.
    pub(crate) async fn snapshot_now(&mut self) -> Result<Option<SnapshotRef>, Ended> {
        match self.files.look_at_all()? {
            Some(taken) => Ok(start::leave(&self.blobs, taken, Leave::End).await?.snapshot),
            None => Ok(None),
        }
    }
}

impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for RunState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
