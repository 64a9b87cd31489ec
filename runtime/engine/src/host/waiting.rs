//! `errand:task/waiting`: one wait for children, signals, timers and approvals at once.

use errand_core::{
    ApprovalId, Around, Awaits, CallError, JournalEntry, NumberSet, TaskId, UnixMillis, WaitingFor,
};
use serde_json::{Value, json};
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::world::{Awaited, Look, Told, ask, deadline, error, limit, of_world, wait_for};
use super::{approval, children, signals};
use crate::bindings::errand::task::types::Error;
use crate::bindings::errand::task::waiting::Awaitable;
use crate::ended::Ended;
use crate::journal::Call;
use crate::state::RunState;

/// Things that one wait may be for.
pub(super) const MAX_ITEMS: usize = 10_000;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker.instance("errand:task/waiting@0.1.0")?.func_wrap_async(
        "wait-any",
        |mut store: StoreContextMut<'_, RunState>, (items,): (Vec<Awaitable>,)| {
            Box::new(async move {
                let answer: Result<Vec<u32>, Error> = match Items::read(items) {
                    Ok(items) => ask(&mut store, &WaitAny { items }).await?.map_err(error),
                    Err(refused) => Err(error(refused)),
                };
                Ok((answer,))
            })
        },
    )
}

/// What is waited for, each with its index.
struct Items {
    children: Vec<(u32, TaskId)>,
    signals: Vec<(u32, String)>,
    timers: Vec<(u32, u64)>,
    approvals: Vec<(u32, ApprovalId)>,
}

impl Items {
    fn read(items: Vec<Awaitable>) -> Told<Self> {
        if items.is_empty() {
            return Err(CallError::Invalid("there is nothing to wait for".into()));
        }
        if items.len() > MAX_ITEMS {
            return Err(limit("awaited", MAX_ITEMS as u64));
        }
        let (mut children, mut signals) = (Vec::new(), Vec::new());
        let (mut timers, mut approvals) = (Vec::new(), Vec::new());
        for (index, item) in (0..).zip(items) {
            match item {
                Awaitable::Child(id) => children.push((index, children::read_id(&id)?)),
                Awaitable::Signal(name) => {
                    signals::check_name(&name)?;
                    signals.push((index, name));
                }
                Awaitable::Timer(duration_ms) => timers.push((index, duration_ms)),
                Awaitable::Approval(id) => approvals.push((index, approval::read_id(&id)?)),
            }
        }
        Ok(Self { children, signals, timers, approvals })
    }

    /// Returns what the task is said to wait for: what is most likely to take a person's time.
    fn waiting_for(&self) -> WaitingFor {
        match self {
            Self { approvals, .. } if !approvals.is_empty() => WaitingFor::Approval,
            Self { children, .. } if !children.is_empty() => WaitingFor::Children,
            Self { signals, .. } if !signals.is_empty() => WaitingFor::Signal,
            _ => WaitingFor::Timer,
        }
    }

    fn shortest_ms(&self) -> Option<u64> {
        self.timers.iter().map(|(_, duration_ms)| *duration_ms).min()
    }
}

/// Waits until at least one is ready; answers all that are.
struct WaitAny {
    items: Items,
}

impl Call for WaitAny {
    const NAME: &'static str = "wait-any";
    type Answer = Told<Vec<u32>>;

    fn arguments(&self) -> Value {
        let Items { children, signals, timers, approvals } = &self.items;
        json!([children, signals, timers, approvals])
    }

    async fn perform(
        &self,
        state: &mut RunState,
        begun: &JournalEntry,
    ) -> Result<Self::Answer, Ended> {
        let items = &self.items;
        let ids: Vec<TaskId> = items.children.iter().map(|(_, id)| *id).collect();
        let views = of_world(&state.host, |world| world.children(ids)).await?;
        let numbers = match views {
            Ok(views) => views.iter().map(|view| view.number).collect(),
            Err(refused) => return Ok(Err(refused)),
        };
        let shortest_ms = items.shortest_ms();
        let until = deadline(state, begun, shortest_ms);
        let mut awaited = Ready { items, numbers };
        let found = match until {
            // The deadline is fixed now, whichever timer it is of.
            Some(until) => {
                let mut begun = begun.clone();
                begun.answer = errand_core::Answer::Awaited { until: Some(until) };
                wait_for(state, &begun, items.waiting_for(), None, &mut awaited).await?
            }
            None => wait_for(state, begun, items.waiting_for(), None, &mut awaited).await?,
        };
        let mut ready = match found {
            Ok(found) => found.unwrap_or_default(),
            Err(refused) => return Ok(Err(refused)),
        };
        if let (Some(until), Some(shortest_ms)) = (until, shortest_ms) {
            let began = UnixMillis(until.0.saturating_sub(shortest_ms));
            let passed_ms = state.host.now().since_ms(began);
            let up = items.timers.iter().filter(|(_, duration_ms)| *duration_ms <= passed_ms);
            ready.extend(up.map(|(index, _)| *index));
        }
        ready.sort_unstable();
        Ok(Ok(ready))
    }
}

/// The children, signals and approvals among what is waited for.
struct Ready<'a> {
    items: &'a Items,
    /// The children's numbers, in the order of the items.
    numbers: Vec<u32>,
}

impl Awaited for Ready<'_> {
    type Found = Vec<u32>;

    async fn look(
        &mut self,
        state: &mut RunState,
        around: &Around,
    ) -> Result<Look<Vec<u32>>, Ended> {
        let mut ready = Vec::new();
        for ((index, _), number) in self.items.children.iter().zip(&self.numbers) {
            if around.ended.contains(*number) {
                ready.push(*index);
            }
        }
        for (index, name) in &self.items.signals {
            match signals::first(state, around, name).await? {
                Ok(Some(_)) => ready.push(*index),
                Ok(None) => {}
                Err(refused) => return Ok(Look::Refused(refused)),
            }
        }
        let mut closes = None;
        for (index, id) in &self.items.approvals {
            match of_world(&state.host, |world| world.question(*id)).await? {
                Ok(question) if question.decision.is_some() => ready.push(*index),
                Ok(question) => closes = [closes, question.expires_at].into_iter().flatten().min(),
                Err(refused) => return Ok(Look::Refused(refused)),
            }
        }
        if !ready.is_empty() {
            return Ok(Look::Found(ready));
        }
        let awaits = Awaits {
            signals: self.items.signals.iter().map(|(_, name)| name.clone()).collect(),
            children: self.numbers.iter().copied().collect::<NumberSet>(),
            approvals: self.items.approvals.iter().map(|(_, id)| id.number).collect(),
            ..Awaits::default()
        };
        Ok(Look::NotYet(awaits, closes))
    }
}
