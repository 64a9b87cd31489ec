//! `wasi:clocks`: both clocks follow executed fuel; waiting for one takes real time.

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
        let ns = store.data().clock.wall_ns(executed(&store)?);
        Ok((Datetime {
            seconds: u64::try_from(ns / NS_PER_S).unwrap_or(u64::MAX),
            nanoseconds: (ns % NS_PER_S) as u32,
        },))
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
        |store: StoreContextMut<'_, RunState>, (when,): (u64,)| {
            let wait_ns = when.saturating_sub(now(&store)?);
            Ok((timer(store, wait_ns)?,))
        },
    )?;
    monotonic.func_wrap(
        "subscribe-duration",
        |store: StoreContextMut<'_, RunState>, (wait_ns,): (u64,)| Ok((timer(store, wait_ns)?,)),
    )?;
    Ok(())
}

/// The fuel that the guest has executed, exact in a host call.
fn executed(store: &StoreContextMut<'_, RunState>) -> wasmtime::Result<u64> {
    Ok(store.data().job.limits.fuel.saturating_sub(store.get_fuel()?))
}

fn now(store: &StoreContextMut<'_, RunState>) -> wasmtime::Result<u64> {
    Ok(store.data().clock.monotonic_ns(executed(store)?))
}

fn timer(
    mut store: StoreContextMut<'_, RunState>,
    wait_ns: u64,
) -> wasmtime::Result<Resource<DynPollable>> {
    let state = store.data_mut();
    let timer = Timer { left_ns: wait_ns, clock: state.clock.clone(), fuel: state.fuel.clone() };
    let timer = state.table.push(timer)?;
    subscribe(&mut state.table, timer)
}

/// A moment to wait for. Ready once that time has passed in a wait; the clocks then show it.
struct Timer {
    left_ns: u64,
    clock: VirtualClock,
    fuel: FuelGauge,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        let _waiting = self.fuel.waiting();
        if self.left_ns == 0 {
            // A guest that polls in a circle must let others run.
            tokio::task::yield_now().await;
            return;
        }
        tokio::time::sleep(Duration::from_nanos(self.left_ns)).await;
        self.clock.advance_ns(self.left_ns);
        self.left_ns = 0;
    }
}
