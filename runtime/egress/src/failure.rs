//! What went wrong between here and a server, in the words of [`OutgoingError`].
//!
//! Owns the line between what was surely not sent (no name, no connection, no trust) and what may have been.

use std::error::Error;

use errand_core::{Endpoint, OutgoingError};

use crate::client::{MAX_HEAD_BYTES, MAX_HEADERS};
use crate::connect::ConnectFailure;

/// Says why a request has no answer. `not_private` says what to grant for a private address.
pub(crate) fn of_request(
    error: &hyper_util::client::legacy::Error,
    endpoint: &Endpoint,
    not_private: impl FnOnce() -> String,
) -> OutgoingError {
    if let Some(failure) = cause::<ConnectFailure>(error) {
        return match failure.clone() {
            ConnectFailure::Private => OutgoingError::Denied(not_private()),
            ConnectFailure::Dns(text) => OutgoingError::Dns(text),
            ConnectFailure::Connect(text) => OutgoingError::Connect(text),
            ConnectFailure::Tls(text) => OutgoingError::Tls(text),
        };
    }
    let inner = cause::<hyper::Error>(error);
    if inner.is_some_and(hyper::Error::is_parse_too_large) {
        // Too many, or too long: hyper does not tell which.
        return too_long_head();
    }
    let text = inner.map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_connect() {
        // The connection was there and its first frames failed; no request was among them.
        return OutgoingError::Connect(format!("no HTTP with {endpoint}: {text}"));
    }
    OutgoingError::Broken(format!("{endpoint} did not answer as HTTP asks: {text}"))
}

/// Says why a body ends before its end.
pub(crate) fn of_body(error: &hyper::Error) -> OutgoingError {
    OutgoingError::Broken(format!("the response broke off: {error}"))
}

/// Says that a head has more bytes than its bound.
pub(crate) fn too_long_head() -> OutgoingError {
    OutgoingError::Limit {
        name: "response_header_bytes",
        value: u64::try_from(MAX_HEAD_BYTES).unwrap_or(u64::MAX),
    }
}

/// Says that a head has more headers than its bound. The number of headers is a bound of its own over HTTP/2.
pub(crate) fn too_many_headers() -> OutgoingError {
    OutgoingError::Limit {
        name: "response_headers",
        value: u64::try_from(MAX_HEADERS).unwrap_or(u64::MAX),
    }
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
