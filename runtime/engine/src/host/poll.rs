//! `wasi:io/poll`: which things are ready is a function of what the guest did, so that a repeated run is
//! told the same.
//!
//! Files, streams and refused requests are always ready; a timer is once the guest's own clock has come to
//! it. Only where a guest waits for timers alone does time pass, by a journaled sleep. A local run that
//! reads this process's standard input is the exception: nobody repeats it.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use super::clocks::{WASI, now};
use super::timers::sleep;
use crate::state::RunState;

type Pollable = Resource<DynPollable>;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut poll = linker.instance(&format!("wasi:io/poll@{WASI}"))?;
    poll.resource("pollable", ResourceType::host::<DynPollable>(), |mut store, rep| {
        let state = store.data_mut();
        state.timers.remove(&rep);
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
    for (position, pollable) in (0_u32..).zip(&list) {
        match state.timers.get(&pollable.rep()) {
            Some(deadline_ns) => timers.push((position, *deadline_ns)),
            None => others.push((position, pollable.rep())),
        }
    }
    if state.reads_terminal && !others.is_empty() {
        return state.table.poll(list).await;
    }
    let mut ready = Vec::new();
    for (position, rep) in others {
        let _waiting = state.fuel.waiting();
        state.table.block(Pollable::new_borrow(rep)).await?;
        ready.push(position);
    }
    let mut now_ns = now(&store)?;
    let earliest = timers.iter().map(|(_, deadline_ns)| *deadline_ns).min();
    match earliest {
        Some(earliest) if ready.is_empty() && earliest > now_ns => {
            sleep(crate::host::reborrow(&mut store), earliest - now_ns).await?;
            now_ns = now(&store)?;
        }
        _ => {
            // A guest that polls in a circle must let others run.
            let _waiting = store.data().fuel.waiting();
            tokio::task::yield_now().await;
        }
    }
    let due = timers.into_iter().filter(|(_, deadline_ns)| *deadline_ns <= now_ns);
    ready.extend(due.map(|(position, _)| position));
    ready.sort_unstable();
    Ok(ready)
}
