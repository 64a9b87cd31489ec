//! `errand:task/children`: tasks that this task starts, and how they ended.
//!
//! From the journaled answer on that says how a child ended, what it made lies under `/children/NAME/`.

use std::sync::{Arc, Mutex};

use errand_core::{
    Around, Artifact, Awaits, CallError, ChildLimits, ChildRequest, ChildView, ChildWorkspace,
    ErrorCode, EventBody, JournalEntry, Needs, NumberSet, RunHost, Spawned, TaskError, TaskId,
    WaitingFor,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::clocks::executed;
use super::waiting::MAX_ITEMS;
use super::world::{Awaited, Look, Told, ask, error, limit, of_world, wait_for};
use crate::bindings::errand::task::children as wit;
use crate::bindings::errand::task::types::{Error, TaskError as WitError};
use crate::ended::Ended;
use crate::journal::{Beside, Call};
use crate::state::RunState;

/// What a child is charged for, in fuel: about what a task costs the host.
const CHILD_FUEL: u64 = 1_000_000;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    type Store<'a> = StoreContextMut<'a, RunState>;
    let mut children = linker.instance("errand:task/children@0.1.0")?;
    children.func_wrap_async("spawn", |mut store: Store<'_>, (child,): (wit::Child,)| {
        Box::new(async move {
            let answer: Result<String, Error> = match spawn(&mut store, child).await? {
                Ok(child) => Ok(child.id.to_string()),
                Err(refused) => Err(error(refused)),
            };
            Ok((answer,))
        })
    })?;
    children.func_wrap_async(
        "wait-all",
        |mut store: Store<'_>, (ids, on_failure): (Vec<String>, wit::OnFailure)| {
            Box::new(async move {
                let answer: Result<Vec<wit::Outcome>, Error> =
                    wait(&mut store, ids, Mode::All(on_failure.into())).await?;
                Ok((answer,))
            })
        },
    )?;
    children.func_wrap_async("wait-any", |mut store: Store<'_>, (ids,): (Vec<String>,)| {
        Box::new(async move {
            let outcomes = wait(&mut store, ids, Mode::Any).await?;
            let answer: Result<wit::Outcome, Error> = outcomes.and_then(|outcomes| {
                let nothing = || Error::Invalid("there is no child to wait for".into());
                outcomes.into_iter().next().ok_or_else(nothing)
            });
            Ok((answer,))
        })
    })?;
    children.func_wrap_async("outcome-of", |mut store: Store<'_>, (id,): (String,)| {
        Box::new(async move {
            let end = match read_id(&id) {
                Ok(id) => ask(&mut store, &OutcomeOf { id }).await?,
                Err(refused) => Err(refused),
            };
            let answer: Result<Option<wit::Outcome>, Error> = match end {
                Ok(Some(end)) => Ok(Some(tell(&mut store, end).await?)),
                Ok(None) => Ok(None),
                Err(refused) => Err(error(refused)),
            };
            Ok((answer,))
        })
    })?;
    children.func_wrap_async("cancel", |mut store: Store<'_>, (id,): (String,)| {
        Box::new(async move {
            let cancelled = match read_id(&id) {
                Ok(id) => ask(&mut store, &Cancel { id }).await?,
                Err(refused) => Err(refused),
            };
            let answer: Result<(), Error> = cancelled.map_err(error);
            Ok((answer,))
        })
    })
}

/// Reads the id of a child as guests write it.
pub(super) fn read_id(id: &str) -> Told<TaskId> {
    let shown =
        |_| CallError::NotFound(format!("task `{}` is no child of this one", id.escape_debug()));
    id.parse().map_err(shown)
}

async fn spawn(
    store: &mut StoreContextMut<'_, RunState>,
    child: wit::Child,
) -> wasmtime::Result<Told<Child>> {
    let input: Value = match serde_json::from_str(&child.input) {
        Ok(input) => input,
        Err(error) => return Ok(Err(CallError::Invalid(format!("input is not JSON: {error}")))),
    };
    let executed = executed(store)?;
    let state = store.data_mut();
    // What is left of it must be the same in a repetition.
    state.fuel.set_executed(executed);
    state.fuel.charge_bytes(CHILD_FUEL + child.input.len() as u64)?;
    let name = child.name.clone();
    if let Some(name) = &name
        && state.nearby.names.contains(name)
    {
        return Ok(Err(CallError::Invalid(format!("there is a child `{name}` already"))));
    }
    let limits = child.limits;
    let reserved = match limits.filter(|limits| limits.fuel_from_parent).map(|limits| limits.fuel) {
        None => 0,
        Some(Some(fuel)) => fuel,
        Some(None) => {
            let text = "a child whose fuel is this task's needs a limit of it";
            return Ok(Err(CallError::Invalid(text.into())));
        }
    };
    if reserved > 0 && !state.fuel.reserve(reserved) {
        return Ok(Err(limit("fuel", state.job.limits.fuel)));
    }
    let spawned = ask(store, &Spawn { child, input, spawned: Mutex::default() }).await?;
    let state = store.data_mut();
    match (&spawned, name) {
        (Ok(_), Some(name)) => {
            state.nearby.names.insert(name);
        }
        (Ok(_), None) => {}
        (Err(_), _) => state.fuel.settle(reserved, 0),
    }
    Ok(spawned)
}

