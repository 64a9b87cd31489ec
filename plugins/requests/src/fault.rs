//! Why a request has no answer.

use crate::bindings::wasi::http::types::ErrorCode;
use std::fmt;

/// A request that has no answer.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What it means for whoever might try again.
    pub reason: Reason,
    /// One sentence for a person.
    pub message: String,
}

/// What became of a request without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The operator has not granted it; the message says what to grant. It was not sent.
    Denied,
    /// It can't be sent as it is.
    Invalid,
    /// No connection was made: nothing was sent.
    Unreachable,
    /// It may have been done, and nobody knows.
    Unknown,
    /// The answer took too long; whether it was done, nobody knows.
    TimedOut,
    /// The answer exceeds a bound of the host's.
    TooLarge,
}

impl Fault {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// Reads what the host says of a request to `host`.
    pub(crate) fn from_code(host: &str, code: &ErrorCode) -> Self {
        let (reason, what) = match code {
            // The host's own words: a code, and what happened.
            ErrorCode::InternalError(Some(said)) => return Self::from_words(host, said),
            ErrorCode::DnsError(payload) => {
                let why = payload.rcode.as_deref().unwrap_or("its name can't be resolved");
                return Self::new(Reason::Unreachable, format!("{host}: {why}"));
            }
            ErrorCode::DnsTimeout
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached => (Reason::Unreachable, "no connection was made"),
            ErrorCode::TlsProtocolError
            | ErrorCode::TlsCertificateError
            | ErrorCode::TlsAlertReceived(_) => (Reason::Unreachable, "TLS failed"),
            ErrorCode::DestinationIpProhibited | ErrorCode::HttpRequestDenied => {
                (Reason::Denied, "the operator has not granted requests to it")
            }
            ErrorCode::HttpResponseTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout => (Reason::TimedOut, "it did not answer in time"),
            ErrorCode::HttpResponseBodySize(_)
            | ErrorCode::HttpResponseHeaderSectionSize(_)
            | ErrorCode::HttpResponseHeaderSize(_) => (Reason::TooLarge, "its answer is too large"),
            other => return Self::new(Reason::Unknown, format!("{host}: {other:?}")),
        };
        Self::new(reason, format!("{host}: {what}"))
    }

    fn from_words(host: &str, said: &str) -> Self {
        let (code, message) = said.split_once(": ").unwrap_or(("", said));
        let reason = match code {
            "denied" => return Self::new(Reason::Denied, message),
            "invalid" | "unsupported" => Reason::Invalid,
            "connect" | "dns" | "tls" => Reason::Unreachable,
            "limit" => Reason::TooLarge,
            _ => Reason::Unknown,
        };
        Self::new(reason, format!("{host}: {message}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_words_say_whether_it_was_sent() {
        let fault = |said: &str| {
            Fault::from_code("example.com", &ErrorCode::InternalError(Some(said.to_owned())))
        };
        let denied = fault("denied: llm may not send POST: grant it with `errand grant add`");
        assert_eq!(denied.reason, Reason::Denied);
        assert_eq!(denied.message, "llm may not send POST: grant it with `errand grant add`");
        assert_eq!(fault("tls: not who it should be").reason, Reason::Unreachable);
        assert_eq!(fault("unknown: whether the POST was made").reason, Reason::Unknown);
        assert_eq!(fault("limit: 64 MiB").message, "example.com: 64 MiB");
        assert_eq!(fault("no code at all").reason, Reason::Unknown);
    }
}
