//! What a guest's instance carries: the state behind every host call.

use std::sync::Arc;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use errand_core::{Job, RunHost};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::VirtualClock;
use crate::fuel::FuelGauge;
use crate::host::filesystem::Files;
use crate::host::http::Denied;
use crate::host::stdio::{Input, Stdio};
use crate::keep::{Destination, Kept};
use crate::memory::MemoryBudget;

/// Handles (files, streams, pollables, requests) that a guest may hold at once.
const MAX_HANDLES: usize = 4_096;
/// Random bytes that a guest may ask for in one call.
const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// The state of one run.
pub(crate) struct RunState {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: WasiHttpCtx,
    pub(crate) denied: Denied,
    pub(crate) memory: MemoryBudget,
    pub(crate) files: Files,
    pub(crate) fuel: FuelGauge,
    pub(crate) clock: VirtualClock,
    pub(crate) stdio: Stdio,
    pub(crate) host: Arc<dyn RunHost>,
    pub(crate) job: Arc<Job>,
    pub(crate) blobs: Destination,
    pub(crate) kept: Kept,
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
        let mut chance = ChaCha20Rng::from_seed(job.start.seed.0);
        let mut builder = WasiCtxBuilder::new();
        builder
            .args(&invocation.args)
            .envs(&invocation.env)
            .initial_cwd("/workspace")
            .stdin(invocation.stdin)
            .stdout(stdio.stdout())
            .stderr(stdio.stderr())
            // Each source has a stream of its own, so that reading one does not shift another.
            .insecure_random_seed(
                u128::from(chance.next_u64()) << 64 | u128::from(chance.next_u64()),
            )
            .insecure_random(source(&mut chance))
            .secure_random(source(&mut chance))
            .max_random_size(MAX_RANDOM_BYTES)
            .allow_blocking_current_thread(true)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            wasi: builder.build(),
            table,
            http: WasiHttpCtx::new(),
            denied: Denied,
            memory: MemoryBudget::new(job.limits.memory_bytes),
            files,
            clock: VirtualClock::new(job.start.base_time),
            fuel,
            stdio,
            host,
            job,
            blobs,
            kept: Kept::default(),
        }
    }
}

fn source(chance: &mut ChaCha20Rng) -> ChaCha20Rng {
    let mut seed = [0; 32];
    chance.fill_bytes(&mut seed);
    ChaCha20Rng::from_seed(seed)
}

impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for RunState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.denied, table: &mut self.table, ctx: &mut self.http }
    }
}
