//! The client: a request's way from a guest's words to the head of an answer.
//!
//! Owns the order of the checks, the connections that are kept, and the bounds on how much goes on at
//! once. A request that may have been sent is never sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use errand_core::{
    BoxFuture, Egress, ExecutorRef, Granting, HttpGrant, Namespace, OutgoingError, OutgoingRequest,
    OutgoingResponse, SecretName, Veil,
};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http::{Method, StatusCode};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::TokioTimer;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::body::{Body, Bounds, State};
use crate::choice::Asked;
use crate::coding::Decoder;
use crate::connect::{Connector, Dialler, Reach};
use crate::dns::Resolver;
use crate::failure;
use crate::head::{self, Head};
use crate::rate::{Counted, Rates};
use crate::secrets::{Covering, Secrets};
use crate::tls::Tls;
use crate::veil::{self, Cover};

/// What a server may send ahead over HTTP/2: of one response, and of all on a connection together, so that
/// a guest that is slow to read does not hold up the others.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// How long an HTTP/2 connection with requests may be silent before it is asked whether it lives, and how
/// long the answer may take.
const SILENT: Duration = Duration::from_secs(20);
const ALIVE: Duration = Duration::from_secs(10);
/// Headers of a response at most.
pub(crate) const MAX_HEADERS: usize = 128;
/// Bytes of a response's head at most, and of what is read of a connection at once.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Bytes of a body where its grant says nothing.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// Requests under way at most, their answers included: each has a connection, and so a file of the
/// process. More wait.
const MAX_UNDER_WAY: usize = 4_096;
/// Connections of an endpoint that are kept for the next request: as many as a busy guest has at once.
const MAX_IDLE: usize = 32;
/// How long they are kept. Servers close theirs after 5 s to 75 s.
const IDLE: Duration = Duration::from_secs(20);

/// What a [`Client`] is made of.
pub struct EgressOptions {
    /// Says what is granted, at each request.
    pub granting: Arc<dyn Granting>,
    /// The operator's secrets.
    pub secrets: Secrets,
    /// The operator's own DNS server; nothing: as the system is configured, its list of hosts included.
    pub nameserver: Option<SocketAddr>,
    /// Certificates in PEM of authorities that are trusted beside the platform's; empty for none.
    pub extra_roots_pem: Vec<u8>,
    /// Where connections live. Requests may be made from anywhere.
    pub runtime: Handle,
}

impl fmt::Debug for EgressOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressOptions")
            .field("secrets", &self.secrets)
            .field("nameserver", &self.nameserver)
            .finish_non_exhaustive()
    }
}

/// Sends requests as granted.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

type Http = legacy::Client<Connector, Full<Bytes>>;

struct Shared {
    granting: Arc<dyn Granting>,
    secrets: Secrets,
    rates: Rates,
    under_way: Arc<Semaphore>,
    runtime: Handle,
    /// With connections to vetted addresses of the open internet alone.
    public: Http,
    /// With connections that a grant let go anywhere. They are not for requests without such a grant.
    private: Http,
}

impl Client {
    /// Makes a client. Nothing is read and nothing connected before there is a request.
    pub fn new(options: EgressOptions) -> Self {
        let dialler = Dialler {
            resolver: Resolver::new(options.nameserver),
            tls: Tls::new(options.extra_roots_pem),
            #[cfg(test)]
            instead: Default::default(),
        };
        Self::with_dialler(options.granting, options.secrets, options.runtime, dialler)
    }

    pub(crate) fn with_dialler(
        granting: Arc<dyn Granting>,
        secrets: Secrets,
        runtime: Handle,
        dialler: Dialler,
    ) -> Self {
        let dialler = Arc::new(dialler);
        let http = |reach| http(&runtime, Connector { dialler: Arc::clone(&dialler), reach });
        let (public, private) = (http(Reach::Public), http(Reach::Private));
        let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        let rates = Rates::default();
        let shared = Shared { granting, secrets, rates, under_way, runtime, public, private };
        Self { shared: Arc::new(shared) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("secrets", &self.shared.secrets).finish_non_exhaustive()
    }
}

/// Makes one of the two clients with their own connections.
fn http(runtime: &Handle, connector: Connector) -> Http {
    legacy::Client::builder(OnRuntime(runtime.clone()))
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MAX_IDLE)
        // Tries again what was given to a kept connection that had been closed, where nothing of it was
        // written. What may have been written is not tried again.
        .retry_canceled_requests(true)
        .http1_max_headers(MAX_HEADERS)
        .http1_max_buf_size(MAX_HEAD_BYTES)
        .http2_max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(SILENT)
        .http2_keep_alive_timeout(ALIVE)
        .build(connector)
}

/// Puts what a connection does onto its runtime, whoever asks.
#[derive(Clone)]
struct OnRuntime(Handle);

