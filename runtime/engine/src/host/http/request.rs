//! Requests as guests put them together: a head, and a body that is gathered here until it is finished.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use errand_core::{ErrorCode as Code, Timeouts};
use serde_json::{Value, json};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme, Trailers,
};

use super::flights::{MAX_REQUESTS, begin};
use super::response::Handle;
use crate::ended::Ended;
use crate::fuel::FuelGauge;
use crate::state::RunState;

/// What all bodies of a run may take whose requests are not answered yet.
const MAX_UNSENT_BYTES: usize = 32 << 20;
/// What is taken of a body in one call.
const CHUNK_BYTES: usize = 64 << 10;

/// How long a request may take where its guest does not say.
const DEFAULT_CONNECT: Duration = Duration::from_secs(30);
const DEFAULT_FIRST_BYTE: Duration = Duration::from_secs(600);
const DEFAULT_BETWEEN_BYTES: Duration = Duration::from_secs(120);
/// How long it may take in all, whatever its guest says.
const TOTAL: Duration = Duration::from_secs(1_800);

/// A request without its body, as it is to be sent.
pub(super) struct Prepared {
    pub(super) method: String,
    pub(super) url: String,
    /// The host, and the port where it is written.
    pub(super) host: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, Bytes)>,
    pub(super) timeouts: Timeouts,
}

impl Prepared {
    /// Returns what a repeated request must be the same in.
    pub(super) fn arguments(&self, body: &[u8]) -> Value {
        let mut head = blake3::Hasher::new();
        for (name, value) in &self.headers {
            for part in [name.as_bytes(), value] {
                head.update(&(part.len() as u64).to_le_bytes());
                head.update(part);
            }
        }
        let short = |hash: blake3::Hash| hash.to_hex()[..16].to_owned();
        json!([self.method, self.url, short(head.finalize()), short(blake3::hash(body))])
    }
}

/// A body as it is gathered. Clones share it.
#[derive(Clone)]
pub(super) struct Gathered(Arc<Mutex<Gathering>>);

struct Gathering {
    bytes: BytesMut,
    /// What the head says that it will be.
    announced: Option<u64>,
    finished: bool,
    /// What all bodies of the run take.
    room: Room,
}

/// What bodies take that are not answered yet.
#[derive(Clone, Default)]
pub(super) struct Room(Arc<Mutex<usize>>);

/// A body's part of the room, while its request is on its way.
pub(super) struct Taken(Room, usize);

impl Drop for Taken {
    fn drop(&mut self) {
        *self.0.lock() -= self.1;
    }
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        *self.room.lock() -= self.bytes.len();
    }
}

impl Gathered {
    fn new(announced: Option<u64>, room: Room) -> Self {
        let gathering = Gathering { bytes: BytesMut::new(), announced, finished: false, room };
        Self(Arc::new(Mutex::new(gathering)))
    }

    /// Tells whether two are the same body.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A body of nothing.
    fn none(room: Room) -> Self {
        let none = Self::new(None, room);
        none.lock().finished = true;
        none
    }

    fn is_finished(&self) -> bool {
        self.lock().finished
    }

