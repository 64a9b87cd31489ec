//! `wasi:clocks`: both clocks follow executed fuel, and are moved forward at answers.

use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::clock::VirtualClock;
use crate::fuel::FuelGauge;
use crate::state::RunState;

/// The version under which WASI is linked; guests of any 0.2 match it.
pub(super) const WASI: &str = "0.2.12";
const NS_PER_S: u128 = 1_000_000_000;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut wall = linker.instance(&format!("wasi:clocks/wall-clock@{WASI}"))?;
    wall.func_wrap("now", |store: StoreContextMut<'_, RunState>, (): ()| {
        Ok((datetime(store.data().clock.wall_ns(executed(&store)?)),))
    })?;
    wall.func_wrap("resolution", |_: StoreContextMut<'_, RunState>, (): ()| {
        Ok((Datetime { seconds: 0, nanoseconds: 1 },))
    })?;

    let mut monotonic = linker.instance(&format!("wasi:clocks/monotonic-clock@{WASI}"))?;
    monotonic
        .func_wrap("now", |store: StoreContextMut<'_, RunState>, (): ()| Ok((now(&store)?,)))?;
    monotonic.func_wrap("resolution", |_: StoreContextMut<'_, RunState>, (): ()| Ok((1_u64,)))?;
    monotonic.func_wrap(
        "subscribe-instant",
        |store: StoreContextMut<'_, RunState>, (when,): (u64,)| Ok((timer(store, when)?,)),
    )?;
    monotonic.func_wrap(
        "subscribe-duration",
        |store: StoreContextMut<'_, RunState>, (wait_ns,): (u64,)| {
            let deadline_ns = now(&store)?.saturating_add(wait_ns);
            Ok((timer(store, deadline_ns)?,))
        },
    )?;
    Ok(())
}

/// Says nanoseconds since the Unix epoch as guests are told them.
pub(super) fn datetime(ns: u128) -> Datetime {
    Datetime {
        seconds: u64::try_from(ns / NS_PER_S).unwrap_or(u64::MAX),
        nanoseconds: (ns % NS_PER_S) as u32,
    }
}

/// The fuel that the guest has executed, exact in a host call.
pub(super) fn executed(store: &StoreContextMut<'_, RunState>) -> wasmtime::Result<u64> {
    Ok(store.data().job.limits.fuel.saturating_sub(store.get_fuel()?))
}

/// The monotonic clock.
pub(super) fn now(store: &StoreContextMut<'_, RunState>) -> wasmtime::Result<u64> {
    Ok(store.data().clock.monotonic_ns(executed(store)?))
}

fn timer(
    mut store: StoreContextMut<'_, RunState>,
    deadline_ns: u64,
) -> wasmtime::Result<Resource<DynPollable>> {
    let (executed, now_ns) = (executed(&store)?, now(&store)?);
    let state = store.data_mut();
    let timer = Timer {
        left_ns: deadline_ns.saturating_sub(now_ns),
        deadline_ns,
        executed,
        clock: state.clock.clone(),
        fuel: state.fuel.clone(),
    };
    let timer = state.table.push(timer)?;
    let pollable = subscribe(&mut state.table, timer)?;
    state.timers.insert(pollable.rep(), deadline_ns);
    Ok(pollable)
}

/// A moment to wait for.
///
/// It is waited for by its deadline alone ([`super::poll`]); only a local run that waits for this
/// process's standard input at the same time waits here, in real time.
struct Timer {
    left_ns: u64,
    deadline_ns: u64,
    /// Fuel executed when the timer was made.
    executed: u64,
    clock: VirtualClock,
    fuel: FuelGauge,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        let _waiting = self.fuel.waiting();
        tokio::time::sleep(Duration::from_nanos(self.left_ns)).await;
        self.clock.advance_to_ns(self.deadline_ns, self.executed);
        self.left_ns = 0;
    }
}
