//! The clock on the wall, and waiting by it. The one module of this crate that asks the machine for
//! the time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use errand_core::{BoxFuture, Clock, UnixMillis};

/// Waits for a moment. Goes with a [`Clock`]; tests inject both.
pub trait Timer: Send + Sync {
    /// Answers when the moment has come, at once if it is past.
    fn sleep_until(&self, at: UnixMillis) -> BoxFuture<'static, ()>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Waits on tokio's timer.
pub struct TokioTimer(Arc<dyn Clock>);

impl TokioTimer {
    /// Longest single wait. Past it the clock is asked again: it may have been set.
    const LONGEST_MS: u64 = 60_000;

    /// Builds a timer that goes by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl Timer for TokioTimer {
    fn sleep_until(&self, at: UnixMillis) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.0);
        Box::pin(async move {
            loop {
                let left_ms = at.since_ms(clock.now());
                if left_ms == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left_ms.min(Self::LONGEST_MS))).await;
            }
        })
    }
}
