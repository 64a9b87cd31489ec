//! `errand:task/signals`: not offered yet.

use super::unsupported;
use crate::bindings::errand::task::signals::Host;
use crate::bindings::errand::task::types::Error;
use crate::state::RunState;

const WHAT: &str = "signals";

impl Host for RunState {
    async fn wait(
        &mut self,
        _: String,
        _: Option<u64>,
    ) -> wasmtime::Result<Result<Option<String>, Error>> {
        unsupported(WHAT)
    }

    async fn poll(&mut self, _: String) -> wasmtime::Result<Result<Option<String>, Error>> {
        unsupported(WHAT)
    }
}