impl<F> hyper::rt::Executor<F> for OnRuntime
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

impl Egress for Client {
    fn send(
        &self,
        request: OutgoingRequest,
    ) -> BoxFuture<'static, Result<OutgoingResponse, OutgoingError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let runtime = shared.runtime.clone();
            let mut task = GivenUpOnDrop(runtime.spawn(exchange(shared, request)));
            (&mut task.0).await.unwrap_or_else(|error| {
                Err(OutgoingError::Broken(format!("the request was given up: {error}")))
            })
        })
    }

    fn veil(&self, namespace: &Namespace, executor: &ExecutorRef) -> Option<Arc<dyn Veil>> {
        let grants = self.shared.granting.granted(namespace, executor);
        let names: BTreeSet<SecretName> = grants.secrets().cloned().collect();
        if names.is_empty() {
            return None;
        }
        let secrets = self.shared.secrets.clone();
        if secrets.has_unread(&names) {
            let (secrets, names) = (secrets.clone(), names.clone());
            self.shared.runtime.spawn(async move { secrets.learn(&names).await });
        }
        Some(Arc::new(Covering { secrets, names }))
    }
}

struct GivenUpOnDrop<T>(JoinHandle<T>);

impl<T> Drop for GivenUpOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(
    shared: Arc<Shared>,
    request: OutgoingRequest,
) -> Result<OutgoingResponse, OutgoingError> {
    let start = Instant::now();
    let total_ms = request.timeouts.total_ms;
    let deadline = after(start, total_ms);
    let mut head = Head::read(&request)?;
    let used = head.secrets();
    let grants = shared.granting.granted(&request.namespace, &request.executor);
    let endpoint = head.endpoint.clone();
    let asked = Asked {
        namespace: &request.namespace,
        executor: &request.executor,
        method: &request.method,
        endpoint: &endpoint,
        secrets: &used,
    };
    let chosen = asked.choose(&grants).map_err(OutgoingError::Denied)?;
    let covered: BTreeSet<SecretName> = grants.secrets().cloned().collect();
    let ready = async {
        shared.fill(&mut head, &used).await?;
        shared.secrets.learn(&covered).await;
        shared.turn(&request, chosen.grant, deadline).await
    };
    let late = |what| OutgoingError::Timeout { what, after_ms: total_ms };
    let permit = tokio::time::timeout_at(deadline, ready)
        .await
        .map_err(|_| late("waiting for a turn to be sent"))??;

    let bounds = Bounds {
        bytes: chosen.grant.max_response_bytes.unwrap_or(MAX_BODY_BYTES),
        between_bytes_ms: request.timeouts.between_bytes_ms,
        total_ms,
        deadline,
    };
    let method = head.method.clone();
    let client = match chosen.reach {
        Reach::Public => &shared.public,
        Reach::Private => &shared.private,
    };
    let response =
        answer(client, head, &request, deadline, || asked.not_private(Some(chosen.reach))).await?;
    let cover = shared.secrets.cover(&covered);
    let opened = Opened { cover, is_secret: !used.is_empty(), bounds, permit };
    opened.response(&method, response, shared.runtime.clone())
}

impl Shared {
    async fn fill(
        &self,
        head: &mut Head,
        used: &BTreeSet<(SecretName, String)>,
    ) -> Result<(), OutgoingError> {
        let mut values = BTreeMap::new();
        for (name, _) in used {
            let value = self.secrets.value(name).await.map_err(OutgoingError::Denied)?;
            values.insert(name.clone(), value);
        }
        head.fill(&values)
    }