/// A child that was spawned.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Child {
    id: TaskId,
    number: u32,
}

struct Spawn {
    child: wit::Child,
    input: Value,
    /// What is recorded with the answer.
    spawned: Mutex<Option<Spawned>>,
}

impl Call for Spawn {
    const NAME: &'static str = "spawn";
    type Answer = Told<Child>;

    fn arguments(&self) -> Value {
        let wit::Child { executor, function, workspace, limits, name, max_attempts, .. } =
            &self.child;
        let limits = limits.map(|limits| {
            json!([
                limits.fuel,
                limits.memory_bytes,
                limits.timeout_ms,
                limits.workspace_bytes,
                limits.output_bytes,
                limits.fuel_from_parent,
            ])
        });
        let workspace = format!("{workspace:?}");
        json!([executor, function, name, workspace, limits, max_attempts, self.input])
    }

    async fn perform(
        &self,
        state: &mut RunState,
        begun: &JournalEntry,
    ) -> Result<Self::Answer, Ended> {
        let _waiting = state.fuel.waiting();
        let workspace = match self.child.workspace {
            wit::Workspace::Empty => ChildWorkspace::Empty,
            wit::Workspace::Start => ChildWorkspace::Start,
            wit::Workspace::Fork => ChildWorkspace::Fork(state.snapshot_now().await?),
        };
        let limits = self.child.limits;
        let request = ChildRequest {
            random: random_of(state, begun.ordinal),
            executor: self.child.executor.clone(),
            function: self.child.function.clone(),
            input: self.input.clone(),
            workspace,
            limits: limits.map_or_else(ChildLimits::default, |limits| ChildLimits {
                fuel: limits.fuel,
                memory_bytes: limits.memory_bytes,
                timeout_ms: limits.timeout_ms,
                workspace_bytes: limits.workspace_bytes,
                output_bytes: limits.output_bytes,
            }),
            fuel_from_parent: limits.is_some_and(|limits| limits.fuel_from_parent),
            name: self.child.name.clone(),
            max_attempts: self.child.max_attempts,
        };
        let spawned = of_world(&state.host, |world| world.spawn(request)).await?;
        Ok(spawned.map(|spawned| {
            let child = Child { id: spawned.task.id, number: spawned.number };
            *self.spawned.lock().unwrap_or_else(|poison| poison.into_inner()) = Some(spawned);
            child
        }))
    }

    fn events(&self, answer: &Self::Answer) -> Vec<EventBody> {
        let spawned = |child: &Child| EventBody::ChildSpawned {
            child_id: child.id,
            number: child.number,
            name: self.child.name.clone(),
        };
        answer.iter().map(spawned).collect()
    }

    fn beside(&self) -> Beside {
        let spawned = self.spawned.lock().unwrap_or_else(|poison| poison.into_inner()).take();
        let tasks = spawned.map(|spawned| *spawned.task).into_iter().collect();
        Beside { tasks, ..Beside::default() }
    }
}

/// Derives what of a child's id is not its time from its parent's attempt and the call.
fn random_of(state: &RunState, ordinal: u64) -> u128 {
    let mut hasher = blake3::Hasher::new_keyed(&state.job.start.seed.0);
    hasher.update(b"child");
    hasher.update(&state.job.task.to_bytes());
    hasher.update(&state.job.attempt.to_le_bytes());
    hasher.update(&ordinal.to_le_bytes());
    let bytes: [u8; 32] = hasher.finalize().into();
    bytes[..10].iter().fold(0, |value, byte| value << 8 | u128::from(*byte))
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Mode {
    /// All, with this failure policy.
    All(Policy),
    /// One.
    Any,
}

/// What happens when a child fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Policy {
    FailFast,
    Collect,
    Ignore,
}

impl From<wit::OnFailure> for Policy {
    fn from(on_failure: wit::OnFailure) -> Self {
        match on_failure {
            wit::OnFailure::FailFast => Self::FailFast,
            wit::OnFailure::Collect => Self::Collect,
            wit::OnFailure::Ignore => Self::Ignore,
        }
    }
}

