//! `errand:task/context`: who the task is. A conversation's state is not offered yet.

use super::unsupported;
use crate::bindings::errand::task::context::{Host, Identity, State};
use crate::bindings::errand::task::types::Error;
use crate::state::RunState;

const WHAT: &str = "the state of conversations";

impl Host for RunState {
    async fn this_task(&mut self) -> wasmtime::Result<Identity> {
        Ok(Identity {
            task_id: self.job.task.to_string(),
            attempt: self.job.attempt,
            namespace: self.job.namespace.to_string(),
            context_id: self.job.context_id.as_ref().map(ToString::to_string),
            parent_id: self.job.parent_id.map(|id| id.to_string()),
        })
    }

    async fn get_state(&mut self) -> wasmtime::Result<Result<State, Error>> {
        unsupported(WHAT)
    }

    async fn set_state(&mut self, _: String, _: String) -> wasmtime::Result<Result<State, Error>> {
        unsupported(WHAT)
    }
}
