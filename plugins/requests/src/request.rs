//! What is sent.

use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use crate::fault::{Fault, Reason};
use crate::response::Response;
use std::time::Duration;
use url::{Position, Url};

/// What a stream takes in one blocking write.
const WRITE_BYTES: usize = 4096;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
}

impl Request {
    /// Asks with any method, without a body.
    pub fn new(method: &str, url: Url) -> Self {
        let method = match method.to_ascii_uppercase().as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "CONNECT" => Method::Connect,
            "OPTIONS" => Method::Options,
            "TRACE" => Method::Trace,
            "PATCH" => Method::Patch,
            _ => Method::Other(method.to_owned()),
        };
        Self { method, url, headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// Asks for what is there.
    pub fn get(url: Url) -> Self {
        Self::new("GET", url)
    }

    /// Hands over JSON.
    pub fn post_json(url: Url, body: Vec<u8>) -> Self {
        Self::new("POST", url).body(body).header("content-type", "application/json")
    }

    /// Hands over these bytes.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Adds a header. With an `idempotency-key` it is sent again where nobody knows whether it was made.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Bounds how long connecting, waiting for the answer's head, and waiting for its next piece may take.
    #[must_use]
    pub fn timeout(mut self, each: Duration) -> Self {
        self.timeout = Some(each);
        self
    }

    /// Sends it, and waits for the answer, whatever its status.
    ///
    /// # Errors
    /// A [`Fault`] where there is no answer.
    pub fn send(self) -> Result<Response, Fault> {
        let host = self.url[Position::BeforeHost..Position::AfterPort].to_owned();
        let wrong = |what: &str| Fault::new(Reason::Invalid, format!("{host}: {what}"));
        let fields = Fields::new();
        for (name, value) in &self.headers {
            fields
                .append(name, value.as_bytes())
                .map_err(|_| wrong(&format!("the header {name:?} can't be sent")))?;
        }
        let is_said =
            self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if !self.body.is_empty() && !is_said {
            let length = self.body.len().to_string();
            fields
                .append("content-length", length.as_bytes())
                .map_err(|_| wrong("its length can't be said"))?;
        }
        let request = OutgoingRequest::new(fields);
        let scheme = match self.url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        // With a user and a password, where it has them: the host says that it takes none.
        let authority = &self.url[Position::BeforeUsername..Position::AfterPort];
        let path = &self.url[Position::BeforePath..Position::AfterQuery];
        request
            .set_method(&self.method)
            .and_then(|()| request.set_scheme(Some(&scheme)))
            .and_then(|()| request.set_authority(Some(authority)))
            .and_then(|()| request.set_path_with_query(Some(path)))
            .map_err(|()| wrong("this can't be asked for"))?;
        let body = request.body().map_err(|()| wrong("it takes no body"))?;
        let options = self.timeout.map(options);
        let future = outgoing_handler::handle(request, options)
            .map_err(|code| Fault::from_code(&host, &code))?;
        write(body, &self.body);
        let response = wait(&future).map_err(|code| Fault::from_code(&host, &code))?;
        Response::new(host.clone(), response)
    }
}

fn options(each: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX).max(1);
    // A host that has no such bound has its own.
    let _ = options.set_connect_timeout(Some(nanoseconds));
    let _ = options.set_first_byte_timeout(Some(nanoseconds));
    let _ = options.set_between_bytes_timeout(Some(nanoseconds));
    options
}

/// Writes a body. Where nobody reads it any more, the answer says why, or came early.
fn write(body: OutgoingBody, bytes: &[u8]) {
    if let Ok(stream) = body.write() {
        for piece in bytes.chunks(WRITE_BYTES) {
            if stream.blocking_write_and_flush(piece).is_err() {
                break;
            }
        }
    }
    let _ = OutgoingBody::finish(body, None);
}

fn wait(
    future: &FutureIncomingResponse,
) -> Result<crate::bindings::wasi::http::types::IncomingResponse, ErrorCode> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(answer)) => answer,
        // It is ready, and taken once.
        Some(Err(())) | None => Err(ErrorCode::InternalError(None)),
    }
}