async fn wait(
    store: &mut StoreContextMut<'_, RunState>,
    ids: Vec<String>,
    mode: Mode,
) -> wasmtime::Result<Result<Vec<wit::Outcome>, Error>> {
    if ids.len() > MAX_ITEMS {
        return Ok(Err(error(limit("awaited", MAX_ITEMS as u64))));
    }
    if ids.is_empty() {
        // There is nothing to wait for, and nobody to fail.
        return Ok(Ok(Vec::new()));
    }
    let ids = match ids.iter().map(|id| read_id(id)).collect::<Told<Vec<TaskId>>>() {
        Ok(ids) => ids,
        Err(refused) => return Ok(Err(error(refused))),
    };
    let ends = match ask(store, &WaitChildren { ids, mode }).await? {
        Ok(ends) => ends,
        Err(refused) => return Ok(Err(error(refused))),
    };
    let mut outcomes = Vec::with_capacity(ends.len());
    for end in ends {
        outcomes.push(tell(store, end).await?);
    }
    Ok(Ok(outcomes))
}

/// How a child ended, as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChildEnded {
    pub(crate) id: TaskId,
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) output: Result<Value, TaskError>,
    #[serde(default)]
    fuel_used: u64,
    #[serde(default)]
    fuel_reserved: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) artifacts: Vec<Artifact>,
}

impl ChildEnded {
    /// Takes what is known of a child, if it has ended.
    pub(crate) fn of(view: ChildView) -> Option<Self> {
        let ChildView { id, number, name, end, .. } = view;
        let end = end?;
        let (fuel_used, fuel_reserved) = (end.fuel_used, end.fuel_reserved);
        let (output, artifacts) = (end.output, end.artifacts);
        Some(Self { id, number, name, output, fuel_used, fuel_reserved, artifacts })
    }

    /// Says of a child that is being cancelled that it is.
    fn cancelled(view: &ChildView) -> Self {
        let output = Err(TaskError {
            code: ErrorCode::Cancelled,
            message: "another child failed, and nobody waits for this one".into(),
            detail: None,
            attempt: 1,
            retryable: false,
        });
        let (id, number, name) = (view.id, view.number, view.name.clone());
        Self { id, number, name, output, fuel_used: 0, fuel_reserved: 0, artifacts: Vec::new() }
    }

    fn failed(&self) -> bool {
        self.output.is_err()
    }
}

/// Tells the guest how a child ended, settles its fuel and shows what it made.
async fn tell(
    store: &mut StoreContextMut<'_, RunState>,
    end: ChildEnded,
) -> wasmtime::Result<wit::Outcome> {
    let state = store.data_mut();
    if end.fuel_reserved > 0 && !state.nearby.settled.contains(end.number) {
        state.nearby.settled.insert(end.number);
        state.fuel.settle(end.fuel_reserved, end.fuel_used);
    }
    state.show(&end).await?;
    let id = end.id.to_string();
    let output = match end.output {
        Ok(output) => Ok(output.to_string()),
        Err(error) => Err(WitError {
            code: error.code.as_str().into(),
            message: error.message,
            detail: error.detail.map(|detail| detail.to_string()),
        }),
    };
    let bytes = match &output {
        Ok(output) => output.len(),
        Err(error) => error.message.len() + error.detail.as_ref().map_or(0, String::len),
    };
    store.data_mut().fuel.charge_bytes(bytes as u64)?;
    Ok(wit::Outcome { id, output })
}

/// Waits until children ended; answers how.
struct WaitChildren {
    ids: Vec<TaskId>,
    mode: Mode,
}

impl Call for WaitChildren {
    const NAME: &'static str = "wait-children";
    type Answer = Told<Vec<ChildEnded>>;

    fn arguments(&self) -> Value {
        json!([self.mode, self.ids])
    }

    async fn perform(
        &self,
        state: &mut RunState,
        begun: &JournalEntry,
    ) -> Result<Self::Answer, Ended> {
        let views = match self.views(&state.host).await? {
            Ok(views) => views,
            Err(refused) => return Ok(Err(refused)),
        };
        let numbers: NumberSet = views.iter().map(|view| view.number).collect();
        if state.job.attempt > 1
            && let Err(refused) = Self::revive(&state.host, &views).await?
        {
            return Ok(Err(refused));
        }
        let mut awaited = Enough { call: self, numbers };
        let waited = wait_for(state, begun, WaitingFor::Children, None, &mut awaited).await?;
        let views = match waited {
            Ok(Some(views)) => views,
            Ok(None) => {
                return Err(Ended::Host("a wait without a deadline came to its end".into()));
            }
            Err(refused) => return Ok(Err(refused)),
        };
        self.conclude(&state.host, views).await
    }

