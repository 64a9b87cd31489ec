//! How asking fails, and what may be tried again.

use crate::api::Api;
use requests::{Fault, Reason};
use serde_json::{Value, json};
use std::fmt;

/// What of a strange answer is repeated, in characters.
const MAX_EXCERPT: usize = 500;

/// Why there is no completion.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What it means.
    pub kind: Kind,
    /// One sentence for a person.
    pub message: String,
    /// What the endpoint said.
    pub detail: Value,
    /// When the endpoint wants to be asked again, where it says so.
    pub after_ms: Option<u64>,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input is not as it must be.
    InvalidInput,
    /// The operator has not granted it.
    Denied,
    /// The endpoint does not take the key, or there is none.
    Unauthorized,
    /// What was paid for is used up.
    QuotaExhausted,
    /// The endpoint refused what was asked.
    Rejected,
    /// Too much at once; later it may pass.
    RateLimited,
    /// The endpoint can't just now.
    Unavailable,
    /// There is no connection to the endpoint.
    Unreachable,
    /// Nobody knows whether the completion was made.
    UnknownOutcome,
    /// What came is no answer that the API documents.
    MalformedAnswer,
}

impl Kind {
    /// Returns the code that a task fails with.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Denied => "denied",
            Self::Unauthorized => "unauthorized",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::UnknownOutcome => "unknown_outcome",
            Self::MalformedAnswer => "malformed_answer",
        }
    }

    /// Tells whether it was not done, and may be done later.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Unreachable)
    }
}

/// What an API says of an error.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusal {
    /// The API's own code.
    pub(crate) code: Option<String>,
    /// Its own words.
    pub(crate) message: Option<String>,
    /// Whether it will be the same later, whatever the status says.
    pub(crate) is_final: bool,
    /// When to ask again.
    pub(crate) after_ms: Option<u64>,
}

impl Failure {
    /// Makes one of which the endpoint said nothing.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: Value::Null, after_ms: None }
    }

    /// Reads what the endpoint answered in place of a completion; `after_s` is its `Retry-After`.
    pub fn from_status(api: Api, status: u16, body: &[u8], after_s: Option<u64>) -> Self {
        let said = serde_json::from_slice(body).unwrap_or(Value::Null);
        let Refusal { code, message, is_final, after_ms } = api.refusal(&said);
        let (kind, what) = match status {
            401 | 403 => (Kind::Unauthorized, "the endpoint did not accept the key"),
            402 => (Kind::QuotaExhausted, "the endpoint wants to be paid"),
            429 if is_final => (Kind::QuotaExhausted, "what was paid for is used up"),
            429 => (Kind::RateLimited, "the endpoint is asked too often"),
            408 | 409 | 500.. => (Kind::Unavailable, "the endpoint can't answer now"),
            300..=399 => (Kind::Rejected, "the endpoint is elsewhere; look at \"base_url\""),
            _ => (Kind::Rejected, "the endpoint refused the request"),
        };
        let words = message.unwrap_or_else(|| excerpt(body));
        let more = if words.is_empty() { String::new() } else { format!(": {words}") };
        Self {
            kind,
            message: format!("{what} ({status}){more}"),
            detail: json!({"status": status, "error": code, "message": words}),
            after_ms: after_ms.or(after_s.map(|seconds| seconds.saturating_mul(1_000))),
        }
    }

    /// Reads why there was no answer at all.
    pub(crate) fn from_fault(fault: Fault) -> Self {
        let kind = match fault.reason {
            Reason::Denied => Kind::Denied,
            Reason::Invalid => Kind::InvalidInput,
            Reason::Unreachable => Kind::Unreachable,
            Reason::Unknown | Reason::TimedOut => {
                let message =
                    format!("whether the completion was made is not known: {}", fault.message);
                return Self::new(Kind::UnknownOutcome, message);
            }
            Reason::TooLarge => Kind::MalformedAnswer,
        };
        Self::new(kind, fault.message)
    }

    /// Makes one for what was answered and is no answer.
    pub(crate) fn malformed(why: &str, body: &[u8]) -> Self {
        let message = format!("the endpoint's answer is not one that its API documents: {why}");
        Self {
            detail: json!({"answer": excerpt(body)}),
            ..Self::new(Kind::MalformedAnswer, message)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The beginning of what came, as text.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).trim().chars().take(MAX_EXCERPT).collect()
}
