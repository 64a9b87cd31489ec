//! `errand:task/context`: the task itself, and the conversation that it belongs to.

use errand_core::{ContextState, JournalEntry};
use serde_json::{Value, json};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::world::{Told, ask, error, of_world};
use crate::bindings::errand::task::context::{Identity, State};
use crate::bindings::errand::task::types::Error;
use crate::ended::Ended;
use crate::journal::{self, Call};
use crate::state::RunState;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    type Answer = (Result<State, Error>,);
    let mut context = linker.instance("errand:task/context@0.1.0")?;
    context.func_wrap("this-task", |store: StoreContextMut<'_, RunState>, (): ()| {
        let job = &store.data().job;
        Ok((Identity {
            task_id: job.task.to_string(),
            attempt: job.attempt,
            namespace: job.namespace.to_string(),
            context_id: job.context_id.as_ref().map(ToString::to_string),
            parent_id: job.parent_id.map(|id| id.to_string()),
        },))
    })?;
    context.func_wrap_async("get-state", |mut store: StoreContextMut<'_, RunState>, (): ()| {
        Box::new(async move {
            let state = ask(&mut store, &GetState).await?;
            let answer: Answer = (shown(&mut store, state)?,);
            Ok(answer)
        })
    })?;
    context.func_wrap_async(
        "set-state",
        |mut store: StoreContextMut<'_, RunState>, (value, version): (String, String)| {
            Box::new(async move {
                store.data_mut().fuel.charge_bytes(value.len() as u64)?;
                let unknown = || {
                    Error::Invalid(format!("{version:?} is no version of the state: read it first"))
                };
                let answer: Answer = (match (serde_json::from_str(&value), version.parse()) {
                    (_, Err(_)) => Err(unknown()),
                    (Ok(value), Ok(version)) => {
                        let state = ask(&mut store, &SetState { value, version }).await?;
                        shown(&mut store, state)?
                    }
                    (Err(error), _) => {
                        Err(Error::Invalid(format!("the state is not JSON: {error}")))
                    }
                },);
                Ok(answer)
            })
        },
    )
}

fn shown(
    store: &mut StoreContextMut<'_, RunState>,
    state: Told<ContextState>,
) -> wasmtime::Result<Result<State, Error>> {
    let ContextState { value, version } = match state {
        Ok(state) => state,
        Err(refused) => return Ok(Err(error(refused))),
    };
    let value = value.to_string();
    store.data_mut().fuel.charge_bytes(value.len() as u64)?;
    Ok(Ok(State { value, version: version.to_string() }))
}

/// Reads the state.
struct GetState;

impl Call for GetState {
    const NAME: &'static str = "context.get-state";
    type Answer = Told<ContextState>;

    fn arguments(&self) -> Value {
        json!([])
    }

    async fn perform(&self, state: &mut RunState, _: &JournalEntry) -> Result<Self::Answer, Ended> {
        let _waiting = state.fuel.waiting();
        of_world(&state.host, |world| world.state()).await
    }
}

/// Writes the state, in one step with its record.
struct SetState {
    value: Value,
    version: u64,
}

impl Call for SetState {
    const NAME: &'static str = "context.set-state";
    type Answer = Told<ContextState>;

    fn arguments(&self) -> Value {
        json!([self.value, self.version])
    }

    async fn perform(
        &self,
        state: &mut RunState,
        begun: &JournalEntry,
    ) -> Result<Self::Answer, Ended> {
        let _waiting = state.fuel.waiting();
        let (value, version) = (self.value.clone(), self.version);
        let written = ContextState { value: value.clone(), version: version + 1 };
        let answer: Self::Answer = Ok(written.clone());
        let answered = journal::answer(begun.clone(), &answer, false, state.host.now())?;
        let done = of_world(&state.host, |world| world.set_state(value, version, answered));
        Ok(done.await?.map(|()| written))
    }
}