    fn append(&self, bytes: &[u8]) -> Result<(), Ended> {
        let mut gathering = self.lock();
        let mut taken = gathering.room.lock();
        if *taken + bytes.len() > MAX_UNSENT_BYTES {
            let value = MAX_UNSENT_BYTES as u64;
            return Err(Ended::bound(Code::OutputLimit, "http_request_bytes", value));
        }
        *taken += bytes.len();
        drop(taken);
        gathering.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Says that this is all.
    fn finish(&self) -> Result<(), ErrorCode> {
        let mut gathering = self.lock();
        let size = gathering.bytes.len() as u64;
        if gathering.announced.is_some_and(|announced| announced != size) {
            return Err(ErrorCode::HttpRequestBodySize(Some(size)));
        }
        gathering.finished = true;
        Ok(())
    }

    /// Takes the bytes out, and their part of the room.
    pub(super) fn take(&self) -> (Bytes, Taken) {
        let mut gathering = self.lock();
        let bytes = gathering.bytes.split().freeze();
        let taken = Taken(gathering.room.clone(), bytes.len());
        (bytes, taken)
    }

    fn lock(&self) -> MutexGuard<'_, Gathering> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// A body in the guest's hands.
struct Body {
    gathered: Gathered,
    /// Whether its stream was given out.
    streamed: bool,
}

/// The stream that a guest writes a body to.
struct BodyStream {
    gathered: Gathered,
    fuel: FuelGauge,
}

impl OutputStream for BodyStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let charged = self.fuel.charge_bytes(bytes.len() as u64);
        charged
            .and_then(|()| self.gathered.append(&bytes))
            .map_err(|ended| StreamError::Trap(ended.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

#[async_trait]
impl Pollable for BodyStream {
    async fn ready(&mut self) {}
}

type Own<T> = wasmtime::Result<(Result<Resource<T>, ()>,)>;

pub(super) fn add_to_linker(types: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    types.resource(
        "outgoing-request",
        ResourceType::host::<OutgoingRequest>(),
        |mut store, rep| {
            let state = store.data_mut();
            state.outgoing.unsent.remove(&rep);
            state.table.delete(Resource::<OutgoingRequest>::new_own(rep))?;
            Ok(())
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.body",
        |mut store: StoreContextMut<'_, RunState>,
         (request,): (Resource<OutgoingRequest>,)|
         -> Own<OutgoingBody> {
            let state = store.data_mut();
            let announced = content_length(&state.table.get(&request)?.headers);
            let (Ok(announced), false) =
                (announced, state.outgoing.unsent.contains_key(&request.rep()))
            else {
                return Ok((Err(()),));
            };
            let gathered = Gathered::new(announced, state.outgoing.room.clone());
            state.outgoing.unsent.insert(request.rep(), gathered.clone());
            let body = Body { gathered, streamed: false };
            let body = state.table.push(body)?;
            Ok((Ok(Resource::new_own(body.rep())),))
        },
    )?;
    types.resource("outgoing-body", ResourceType::host::<OutgoingBody>(), |mut store, rep| {
        store.data_mut().table.delete(Resource::<Body>::new_own(rep))?;
        Ok(())
    })?;
    types.func_wrap(
        "[method]outgoing-body.write",
        |mut store: StoreContextMut<'_, RunState>,
         (body,): (Resource<OutgoingBody>,)|
         -> Own<DynOutputStream> {
            let state = store.data_mut();
            let ours = Resource::<Body>::new_borrow(body.rep());
            let body = state.table.get_mut(&ours)?;
            if body.streamed {
                return Ok((Err(()),));
            }
            body.streamed = true;
            let stream = BodyStream { gathered: body.gathered.clone(), fuel: state.fuel.clone() };
            let stream: DynOutputStream = Box::new(stream);
            Ok((Ok(state.table.push_child(stream, &ours)?),))
        },
    )?;
    types.func_wrap_async(
        "[static]outgoing-body.finish",
        |mut store: StoreContextMut<'_, RunState>,
         (body, trailers): (Resource<OutgoingBody>, Option<Resource<Trailers>>)| {
            Box::new(async move {
                let state = store.data_mut();
                let body = state.table.delete(Resource::<Body>::new_own(body.rep()))?;
                if let Some(trailers) = trailers
                    && !state.table.delete(trailers)?.is_empty()
                {
                    let text = "trailers can't be sent".into();
                    return Ok((Err(ErrorCode::InternalError(Some(text))),));
                }
                if let Err(error) = body.gathered.finish() {
                    return Ok((Err(error),));
                }
                if let Some(flight) = state.outgoing.flight_of(&body.gathered) {
                    begin(state, flight).await?;
                }
                Ok((Ok(()),))
            })
        },
    )
}

/// Takes requests over.
pub(super) fn handle(handler: &mut LinkerInstance<'_, RunState>) -> wasmtime::Result<()> {
    handler.func_wrap_async(
        "handle",
        |mut store: StoreContextMut<'_, RunState>,
         (request, options): (Resource<OutgoingRequest>, Option<Resource<RequestOptions>>)| {
            Box::new(async move {
                let state = store.data_mut();
                let timeouts = match options {
                    Some(options) => timeouts(&state.table.delete(options)?),
                    None => timeouts(&RequestOptions::default()),
                };
                let body = state.outgoing.unsent.remove(&request.rep());
                let request = state.table.delete(request)?;
                let body = body.unwrap_or_else(|| Gathered::none(state.outgoing.room.clone()));
                let prepared = match prepare(request, timeouts) {
                    Ok(prepared) => prepared,
                    Err(error) => return Ok((Err(error),)),
                };
                if state.outgoing.flights.len() >= MAX_REQUESTS {
                    let text = format!("limit: {MAX_REQUESTS} requests are there at once already");
                    return Ok((Err(ErrorCode::InternalError(Some(text))),));
                }
                let finished = body.is_finished();
                let flight = state.outgoing.add(prepared, body);
                if finished {
                    begin(state, flight).await?;
                }
                let future = state.table.push(Handle { flight })?;
                let future = Resource::<FutureIncomingResponse>::new_own(future.rep());
                Ok((Ok::<_, ErrorCode>(future),))
            })
        },
    )
}

fn timeouts(options: &RequestOptions) -> Timeouts {
    let ms = |asked: Option<Duration>, default: Duration| {
        u64::try_from(asked.unwrap_or(default).min(TOTAL).as_millis()).unwrap_or(u64::MAX).max(1)
    };
    Timeouts {
        connect_ms: ms(options.connect_timeout, DEFAULT_CONNECT),
        first_byte_ms: ms(options.first_byte_timeout, DEFAULT_FIRST_BYTE),
        between_bytes_ms: ms(options.between_bytes_timeout, DEFAULT_BETWEEN_BYTES),
        total_ms: ms(None, TOTAL),
    }
}

/// Reads the length that a head announces.
fn content_length(headers: &http::HeaderMap) -> Result<Option<u64>, ()> {
    let Some(value) = headers.get(http::header::CONTENT_LENGTH) else { return Ok(None) };
    value.to_str().ok().and_then(|text| text.parse().ok()).map(Some).ok_or(())
}

/// Puts the head together.
fn prepare(
    request: wasmtime_wasi_http::p2::types::HostOutgoingRequest,
    timeouts: Timeouts,
) -> Result<Prepared, ErrorCode> {
    let method = match request.method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    };
    let scheme = match request.scheme {
        None | Some(Scheme::Https) => "https",
        Some(Scheme::Http) => "http",
        Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
    };
    let Some(host) = request.authority.filter(|authority| !authority.is_empty()) else {
        return Err(ErrorCode::HttpRequestUriInvalid);
    };
    let path = request.path_with_query.unwrap_or_else(|| "/".into());
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())));
    let url = format!("{scheme}://{host}{path}");
    // What is told of it has no user in it, and no password.
    let host = host.rsplit('@').next().unwrap_or_default().to_owned();
    Ok(Prepared { method, url, headers: headers.collect(), host, timeouts })
}
