//! The host's side of every interface that a guest may import, one file an interface.

mod approval;
pub(crate) mod artifacts;
pub(crate) mod checkpoint;
pub(crate) mod children;
mod clocks;
mod context;
pub(crate) mod filesystem;
pub(crate) mod http;
mod made;
mod poll;
mod progress;
pub(crate) mod random;
mod signals;
pub(crate) mod stdio;
mod timers;
mod waiting;
pub(crate) mod world;

use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker};

use crate::bindings::errand::task;
use crate::state::RunState;

/// The interfaces of `errand:task` are implemented on the run's state itself.
struct Host;

impl HasData for Host {
    type Data<'a> = &'a mut RunState;
}

/// Makes the linker that every executor is linked with.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<RunState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    // Clocks, chance and files are our own: theirs would follow the host, charge nothing and know no
    // quota.
    linker.allow_shadowing(true);
    clocks::add_to_linker(&mut linker)?;
    poll::add_to_linker(&mut linker)?;
    random::add_to_linker(&mut linker)?;
    filesystem::add_to_linker(&mut linker)?;
    http::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);

    task::types::add_to_linker::<_, Host>(&mut linker, |state| state)?;
    task::progress::add_to_linker::<_, Host>(&mut linker, |state| state)?;
    approval::add_to_linker(&mut linker)?;
    children::add_to_linker(&mut linker)?;
    timers::add_to_linker(&mut linker)?;
    signals::add_to_linker(&mut linker)?;
    waiting::add_to_linker(&mut linker)?;
    task::checkpoint::add_to_linker::<_, Host>(&mut linker, |state| state)?;
    task::artifacts::add_to_linker::<_, Host>(&mut linker, |state| state)?;
    context::add_to_linker(&mut linker)?;
    Ok(linker)
}

impl task::types::Host for RunState {}

/// Lends a store for a call in between.
fn reborrow<'a>(store: &'a mut StoreContextMut<'_, RunState>) -> StoreContextMut<'a, RunState> {
    wasmtime::AsContextMut::as_context_mut(store)
}
