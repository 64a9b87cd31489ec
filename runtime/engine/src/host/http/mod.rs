//! `wasi:http`: requests to where the operator has granted, each made once.
//!
//! A request is sent when its body is finished, as a call of the journal; its response is kept before the
//! guest sees the head. So a repeated run is told what the first one was told, and nothing is sent twice.
//! Which of several responses came first is an answer too ([`super::poll`]).
//!
//! The library's types stay for headers and requests; what is done with a request is ours.

mod exchange;
mod flights;
mod request;
mod response;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{
    HostOutgoingRequest, Method, OutgoingRequest, Scheme,
};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks, WasiHttpView};

use super::clocks::WASI;
use crate::state::RunState;

pub(crate) use exchange::Bodies;
pub(crate) use flights::{Flight, Outgoing, any_of, settle, settle_all};

/// Longest name of a method or a scheme, in bytes. The types take any, and the host would keep it.
const NAME_BYTES: usize = 64;
/// What a guest may write to a body at once.
const BODY_CHUNK_BYTES: usize = 64 << 10;

/// Replaces what is linked already.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let mut types = linker.instance(&format!("wasi:http/types@{WASI}"))?;
    bounded(&mut types)?;
    request::add_to_linker(&mut types)?;
    response::add_to_linker(&mut types)?;
    let mut handler = linker.instance(&format!("wasi:http/outgoing-handler@{WASI}"))?;
    request::handle(&mut handler)
}

/// Puts bounds before what the library does.
fn bounded(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    type Named<T> = (Resource<OutgoingRequest>, T);
    type Set = wasmtime::Result<(std::result::Result<(), ()>,)>;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, RunState>, (request, method): Named<Method>| -> Set {
            if matches!(&method, Method::Other(name) if name.len() > NAME_BYTES) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store: StoreContextMut<'_, RunState>,
         (request, scheme): Named<Option<Scheme>>|
         -> Set {
            if matches!(&scheme, Some(Scheme::Other(name)) if name.len() > NAME_BYTES) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_scheme(request, scheme)?,))
        },
    )
}

/// What the library asks: nothing is sent by it.
#[derive(Debug)]
pub(crate) struct Hooks;

type Sent = Result<(http::Response<WasiBody>, Transfer)>;
type Transfer = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Transfer,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}
