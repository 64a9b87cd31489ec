//! What the interfaces share that reach beyond the run: its world, errors as guests are told them, and
//! waiting until something has come from there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use errand_core::{
    Answer, Around, AroundThen, Awaits, BoxFuture, CallError, JournalEntry, NumberSet, RunHost,
    TaskId, UnixMillis, Wait, WaitingFor, World, WorldError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::StoreContextMut;

use super::clocks::executed;
use crate::bindings::errand::task::types::{Bound, Error};
use crate::ended::Ended;
use crate::journal::{Call, journaled};
use crate::state::RunState;

/// What a guest without a world is told.
const ALONE: &str = "there are no other tasks, people and signals here: submit the program to a server \
                     with `errand submit`";

/// What an attempt has had to do with those around it.
#[derive(Default)]
pub(crate) struct Nearby {
    /// The last signal of each name that it took, by the number of its event.
    pub(super) taken: BTreeMap<String, u64>,
    /// Names of the signals that were looked at, by the numbers of their events.
    pub(super) signals: HashMap<u64, String>,
    /// Names of the children that it spawned.
    pub(super) names: BTreeSet<String>,
    /// Children whose fuel is settled.
    pub(super) settled: NumberSet,
    /// Children of which it was told how they ended.
    pub(super) shown: Vec<TaskId>,
}

impl Nearby {
    /// Goes on where a checkpoint was taken.
    pub(crate) fn restored(then: &AroundThen) -> Self {
        Self {
            taken: then.taken.clone(),
            names: then.names.clone(),
            settled: then.settled.clone(),
            shown: then.shown.clone(),
            ..Self::default()
        }
    }

    /// Returns what goes into a checkpoint of it.
    pub(crate) fn then(&self, reserved_fuel: u64) -> AroundThen {
        let (taken, names) = (self.taken.clone(), self.names.clone());
        let (settled, shown) = (self.settled.clone(), self.shown.clone());
        AroundThen { taken, names, reserved_fuel, settled, shown }
    }
}

/// What a call that reaches beyond the run is answered.
pub(super) type Told<T> = Result<T, CallError>;

/// Makes a journaled call that the world answers, and moves the clocks to when it did.
pub(super) async fn ask<T, C>(
    store: &mut StoreContextMut<'_, RunState>,
    call: &C,
) -> wasmtime::Result<Told<T>>
where
    T: Serialize + DeserializeOwned + Send,
    C: Call<Answer = Told<T>>,
{
    if store.data().host.world().is_none() {
        return Ok(Err(CallError::Unsupported(ALONE.into())));
    }
    let (answer, at) = journaled(store.data_mut(), call).await?;
    let executed = executed(store)?;
    store.data().clock.sync(at, executed);
    Ok(answer)
}

/// Asks the world something. A refusal is what the guest is told.
pub(super) async fn of_world<'a, T>(
    host: &'a Arc<dyn RunHost>,
    question: impl FnOnce(&'a dyn World) -> BoxFuture<'a, Result<T, WorldError>>,
) -> Result<Told<T>, Ended> {
    let Some(answer) = host.world().map(question) else {
        return Ok(Err(CallError::Unsupported(ALONE.into())));
    };
    match answer.await {
        Ok(answer) => Ok(Ok(answer)),
        Err(WorldError::Refused(refused)) => Ok(Err(refused)),
        Err(WorldError::Stopped(stopped)) => Err(stopped.into()),
        Err(WorldError::Failed(why)) => Err(Ended::Host(why)),
    }
}

/// What a guest waits for that comes from around it.
pub(super) trait Awaited: Send {
    /// What it finds.
    type Found: Send;

    /// Looks whether it is there, given what has come so far. The first time, it is told what the task
    /// waits for until it looks again.
    fn look(
        &mut self,
        state: &mut RunState,
        around: &Around,
    ) -> impl Future<Output = Result<Look<Self::Found>, Ended>> + Send;
}

/// What came of a look.
pub(super) enum Look<T> {
    /// It is there.
    Found(T),
    /// It is not, and one of these changes that, or a moment.
    NotYet(Awaits, Option<UnixMillis>),
    /// It can't be waited for.
    Refused(CallError),
}

/// Waits until something is there, or a moment, which answers nothing. The task holds no worker meanwhile.
pub(super) async fn wait_for<A: Awaited>(
    state: &mut RunState,
    begun: &JournalEntry,
    waiting_for: WaitingFor,
    timeout_ms: Option<u64>,
    awaited: &mut A,
) -> Result<Told<Option<A::Found>>, Ended> {
    let _paused = state.fuel.pause();
    let _waiting = state.fuel.waiting();
    let deadline = deadline(state, begun, timeout_ms);
    loop {
        let around = match of_world(&state.host, |world| world.around()).await? {
            Ok(around) => around,
            Err(refused) => return Ok(Err(refused)),
        };
        let (awaits, closes) = match awaited.look(state, &around).await? {
            Look::Found(found) => return Ok(Ok(Some(found))),
            Look::Refused(refused) => return Ok(Err(refused)),
            Look::NotYet(awaits, closes) => (awaits, closes),
        };
        if deadline.is_some_and(|deadline| deadline <= state.host.now()) {
            return Ok(Ok(None));
        }
        let mut entry = begun.clone();
        entry.answer = Answer::Awaited { until: deadline };
        let wait = Wait {
            entry,
            waiting_for,
            until: [deadline, closes].into_iter().flatten().min(),
            awaits: Some(Awaits { seen: around.news, ..awaits }),
            memory_bytes: state.memory.used_bytes(),
        };
        state.host.wait(wait).await?;
    }
}

/// Returns when a wait ends at the latest: a moment that is fixed when it begins, whichever run is there
/// then.
pub(super) fn deadline(
    state: &RunState,
    begun: &JournalEntry,
    timeout_ms: Option<u64>,
) -> Option<UnixMillis> {
    match begun.answer {
        Answer::Awaited { until: Some(until) } => Some(until),
        _ => timeout_ms.map(|timeout_ms| state.host.now().plus_ms(timeout_ms)),
    }
}

/// Says an error as guests are told it.
pub(super) fn error(error: CallError) -> Error {
    match error {
        CallError::Unsupported(text) => Error::Unsupported(text),
        CallError::Denied(text) => Error::Denied(text),
        CallError::Invalid(text) => Error::Invalid(text),
        CallError::Limit { name, value } => Error::Limit(Bound { name, value }),
        CallError::NotFound(text) => Error::NotFound(text),
    }
}

/// Says a limit as guests are told it.
pub(super) fn limit(name: &str, value: u64) -> CallError {
    CallError::Limit { name: name.to_owned(), value }
}
