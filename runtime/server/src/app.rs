//! What every handler works with: the service, the configuration, and what is shared between requests.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use errand_scheduler::Service;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::body::BodyLimits;
use crate::config::ServerConfig;
use crate::console::Console;
use crate::hosts::Hosts;
use crate::metrics::HttpMetrics;

/// The state of the router. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<AppParts>);

pub(crate) struct AppParts {
    pub(crate) service: Service,
    pub(crate) config: ServerConfig,
    pub(crate) hosts: Hosts,
    pub(crate) metrics: HttpMetrics,
    /// Who may enter the pages, and who has.
    pub(crate) console: Console,
    /// Tasks accepted since the start.
    pub(crate) submitted: Counter,
    /// Permits for uploads that are read and compiled.
    pub(crate) uploads: Semaphore,
    /// Permits for blobs that are read.
    pub(crate) blob_uploads: Semaphore,
    /// The permit for the one backup that is being made.
    pub(crate) backups: Arc<Semaphore>,
    /// Permits for what tasks left in their workspaces, while it is written.
    pub(crate) workspaces: Arc<Semaphore>,
    /// The description of the API, as it is sent.
    pub(crate) openapi: Bytes,
    /// Cancelled when long answers are to end.
    pub(crate) stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn json_limits(&self) -> BodyLimits {
        BodyLimits { max_bytes: self.config.max_json_bytes, timeout: self.config.json_body_timeout }
    }

    pub(crate) fn upload_limits(&self) -> BodyLimits {
        BodyLimits { max_bytes: self.config.max_upload_bytes, timeout: self.config.upload_timeout }
    }
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}