    fn is_failed(answer: &Self::Answer) -> bool {
        answer.as_ref().is_ok_and(|ends| ends.iter().any(ChildEnded::failed))
    }
}

impl WaitChildren {
    async fn views(&self, host: &Arc<dyn RunHost>) -> Result<Told<Vec<ChildView>>, Ended> {
        let ids = self.ids.clone();
        of_world(host, |world| world.children(ids)).await
    }

    /// Queues those again that failed in an earlier attempt, which knows of it: this one goes live here.
    async fn revive(host: &Arc<dyn RunHost>, views: &[ChildView]) -> Result<Told<()>, Ended> {
        let around = match of_world(host, |world| world.around()).await? {
            Ok(around) => around,
            Err(refused) => return Ok(Err(refused)),
        };
        let ids: Vec<TaskId> = views
            .iter()
            .filter(|view| around.failed_before.contains(view.number))
            .map(|view| view.id)
            .collect();
        match ids.is_empty() {
            true => Ok(Ok(())),
            false => of_world(host, |world| world.revive(ids)).await,
        }
    }

    fn needs(&self) -> Needs {
        match self.mode {
            Mode::Any => Needs::One,
            Mode::All(Policy::FailFast) => Needs::AllOrFailure,
            Mode::All(_) => Needs::All,
        }
    }

    /// Makes the answer of children of which enough have ended.
    async fn conclude(
        &self,
        host: &Arc<dyn RunHost>,
        views: Vec<ChildView>,
    ) -> Result<Told<Vec<ChildEnded>>, Ended> {
        let mut ends = Vec::with_capacity(views.len());
        for view in views {
            match (view.end.is_some(), self.mode) {
                (true, _) => ends.extend(ChildEnded::of(view)),
                (false, Mode::Any) => {}
                (false, Mode::All(_)) => {
                    let id = view.id;
                    if let Err(refused) = of_world(host, |world| world.cancel(id)).await? {
                        return Ok(Err(refused));
                    }
                    ends.push(ChildEnded::cancelled(&view));
                }
            }
        }
        match self.mode {
            Mode::Any => ends.truncate(1),
            Mode::All(Policy::Ignore) => ends.retain(|end| !end.failed()),
            Mode::All(_) => {}
        }
        Ok(Ok(ends))
    }
}

/// Enough children that have ended.
struct Enough<'a> {
    call: &'a WaitChildren,
    numbers: NumberSet,
}

impl Awaited for Enough<'_> {
    type Found = Vec<ChildView>;

    async fn look(
        &mut self,
        state: &mut RunState,
        around: &Around,
    ) -> Result<Look<Vec<ChildView>>, Ended> {
        let needs = self.call.needs();
        if needs.are_met(&self.numbers, around) {
            let views = match self.call.views(&state.host).await? {
                Ok(views) => views,
                Err(refused) => return Ok(Look::Refused(refused)),
            };
            // One that had ended may have been queued again since.
            let failed =
                |view: &ChildView| view.end.as_ref().is_some_and(|end| end.output.is_err());
            let enough = match needs {
                Needs::One => views.iter().any(|view| view.end.is_some()),
                Needs::All => views.iter().all(|view| view.end.is_some()),
                Needs::AllOrFailure => {
                    views.iter().all(|view| view.end.is_some()) || views.iter().any(failed)
                }
            };
            if enough {
                return Ok(Look::Found(views));
            }
        }
        let children = self.numbers.clone();
        Ok(Look::NotYet(Awaits { children, needs, ..Awaits::default() }, None))
    }
}

/// Answers how a child ended, if it has.
struct OutcomeOf {
    id: TaskId,
}

impl Call for OutcomeOf {
    const NAME: &'static str = "outcome-of";
    type Answer = Told<Option<ChildEnded>>;

    fn arguments(&self) -> Value {
        json!([self.id])
    }

    async fn perform(&self, state: &mut RunState, _: &JournalEntry) -> Result<Self::Answer, Ended> {
        let _waiting = state.fuel.waiting();
        let views = of_world(&state.host, |world| world.children(vec![self.id])).await?;
        Ok(views.map(|views| views.into_iter().next().and_then(ChildEnded::of)))
    }
}

/// Cancels a child. To do so again does nothing.
struct Cancel {
    id: TaskId,
}

impl Call for Cancel {
    const NAME: &'static str = "cancel-child";
    type Answer = Told<()>;

    fn arguments(&self) -> Value {
        json!([self.id])
    }

    async fn perform(&self, state: &mut RunState, _: &JournalEntry) -> Result<Self::Answer, Ended> {
        let _waiting = state.fuel.waiting();
        of_world(&state.host, |world| world.cancel(self.id)).await
    }
}
