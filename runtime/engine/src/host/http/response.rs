//! Responses as guests read them: from what is kept, never from the network.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use errand_core::{Digest, HttpFault};
use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynPollable, InputStream, Pollable, StreamError, StreamResult, subscribe,
};
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::bindings::http::types::{
    DnsErrorPayload, ErrorCode, FutureIncomingResponse, FutureTrailers, IncomingBody,
    IncomingResponse,
};
use wasmtime_wasi_http::p2::body::HostFutureTrailers;
use wasmtime_wasi_http::p2::types::HostIncomingResponse;

use super::exchange::{Bodies, Body, HttpAnswer, Response};
use super::flights::{Flight, State};
use crate::ended::Ended;
use crate::fuel::FuelGauge;
use crate::state::RunState;

/// What is read in one call at the most, and of a body that is no part of the journal's entry at once.
const CHUNK_BYTES: usize = 64 << 10;

/// The guest's hold on a request that it handed over.
pub(super) struct Handle {
    pub(super) flight: Flight,
}

#[async_trait]
impl Pollable for Handle {
    /// Never asked: who waits for a request comes through `poll`, which knows its number.
    async fn ready(&mut self) {}
}

/// A response's body, where it lies.
pub(crate) enum Stored {
    Inline(Bytes),
    Blob { digest: Digest, size_bytes: u64, bodies: Bodies },
}

/// A response's body in the guest's hands.
struct Taken(Option<Stored>);

type Own<T> = wasmtime::Result<(Result<Resource<T>, ()>,)>;
type Got = Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>;

pub(super) fn add_to_linker(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    futures(types)?;
    types.resource(
        "incoming-response",
        ResourceType::host::<IncomingResponse>(),
        |mut store, rep| {
            let state = store.data_mut();
            state.outgoing.responses.remove(&rep);
            state.table.delete(Resource::<IncomingResponse>::new_own(rep))?;
            Ok(())
        },
    )?;
    types.func_wrap(
        "[method]incoming-response.consume",
        |mut store: StoreContextMut<'_, RunState>,
         (response,): (Resource<IncomingResponse>,)|
         -> Own<IncomingBody> {
            let state = store.data_mut();
            let Some(stored) = state.outgoing.responses.remove(&response.rep()) else {
                return Ok((Err(()),));
            };
            let body = state.table.push(Taken(Some(stored)))?;
            Ok((Ok(Resource::new_own(body.rep())),))
        },
    )?;
    types.resource("incoming-body", ResourceType::host::<IncomingBody>(), |mut store, rep| {
        store.data_mut().table.delete(Resource::<Taken>::new_own(rep))?;
        Ok(())
    })?;
    types.func_wrap(
        "[method]incoming-body.stream",
        |mut store: StoreContextMut<'_, RunState>,
         (body,): (Resource<IncomingBody>,)|
         -> Own<DynInputStream> {
            let state = store.data_mut();
            let ours = Resource::<Taken>::new_borrow(body.rep());
            let Some(stored) = state.table.get_mut(&ours)?.0.take() else {
                return Ok((Err(()),));
            };
            let stream: DynInputStream = Box::new(BodyStream::new(stored, state.fuel.clone()));
            Ok((Ok(state.table.push_child(stream, &ours)?),))
        },
    )?;
    types.func_wrap(
        "[static]incoming-body.finish",
        |mut store: StoreContextMut<'_, RunState>, (body,): (Resource<IncomingBody>,)| {
            let state = store.data_mut();
            state.table.delete(Resource::<Taken>::new_own(body.rep()))?;
            let trailers: Resource<FutureTrailers> =
                state.table.push(HostFutureTrailers::Done(Ok(None)))?;
            Ok((trailers,))
        },
    )
}

fn futures(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    types.resource(
        "future-incoming-response",
        ResourceType::host::<FutureIncomingResponse>(),
        |mut store, rep| {
            let state = store.data_mut();
            let handle = state.table.delete(Resource::<Handle>::new_own(rep))?;
            // What nobody holds any more is given up.
            state.outgoing.flights.remove(&handle.flight);
            Ok(())
        },
    )?;
    types.func_wrap(
        "[method]future-incoming-response.subscribe",
        |mut store: StoreContextMut<'_, RunState>,
         (future,): (Resource<FutureIncomingResponse>,)| {
            let state = store.data_mut();
            let handle = Resource::<Handle>::new_borrow(future.rep());
            let flight = state.table.get(&handle)?.flight;
            let pollable: Resource<DynPollable> = subscribe(&mut state.table, handle)?;
            state.outgoing.pollables.insert(pollable.rep(), flight);
            Ok((pollable,))
        },
    )?;
    types.func_wrap(
        "[method]future-incoming-response.get",
        |mut store: StoreContextMut<'_, RunState>,
         (future,): (Resource<FutureIncomingResponse>,)|
         -> wasmtime::Result<(Got,)> {
            let state = store.data_mut();
            let handle = Resource::<Handle>::new_borrow(future.rep());
            let flight = state.table.get(&handle)?.flight;
            let answer = match state.outgoing.flights.get_mut(&flight) {
                Some(seen @ State::Seen { .. }) => match std::mem::replace(seen, State::Taken) {
                    State::Seen { answer } => answer,
                    _ => return Ok((Some(Err(())),)),
                },
                Some(State::Taken) => return Ok((Some(Err(())),)),
                // Whether it is there by now is news that a wait brings, and nothing else.
                Some(State::Begun { .. } | State::Unsent(..)) | None => return Ok((None,)),
            };
            Ok((Some(Ok(given(state, answer)?)),))
        },
    )
}

