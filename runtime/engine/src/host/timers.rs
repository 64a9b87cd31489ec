//! `errand:task/timers`: sleeping. It holds the worker for now.

use std::time::Duration;

use crate::bindings::errand::task::timers::Host;
use crate::bindings::errand::task::types::Error;
use crate::state::RunState;

impl Host for RunState {
    async fn sleep(&mut self, duration_ms: u64) -> wasmtime::Result<Result<(), Error>> {
        let _waiting = self.fuel.waiting();
        tokio::time::sleep(Duration::from_millis(duration_ms)).await;
        self.clock.advance_ns(duration_ms.saturating_mul(1_000_000));
        Ok(Ok(()))
    }
}
