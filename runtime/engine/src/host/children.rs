//! `errand:task/children`: not offered yet.

use super::unsupported;
use crate::bindings::errand::task::children::{Child, Host, OnFailure, Outcome};
use crate::bindings::errand::task::types::Error;
use crate::state::RunState;

const WHAT: &str = "child tasks";

impl Host for RunState {
    async fn spawn(&mut self, _: Child) -> wasmtime::Result<Result<String, Error>> {
        unsupported(WHAT)
    }

    async fn wait_all(
        &mut self,
        _: Vec<String>,
        _: OnFailure,
    ) -> wasmtime::Result<Result<Vec<Outcome>, Error>> {
        unsupported(WHAT)
    }

    async fn wait_any(&mut self, _: Vec<String>) -> wasmtime::Result<Result<Outcome, Error>> {
        unsupported(WHAT)
    }

    async fn outcome_of(&mut self, _: String) -> wasmtime::Result<Result<Option<Outcome>, Error>> {
        unsupported(WHAT)
    }

    async fn cancel(&mut self, _: String) -> wasmtime::Result<Result<(), Error>> {
        unsupported(WHAT)
    }
}