/// Hands an answer over.
fn given(
    state: &mut RunState,
    answer: HttpAnswer,
) -> wasmtime::Result<Result<Resource<IncomingResponse>, ErrorCode>> {
    let Response { status, headers, body } = match answer {
        HttpAnswer::Response(response) => response,
        HttpAnswer::Fault(fault) => return Ok(Err(code_of(fault))),
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value: Option<Vec<u8>> = value.chars().map(|char| u8::try_from(char).ok()).collect();
        let value = value.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        if let (Ok(name), Some(value)) = (HeaderName::try_from(name), value) {
            map.append(name, value);
        }
    }
    let stored = match body {
        Body::Inline(text) => match BASE64_STANDARD.decode(text) {
            Ok(bytes) => Stored::Inline(bytes.into()),
            Err(error) => {
                return Err(Ended::Host(format!("a kept response can't be read: {error}")).into());
            }
        },
        Body::Blob { digest, size_bytes } => {
            Stored::Blob { digest, size_bytes, bodies: state.outgoing.bodies.clone() }
        }
    };
    let headers = FieldMap::new_immutable(&mut state.hooks, map);
    let response = state.table.push(HostIncomingResponse { status, headers, body: None })?;
    state.outgoing.responses.insert(response.rep(), stored);
    Ok(Ok(response))
}

/// Says a fault as WASI does. Where there is no case for it, or none with a text that says what to do, it
/// is an internal error with our code before the text.
fn code_of(fault: HttpFault) -> ErrorCode {
    let HttpFault { code, message } = fault;
    match code.as_str() {
        "connect" => ErrorCode::ConnectionRefused,
        "timeout" => ErrorCode::HttpResponseTimeout,
        "dns" => ErrorCode::DnsError(DnsErrorPayload { rcode: Some(message), info_code: None }),
        _ => ErrorCode::InternalError(Some(format!("{code}: {message}"))),
    }
}

/// A body as it is read.
struct BodyStream {
    stored: Stored,
    at: u64,
    /// What is read next: of a blob, what was loaded of it last.
    piece: Bytes,
    failed: Option<String>,
    fuel: FuelGauge,
}

impl BodyStream {
    fn new(stored: Stored, fuel: FuelGauge) -> Self {
        let piece = match &stored {
            Stored::Inline(bytes) => bytes.clone(),
            Stored::Blob { .. } => Bytes::new(),
        };
        Self { stored, at: 0, piece, failed: None, fuel }
    }

    fn is_at_end(&self) -> bool {
        self.piece.is_empty()
            && match &self.stored {
                Stored::Inline(_) => true,
                Stored::Blob { size_bytes, .. } => self.at >= *size_bytes,
            }
    }
}

impl InputStream for BodyStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if let Some(why) = self.failed.take() {
            let ended = Ended::Host(format!("a kept response can't be read: {why}"));
            return Err(StreamError::Trap(ended.into()));
        }
        if self.is_at_end() {
            return Err(StreamError::Closed);
        }
        // What is not loaded yet is loaded by a wait, so that this depends on the guest's calls alone.
        let read = self.piece.split_to(self.piece.len().min(size).min(CHUNK_BYTES));
        let charged = self.fuel.charge_bytes(read.len() as u64);
        charged.map_err(|ended| StreamError::Trap(ended.into()))?;
        Ok(read)
    }
}

#[async_trait]
impl Pollable for BodyStream {
    async fn ready(&mut self) {
        let Stored::Blob { digest, size_bytes, bodies } = &self.stored else { return };
        if !self.piece.is_empty() || self.at >= *size_bytes {
            return;
        }
        let _waiting = self.fuel.waiting();
        match bodies.read(*digest, self.at, CHUNK_BYTES).await {
            Ok(piece) if piece.is_empty() => self.failed = Some("it is shorter than it was".into()),
            Ok(piece) => {
                self.at += piece.len() as u64;
                self.piece = piece;
            }
            Err(why) => self.failed = Some(why),
        }
    }
}
