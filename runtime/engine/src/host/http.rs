//! `wasi:http`: linked, so that guests that know it load, and denied. What a guest may say of a request
//! that it never sends is bounded all the same.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{
    HostOutgoingRequest, Method, OutgoingRequest, Scheme,
};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks, WasiHttpView};

use super::clocks::WASI;
use crate::state::RunState;

/// Longest name of a method or a scheme, in bytes. The types take any, and the host would keep it.
const NAME_BYTES: usize = 64;
/// What a guest may write to a body at once.
const BODY_CHUNK_BYTES: usize = 64 << 10;

/// Puts a bound before what is linked already.
pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    type Named<T> = (Resource<OutgoingRequest>, T);
    type Set = wasmtime::Result<(std::result::Result<(), ()>,)>;
    let mut types = linker.instance(&format!("wasi:http/types@{WASI}"))?;
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

/// Refuses every outgoing request.
#[derive(Debug)]
pub(crate) struct Denied;

type Sent = Result<(http::Response<WasiBody>, Transfer)>;
type Transfer = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for Denied {
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
