//! `errand:task/approval`: not offered yet.

use super::unsupported;
use crate::bindings::errand::task::approval::{Decision, Host, Question};
use crate::bindings::errand::task::types::Error;
use crate::state::RunState;

const WHAT: &str = "approvals";

impl Host for RunState {
    async fn ask(&mut self, _: Question) -> wasmtime::Result<Result<Decision, Error>> {
        unsupported(WHAT)
    }

    async fn request(&mut self, _: Question) -> wasmtime::Result<Result<String, Error>> {
        unsupported(WHAT)
    }

    async fn decision_of(&mut self, _: String) -> wasmtime::Result<Result<Decision, Error>> {
        unsupported(WHAT)
    }
}
