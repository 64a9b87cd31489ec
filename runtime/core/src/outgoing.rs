//! The trait behind which requests leave for the network, and what is said of them.

use std::sync::Arc;

use bytes::Bytes;

use crate::{BoxFuture, ExecutorRef, Namespace};

/// Sends the requests of guests: to where the operator has granted, at the address that was vetted.
pub trait Egress: Send + Sync {
    /// Sends a request, and answers with the head of the response. Redirects are not followed. Dropping
    /// the future gives the request up.
    fn send(
        &self,
        request: OutgoingRequest,
    ) -> BoxFuture<'static, Result<OutgoingResponse, OutgoingError>>;

    /// Returns what takes the secrets of an executor out of what it says; nothing where it has none.
    fn veil(&self, namespace: &Namespace, executor: &ExecutorRef) -> Option<Arc<dyn Veil>>;
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct OutgoingRequest {
    /// The tenant that asks.
    pub namespace: Namespace,
    /// The executor that asks.
    pub executor: ExecutorRef,
    /// Such as `GET`.
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names in lower case, and values. Placeholders of secrets may stand in the values.
    pub headers: Vec<(String, Bytes)>,
    /// All of it.
    pub body: Bytes,
    /// How long it may take.
    pub timeouts: Timeouts,
}

/// How long a request may take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect_ms: u64,
    /// Until the head of the response is there.
    pub first_byte_ms: u64,
    /// From one piece of the response to the next.
    pub between_bytes_ms: u64,
    /// In all.
    pub total_ms: u64,
}

/// The head of a response, and what reads its body.
pub struct OutgoingResponse {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Bytes)>,
    /// The body, unpacked and without secrets.
    pub body: Box<dyn OutgoingBody>,
}

/// The body of a response as it comes.
pub trait OutgoingBody: Send {
    /// Returns the next piece; nothing at the end.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, OutgoingError>>;
}

/// Takes secrets out of what is said.
pub trait Veil: Send + Sync {
    /// Returns the bytes with placeholders for secrets; nothing where there is no secret in them.
    fn cover(&self, bytes: &[u8]) -> Option<Vec<u8>>;
}

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// It is not granted; the text says what to grant.
    #[error("{0}")]
    Denied(String),
    /// It can't be sent as it is.
    #[error("{0}")]
    Invalid(String),
    /// Its host has no address.
    #[error("{0}")]
    Dns(String),
    /// There was no connection: nothing was sent.
    #[error("{0}")]
    Connect(String),
    /// The peer could not be trusted, or TLS failed: nothing was sent.
    #[error("{0}")]
    Tls(String),
    /// It took too long.
    #[error("{what} took longer than {after_ms} ms")]
    Timeout {
        /// What took long.
        what: &'static str,
        /// The bound.
        after_ms: u64,
    },
    /// A bound of the response was met.
    #[error("the response is over {name} of {value}")]
    Limit {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: u64,
    },
    /// The connection broke, or the peer does not keep to HTTP.
    #[error("{0}")]
    Broken(String),
}

impl OutgoingError {
    /// Returns a stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Invalid(_) => "invalid",
            Self::Dns(_) => "dns",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Limit { .. } => "limit",
            Self::Broken(_) => "broken",
        }
    }
}