    /// Waits until a request may be sent.
    async fn turn(
        &self,
        request: &OutgoingRequest,
        grant: &HttpGrant,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, OutgoingError> {
        if let Some(per_minute) = grant.rate_per_minute {
            let counted = Counted {
                namespace: request.namespace.clone(),
                executor: request.executor.name.clone(),
                grant: format!("{} {}", grant.methods.join(","), grant.url),
            };
            let turn = self.rates.turn(counted, per_minute, Instant::now(), deadline);
            let turn = turn.ok_or(OutgoingError::Timeout {
                what: "waiting for a turn under the grant's rate",
                after_ms: request.timeouts.total_ms,
            })?;
            tokio::time::sleep_until(turn).await;
        }
        let permit = Arc::clone(&self.under_way).acquire_owned().await;
        permit.map_err(|error| OutgoingError::Connect(error.to_string()))
    }
}

/// Sends a request and waits for the head of its answer.
async fn answer(
    client: &Http,
    head: Head,
    request: &OutgoingRequest,
    deadline: Instant,
    not_private: impl FnOnce() -> String,
) -> Result<http::Response<Incoming>, OutgoingError> {
    let timeouts = request.timeouts;
    let Head { method, uri, endpoint, headers, .. } = head;
    let mut message = http::Request::new(Full::new(request.body.clone()));
    *message.method_mut() = method;
    *message.uri_mut() = uri;
    *message.headers_mut() = headers;
    let mut connection = capture_connection(&mut message);
    let failed = |error| failure::of_request(&error, &endpoint, not_private);
    let late = |what, after_ms| OutgoingError::Timeout { what, after_ms };

    let mut answer = std::pin::pin!(client.request(message));
    let connect = after(Instant::now(), timeouts.connect_ms).min(deadline);
    tokio::select! {
        biased;
        answer = &mut answer => return answer.map_err(failed),
        _ = connection.wait_for_connection_metadata() => {}
        () = tokio::time::sleep_until(connect) => {
            // Said as what it is: nothing was sent.
            let within = timeouts.connect_ms.min(timeouts.total_ms);
            let text = format!("no connection to {endpoint} within {within} ms");
            return Err(OutgoingError::Connect(text));
        }
    }
    let first_byte = after(Instant::now(), timeouts.first_byte_ms);
    match tokio::time::timeout_at(first_byte.min(deadline), answer).await {
        Ok(answer) => answer.map_err(failed),
        Err(_) if first_byte < deadline => Err(late("the response", timeouts.first_byte_ms)),
        Err(_) => Err(late("the whole response", timeouts.total_ms)),
    }
}

/// What is known of an answer before it is looked at.
struct Opened {
    cover: Option<Arc<Cover>>,
    /// Whether a secret was sent.
    is_secret: bool,
    bounds: Bounds,
    permit: OwnedSemaphorePermit,
}

impl Opened {
    fn response(
        self,
        method: &Method,
        response: http::Response<Incoming>,
        runtime: Handle,
    ) -> Result<OutgoingResponse, OutgoingError> {
        let (mut head, incoming) = response.into_parts();
        if head.status.is_informational() {
            return Err(OutgoingError::Broken(format!("{} was not asked for", head.status)));
        }
        if head.headers.len() > MAX_HEADERS {
            return Err(failure::too_many_headers());
        }
        // The connection's own bound is met when its buffer is full, which may be later.
        let bytes: usize =
            head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > MAX_HEAD_BYTES {
            return Err(failure::too_long_head());
        }
        let has_body = *method != Method::HEAD
            && !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let decoder =
            self.decoder(&mut head.headers, has_body, head.status, incoming.is_end_stream())?;
        if has_body
            && decoder.is_none()
            && head::said_length(&head.headers).is_some_and(|bytes| bytes > self.bounds.bytes)
        {
            let value = self.bounds.bytes;
            return Err(OutgoingError::Limit { name: "max_response_bytes", value });
        }
        if decoder.is_some() || (has_body && self.cover.is_some()) {
            head.headers.remove(CONTENT_LENGTH);
        }
        let mut headers = head::told(&head.headers);
        if let Some(cover) = &self.cover {
            for (_, value) in &mut headers {
                if let Some(covered) = cover.cover(value) {
                    *value = Bytes::from(covered);
                }
            }
        }
        let body = Body {
            incoming,
            decoder,
            veil: self.cover.map(veil::Stream::new),
            packed: Bytes::new(),
            state: State::Coming,
            bounds: self.bounds,
            came: 0,
            given: 0,
            runtime,
            _permit: self.permit,
        };
        Ok(OutgoingResponse { status: head.status.as_u16(), headers, body: Box::new(body) })
    }

    /// Returns what unpacks the body, and takes what says that it is packed off its head.
    fn decoder(
        &self,
        headers: &mut HeaderMap,
        has_body: bool,
        status: StatusCode,
        is_empty: bool,
    ) -> Result<Option<Decoder>, OutgoingError> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = match (codings.next(), codings.next()) {
            (None, _) => return Ok(None),
            (Some(coding), None) => coding.to_str().unwrap_or("?").to_owned(),
            (Some(_), Some(_)) => "several".to_owned(),
        };
        if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
            return Ok(None);
        }
        // A part of what is packed can't be unpacked.
        let decoder =
            if status == StatusCode::PARTIAL_CONTENT { None } else { Decoder::of(&coding) };
        let Some(decoder) = decoder else {
            if has_body && !is_empty && (self.is_secret || self.cover.is_some()) {
                return Err(OutgoingError::Broken(format!(
                    "the response is packed as {coding:?}, which was not asked for \
                     and can't be searched for secrets"
                )));
            }
            return Ok(None);
        };
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
        Ok(has_body.then_some(decoder))
    }
}

/// Returns an instant so many milliseconds later, or one far away.
fn after(start: Instant, ms: u64) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 24 * 3_600);
    start + Duration::from_millis(ms).min(FAR)
}
