//! What every front door calls, with the same types: REST, MCP and the CLI in its own process.
//!
//! Rights and namespaces are checked here, not at the doors. Each part of the service is a file of its
//! own that adds calls to [`Service`].

mod approvals;
mod artifacts;
mod backup;
mod blobs;
mod caller;
mod catalogue;
mod check;
mod children;
mod collect;
mod contexts;
mod control;
mod error;
mod executors;
mod follow;
mod grants;
mod left;
mod mounts;
mod questions;
mod queue;
mod request;
mod schema;
mod signals;
mod submit;
mod tasks;
mod tokens;
mod trees;
mod unfolding;
mod workspace;

use std::sync::Arc;

use errand_core::{Blobs, Clock, Limits, Runner, Store, UnixMillis};
use tokio::sync::watch;

pub use approvals::{
    ApprovalList, ApprovalState, ApprovalStatus, Choice, DecisionRequest, OpenQuestions,
};
pub use artifacts::ArtifactReader;
pub use blobs::UploadedBlob;
pub use caller::{Caller, Right, Rights};
pub use collect::Collected;
pub use contexts::{ContextEvent, ContextEvents, ContextView};
pub use control::{BulkFilter, Cancellation};
pub use error::{Fault, ServiceError};
pub use executors::Uploaded;
pub use follow::{Follow, Followed};
pub use grants::{GrantsView, check_grants};
pub use queue::{QueueView, RunningTask, WorkerView};
pub use request::{BatchRequest, MountRequest, TaskRequest, WorkspaceRequest};
pub use schema::schema_faults;
pub use signals::{SignalRequest, check_signal_name};
pub use tasks::{ListRequest, Tree};
pub use tokens::{Bootstrap, NewToken, TokenInfo, TokenRequest};
pub use trees::TreeBounds;

pub(crate) use catalogue::Catalogue;
pub(crate) use control::cancelled;

use crate::chance::{Random, SystemRandom};
use crate::grants::GrantBook;
use crate::runs::Runs;
use crate::time::{Timer, TokioTimer, WallClock};

/// The service. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Service(pub(crate) Arc<Inner>);

/// What the service stands on.
#[derive(Clone)]
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Uploads, artifacts, big payloads.
    pub blobs: Arc<dyn Blobs>,
    /// What admits uploads and runs tasks.
    pub runner: Arc<dyn Runner>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waiting, by that clock.
    pub timer: Arc<dyn Timer>,
    /// Chance: ids, secrets, seeds, jitter.
    pub random: Arc<dyn Random>,
    /// What executors may do beyond their workspace.
    pub grants: Arc<GrantBook>,
}

impl Parts {
    /// Takes the machine's clock and randomness.
    pub fn on_this_machine(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        runner: Arc<dyn Runner>,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let timer = Arc::new(TokioTimer::new(Arc::clone(&clock)));
        Self {
            store,
            blobs,
            runner,
            clock,
            timer,
            random: Arc::new(SystemRandom),
            grants: Arc::default(),
        }
    }
}

/// What bounds requests.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The highest limits that a task may ask for.
    pub max_limits: Limits,
    /// The largest input, in bytes of its JSON.
    pub max_input_bytes: usize,
    /// The largest upload.
    pub max_wasm_bytes: usize,
    /// How large a tree of tasks may be.
    pub tree: TreeBounds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_limits: Limits {
                fuel: 1_000_000_000_000_000,
                memory_bytes: 2 << 30,
                timeout_ms: 24 * 3_600_000,
                workspace_bytes: 64 << 30,
                output_bytes: 64 << 20,
            },
            max_input_bytes: 8 << 20,
            max_wasm_bytes: 256 << 20,
            tree: TreeBounds::default(),
        }
    }
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) settings: Settings,
    pub(crate) catalogue: Catalogue,
    pub(crate) runs: Runs,
    pub(crate) trees: trees::Trees,
    pub(crate) paused: watch::Sender<bool>,
    pub(crate) tokens: tokens::TokenCache,
    pub(crate) collected: collect::Totals,
}

impl Service {
    /// Builds a service over its parts.
    pub fn new(parts: Parts, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            parts,
            settings,
            catalogue: Catalogue::default(),
            runs: Runs::default(),
            trees: trees::Trees::default(),
            paused: watch::Sender::new(false),
            tokens: tokens::TokenCache::default(),
            collected: collect::Totals::default(),
        }))
    }

    /// Returns the present moment, by the service's clock.
    pub fn now(&self) -> UnixMillis {
        self.0.parts.clock.now()
    }

    /// Returns the clock, for what else goes by its time.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.parts.clock)
    }

    /// Returns the source of randomness, for secrets that are not the service's own.
    pub fn random(&self) -> Arc<dyn Random> {
        Arc::clone(&self.0.parts.random)
    }

    /// Returns what bounds requests.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.parts.store
    }
}
