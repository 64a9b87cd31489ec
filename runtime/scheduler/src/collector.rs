//! The collector: looks now and then for what is older than it is to be kept, while everything works.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::service::{Collected, Service};

/// How often the collector looks at most, and at least.
const EVERY_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;
/// A process that has just started has better things to do.
const FIRST_AFTER_MS: u64 = 60_000;

/// What the collector goes by.
#[derive(Debug, Clone, Copy, Default)]
pub struct CollectorConfig {
    /// How long ended tasks are kept, and uploads that no task starts from; nothing: for ever.
    pub keep_ms: Option<u64>,
}

impl CollectorConfig {
    /// Returns how long it waits from one look to the next.
    fn every_ms(self) -> u64 {
        let (shortest, longest) = EVERY_MS.into_inner();
        self.keep_ms.map_or(longest, |keep_ms| (keep_ms / 24).clamp(shortest, longest))
    }
}

/// A collector that has started. It works until its shutdown token is cancelled.
pub struct Collector {
    done: JoinHandle<()>,
}

impl Collector {
    /// Starts to collect, on the runtime that this is called on.
    pub fn start(service: Service, config: CollectorConfig, shutdown: CancellationToken) -> Self {
        Self { done: tokio::spawn(collect(service, config, shutdown)) }
    }

    /// Answers when the collector has stopped.
    pub async fn stopped(self) {
        if let Err(error) = self.done.await {
            tracing::error!(%error, "the collector ended early");
        }
    }
}

async fn collect(service: Service, config: CollectorConfig, shutdown: CancellationToken) {
    let mut wait_ms = config.every_ms().min(FIRST_AFTER_MS);
    loop {
        let parts = &service.0.parts;
        let next = parts.clock.now().plus_ms(wait_ms);
        wait_ms = config.every_ms();
        // A sweep that is given up half-way is gone on with after the next start.
        let sweep = async {
            parts.timer.sleep_until(next).await;
            service.collect(config.keep_ms).await
        };
        let swept = tokio::select! {
            () = shutdown.cancelled() => return,
            swept = sweep => swept,
        };
        match swept {
            Ok(nothing) if nothing == Collected::default() => {}
            Ok(Collected { tasks, uploads, blobs, blob_bytes }) => {
                tracing::info!(tasks, uploads, blobs, blob_bytes, "collected what is old");
            }
            Err(error) => tracing::warn!(%error, "what is old could not be collected"),
        }
    }
}
