//! `errand:task/waiting`: not offered yet.

use super::unsupported;
use crate::bindings::errand::task::types::Error;
use crate::bindings::errand::task::waiting::{Awaitable, Host};
use crate::state::RunState;

impl Host for RunState {
    async fn wait_any(&mut self, _: Vec<Awaitable>) -> wasmtime::Result<Result<Vec<u32>, Error>> {
        unsupported("waiting for several things at once")
    }
}
