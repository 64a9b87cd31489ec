//! One exchange over HTTP: a message out, and what comes back of it.

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sse_stream::SseStream;

use super::place::Place;
use crate::errors::Result;

/// Bytes of an answer that is no stream.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Makes connections.
pub(super) struct Wire(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// Nobody was reached: nothing was sent.
    #[error("no server answers: {0}")]
    Unreached(String),
    /// Something was sent, and what became of it is not known.
    #[error("the connection to the server broke: {0}")]
    Midway(String),
}

impl Wire {
    pub(super) fn new() -> Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("read this machine's certificates")?
            .https_or_http()
            .enable_http1()
            .build();
        // One that the server may have closed in the meantime is never used again.
        Ok(Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)))
    }

    /// Sends a request, and returns once the answer begins.
    pub(super) async fn send(
        &self,
        place: &Place,
        method: Method,
        headers: &[(&str, String)],
        body: String,
    ) -> std::result::Result<Response<Incoming>, Broken> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/mcp", place.url))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        if let Some(token) = &place.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Broken::Unreached(error.to_string()))?;
        self.0.request(request).await.map_err(|error| {
            let is_unreached = error.is_connect();
            let text = format!("{:#}", anyhow::Error::from(error));
            if is_unreached { Broken::Unreached(text) } else { Broken::Midway(text) }
        })
    }
}

/// What an answer is.
pub(super) enum Body {
    /// One after another.
    Stream(SseStream<Incoming>),
    /// All of it.
    Whole(String),
}

/// Tells an answer that goes on from one that is whole.
pub(super) async fn body(
    response: Response<Incoming>,
) -> std::result::Result<(StatusCode, Body), Broken> {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return Ok((status, Body::Stream(SseStream::new(response.into_body()))));
    }
    let whole = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    let whole = whole.map_err(|error| Broken::Midway(error.to_string()))?.to_bytes();
    Ok((status, Body::Whole(String::from_utf8_lossy(&whole).into_owned())))
}

/// Returns the next message of a stream.
pub(super) async fn next(
    stream: &mut SseStream<Incoming>,
) -> std::result::Result<Option<String>, Broken> {
    loop {
        match stream.next().await {
            // The first event of a stream only says how to come back to it.
            Some(Ok(event)) => {
                if let Some(data) = event.data.filter(|data| !data.trim().is_empty()) {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(Broken::Midway(error.to_string())),
            None => return Ok(None),
        }
    }
}
