//! The concrete parts, put together: the store, the engine, and the service over them.

use std::sync::Arc;

use anyhow::Context;
use errand_core::Egress;
use errand_egress::{Client, EgressOptions, Secrets};
use errand_engine::{Allocation, Engine, EngineOptions};
use errand_scheduler::{GrantBook, Service};
use errand_store::{OpenError, RESERVE_BYTES, SledOptions, SledStore};
use tokio::runtime::Handle;

use super::allowed;
use super::config::Settings;
use crate::data_dir::{DataDir, TokenFile};
use crate::errors::{CommandError, Exit, Result};

/// What the server stands on.
pub(super) struct Parts {
    pub(super) store: Arc<SledStore>,
    pub(super) service: Service,
}

impl Parts {
    /// Opens everything that lies in the data directory.
    pub(super) fn open(settings: &Settings, front: Handle) -> Result<Self> {
        let grants = Arc::new(GrantBook::new(
            settings.grants.clone(),
            settings.secrets.keys().cloned().collect(),
        ));
        let egress: Arc<dyn Egress> = Arc::new(Client::new(EgressOptions {
            granting: Arc::clone(&grants) as _,
            secrets: Secrets::new(settings.secrets.clone()),
            nameserver: settings.nameserver,
            extra_roots_pem: Vec::new(),
            runtime: front,
        }));
        let allowed = allowed::open(&settings.allow_dirs, &settings.data)?;
        let store = Arc::new(open_store(&settings.data)?);
        let blobs = Arc::new(store.blobs().clone());
        // Those that wait in memory are beside those that compute.
        let instances = settings.slots + settings.warm.instances;
        let instances = u32::try_from(instances).context("count the slots")?;
        let engine = Engine::new(EngineOptions {
            allocation: Allocation::Pooled { instances },
            compiled: settings.data.compiled(),
            workspaces: settings.data.workspaces(),
            bases: Some(settings.data.bases()),
            git: Some(settings.data.git()),
            reserve_bytes: RESERVE_BYTES,
            compiler: std::env::current_exe().context("find this program")?,
            blobs: Some(blobs.clone()),
            egress: Some(egress),
            allowed,
        })
        .context("serve")?;
        // The store's lock says that no other server uses the directory.
        let leftovers = engine.collect_leftovers().context("clear the workspaces")?;
        if leftovers > 0 {
            tracing::info!(leftovers, "removed workspaces that an earlier server left");
        }
        let parts =
            errand_scheduler::Parts::on_this_machine(store.clone(), blobs, Arc::new(engine));
        let parts = errand_scheduler::Parts { grants, ..parts };
        let service = Service::new(
            parts,
            errand_scheduler::Settings {
                tree: settings.tree,
                ..errand_scheduler::Settings::default()
            },
        );
        Ok(Self { store, service })
    }

    /// Makes the two tokens of a new data directory.
    pub(super) async fn write_tokens(&self, data: &DataDir) -> Result<()> {
        // The agent's is written last, so it says that both were.
        if data.token(TokenFile::Agent)?.is_some() {
            return Ok(());
        }
        let tokens = self.service.bootstrap_tokens().await.context("make the access tokens")?;
        data.write_token(TokenFile::Operator, &tokens.operator.token)?;
        data.write_token(TokenFile::Agent, &tokens.agent.token)?;
        let directory = data.path().display();
        tracing::info!(%directory, "wrote agent.token and operator.token");
        Ok(())
    }
}

/// Opens the store of a data directory.
pub(crate) fn open_store(data: &DataDir) -> Result<SledStore> {
    SledStore::open(&data.store(), SledOptions::default()).map_err(|error| match error {
        OpenError::InUse(_) => {
            let path = data.path().display();
            let error = CommandError::refused(format_args!("another server uses `{path}`"));
            match data.server() {
                Some(note) => {
                    error.hint(format_args!("it is process {} at {}", note.pid, note.url))
                }
                None => error,
            }
        }
        OpenError::NoSpace => CommandError::refused(error).hint("make room on its disk"),
        OpenError::Corrupt(_) | OpenError::Io(_) => {
            CommandError::new(Exit::Internal, error).hint("`errand doctor` says more")
        }
    })
}
