//! `wasi:io/poll`: which things are ready is a function of what the guest did, so that a repeated run is
//! told the same.
//!
//! Files and streams are always ready; a timer is once the guest's own clock has come to it; a request is
//! once the guest was told so. Only where none of these is does a guest wait: for timers alone by a
//! journaled sleep, for one request by its answer, for several things by an answer that says which came.
//! A local run that reads this process's standard input is the exception: nobody repeats it.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use super::clocks::{WASI, executed, now};
use super::http::{Flight, any_of, settle};
use super::timers::sleep;
use crate::state::RunState;

type Pollable = Resource<DynPollable>;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut poll = linker.instance(&format!("wasi:io/poll@{WASI}"))?;
    poll.resource("pollable", ResourceType::host::<DynPollable>(), |mut store, rep| {
        let state = store.data_mut();
        state.timers.remove(&rep);
        state.outgoing.pollables.remove(&rep);
        state.table.drop(Pollable::new_own(rep))
    })?;
    poll.func_wrap_async("poll", |store, (list,): (Vec<Pollable>,)| {
        Box::new(async move { Ok((ready_of(store, list).await?,)) })
    })?;
    poll.func_wrap_async("[method]pollable.block", |store, (one,): (Pollable,)| {
        Box::new(async move { ready_of(store, vec![one]).await.map(drop) })
    })?;
    poll.func_wrap_async(
        "[method]pollable.ready",
        |mut store: StoreContextMut<'_, RunState>, (one,): (Pollable,)| {
            Box::new(async move {
                if let Some(deadline_ns) = store.data().timers.get(&one.rep()).copied() {
                    return Ok((deadline_ns <= now(&store)?,));
                }
                if let Some(flight) = store.data().outgoing.pollables.get(&one.rep()).copied() {
                    answered(&mut store, flight).await?;
                    return Ok((true,));
                }
                let state = store.data_mut();
                if state.reads_terminal {
                    return Ok((HostPollable::ready(&mut state.table, one).await?,));
                }
                let _waiting = state.fuel.waiting();
                state.table.block(one).await?;
                Ok((true,))
            })
        },
    )
}

/// Waits until a request is answered, and moves the clocks to then.
async fn answered(
    store: &mut StoreContextMut<'_, RunState>,
    flight: Flight,
) -> wasmtime::Result<()> {
    if let Some(at) = settle(store.data_mut(), flight).await? {
        let executed = executed(store)?;
        store.data().clock.sync(at, executed);
    }
    Ok(())
}

/// Waits until one of them is ready, and returns the positions of all that are.
async fn ready_of(
    mut store: StoreContextMut<'_, RunState>,
    list: Vec<Pollable>,
) -> wasmtime::Result<Vec<u32>> {
    if list.is_empty() {
        wasmtime::bail!("empty poll list");
    }
    let state = store.data_mut();
    let mut timers = Vec::new();
    let mut others = Vec::new();
    let mut requests = Vec::new();
    let mut ready = Vec::new();
    for (position, pollable) in (0_u32..).zip(&list) {
        let rep = pollable.rep();
        if let Some(deadline_ns) = state.timers.get(&rep) {
            timers.push((position, *deadline_ns));
        } else if let Some(flight) = state.outgoing.pollables.get(&rep) {
            match state.outgoing.is_seen(*flight) {
                true => ready.push(position),
                false => requests.push((position, *flight)),
            }
        } else {
            others.push((position, rep));
        }
    }
    if state.reads_terminal && !others.is_empty() && requests.is_empty() {
        return state.table.poll(list).await;
    }
    for (position, rep) in others {
        let _waiting = state.fuel.waiting();
        state.table.block(Pollable::new_borrow(rep)).await?;
        ready.push(position);
    }
    let mut now_ns = now(&store)?;
    let earliest = timers.iter().map(|(_, deadline_ns)| *deadline_ns).min();
    let is_due = earliest.is_some_and(|earliest| earliest <= now_ns);
    if !ready.is_empty() || is_due {
        // A guest that polls in a circle must let others run.
        let _waiting = store.data().fuel.waiting();
        tokio::task::yield_now().await;
    } else if requests.is_empty() {
        if let Some(earliest) = earliest {
            sleep(crate::host::reborrow(&mut store), earliest - now_ns).await?;
            now_ns = now(&store)?;
        }
    } else if let ([(position, flight)], None) = (requests.as_slice(), earliest) {
        answered(&mut store, *flight).await?;
        ready.push(*position);
    } else {
        let flights: Vec<Flight> = requests.iter().map(|(_, flight)| *flight).collect();
        let for_ns = earliest.map(|earliest| earliest - now_ns);
        let polled = any_of(store.data_mut(), &flights, for_ns).await?;
        let executed = executed(&store)?;
        let clock = &store.data().clock;
        if let (true, Some(earliest)) = (polled.ready.is_empty(), earliest) {
            clock.advance_to_ns(earliest, executed);
        }
        clock.sync(polled.at, executed);
        let came = |flight: &Flight| polled.ready.contains(flight);
        ready.extend(requests.iter().filter(|(_, flight)| came(flight)).map(|(at, _)| *at));
        now_ns = now(&store)?;
    }
    let due = timers.into_iter().filter(|(_, deadline_ns)| *deadline_ns <= now_ns);
    ready.extend(due.map(|(position, _)| position));
    ready.sort_unstable();
    Ok(ready)
}
