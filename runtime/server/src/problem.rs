//! The one error envelope: RFC 9457 problem details with a stable `code`.
//!
//! Every refusal and failure leaves through [`Problem`], those of the framework included. What went
//! wrong inside is logged here, once, and never told to the client.

use axum::response::{IntoResponse, Response};
use errand_scheduler::{Fault, ServiceError};
use http::StatusCode;
use http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use problem_details::{JsonProblemDetails, ProblemDetails};
use serde::Serialize;
use utoipa::ToSchema;

/// An error as it is answered. Small, so that it is cheap inside a `Result`.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    detail: String,
    code: Code,
    errors: Vec<WireFault>,
    retry_after_s: Option<u64>,
}

/// What went wrong, for programs. A code keeps its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// The body or the request line can't be read (400).
    Malformed,
    /// No token, or one that is unknown, revoked or expired (401).
    Unauthenticated,
    /// The token lacks a right (403).
    Forbidden,
    /// The request names a host that this server does not answer to (403).
    ForeignHost,
    /// The request comes from a web page of another origin (403).
    ForeignOrigin,
    /// There is no such thing, or it is another namespace's (404).
    NotFound,
    /// The path exists, the method does not (405).
    MethodNotAllowed,
    /// None of the accepted media types can be given (406).
    NotAcceptable,
    /// The body, or the headers, did not arrive in time (408).
    RequestTimeout,
    /// The thing's state forbids it (409).
    Conflict,
    /// The body (413), or the headers (431), are larger than allowed.
    TooLarge,
    /// The body is not of the media type that is read here (415).
    UnsupportedMediaType,
    /// The range lies outside of the file (416).
    RangeNotSatisfiable,
    /// Well-formed, and wrong (422).
    Invalid,
    /// What the contract names and this version does not do yet (422).
    Unsupported,
    /// The queue holds as many tasks as it may (429).
    QueueFull,
    /// The namespace has used up what it may (429).
    OverQuota,
    /// Too many of such requests at a time (429).
    Busy,
    /// Something is wrong on this side (500).
    Internal,
    /// The server is stopping, or its storage does not answer (503).
    Unavailable,
    /// The disk has no room left (507).
    NoSpace,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WireFault {
    /// Where in the body: a JSON pointer, empty for the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<String>,
    /// Which query parameter, header or path segment, where it is not in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
}

/// What an error looks like on the wire; for the description of the API.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes what `Problem` and `Extensions` write")]
pub(crate) struct ProblemBody {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: String,
    /// What happened, for a person.
    #[schema(example = "the request is wrong: /limits/fuel: -1 is not a u64")]
    detail: Option<String>,
    /// What happened, for a program.
    code: Code,
    /// Every fault of a request that is wrong.
    errors: Option<Vec<WireFault>>,
}

#[derive(Debug, Default, Serialize)]
struct Extensions {
    code: Option<Code>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WireFault>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Inner { status, detail, code, errors: Vec::new(), retry_after_s: None }))
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::Malformed, detail)
    }

    pub(crate) fn unauthenticated(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::Unauthenticated, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "the path does not have this method; the header `Allow` lists those it has";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, detail)
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        let detail = format!("{what} is not supported by this version");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::Unsupported, detail)
    }

    pub(crate) fn too_large(what: &str, limit_bytes: usize) -> Self {
        let detail = format!("{what} is larger than {limit_bytes} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, detail)
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed on the server's side");
        let detail = "something is wrong on the server's side; its log says what";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, detail)
    }

    pub(crate) fn invalid(errors: Vec<WireFault>) -> Self {
        let texts: Vec<String> = errors.iter().map(WireFault::to_string).collect();
        let detail = format!("the request is wrong: {}", texts.join("; "));
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::Invalid, detail);
        problem.0.errors = errors;
        problem
    }

    pub(crate) fn retry_after_ms(mut self, ms: u64) -> Self {
        self.0.retry_after_s = Some(ms.div_ceil(1_000).max(1));
        self
    }

    /// Returns the same document as a value, for answers that are no HTTP responses.
    pub(crate) fn to_value(&self) -> serde_json::Value {
        let document = ProblemDetails::from_status_code(self.0.status)
            .with_detail(self.0.detail.clone())
            .with_extensions(Extensions { code: Some(self.0.code), errors: self.0.errors.clone() });
        serde_json::to_value(document).unwrap_or_default()
    }

    /// Returns its HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns what happened, for a person.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Returns after how many seconds to come back, if that may help.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        self.0.retry_after_s
    }

    /// Returns the response, with the methods that the path has.
    pub(crate) fn with_allow(self, allow: Option<HeaderValue>) -> Response {
        let mut response = self.into_response();
        response.headers_mut().extend(allow.map(|allow| (ALLOW, allow)));
        response
    }
}

impl WireFault {
    pub(crate) fn body(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, message: message.into() }
    }

    pub(crate) fn parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), message: message.into() }
    }
}

impl std::fmt::Display for WireFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pointer.as_deref().or(self.parameter.as_deref()) {
            None | Some("") => f.write_str(&self.message),
            Some(place) => write!(f, "{place}: {}", self.message),
        }
    }
}

impl From<Fault> for WireFault {
    fn from(fault: Fault) -> Self {
        Self::body(fault.pointer, fault.message)
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use ServiceError as E;
        let detail = error.to_string();
        match error {
            E::Malformed { .. } => Self::malformed(detail),
            E::Unauthenticated => Self::unauthenticated(&detail),
            E::Forbidden { .. } => Self::new(StatusCode::FORBIDDEN, Code::Forbidden, detail),
            E::NotFound { .. } => Self::not_found(detail),
            E::Invalid { faults } => Self::invalid(faults.into_iter().map(Into::into).collect()),
            E::Unsupported { what } => Self::unsupported(&what),
            E::Conflict { .. } => Self::new(StatusCode::CONFLICT, Code::Conflict, detail),
            E::QueueFull { retry_after_ms, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, Code::QueueFull, detail)
                    .retry_after_ms(retry_after_ms)
            }
            E::OverQuota { retry_after_ms, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, Code::OverQuota, detail)
                    .retry_after_ms(retry_after_ms)
            }
            E::NoSpace => Self::new(StatusCode::INSUFFICIENT_STORAGE, Code::NoSpace, detail),
            E::Internal { message } => Self::internal(message),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner { status, detail, code, errors, retry_after_s } = *self.0;
        let body = ProblemDetails::from_status_code(status)
            .with_detail(detail)
            .with_extensions(Extensions { code: Some(code), errors });
        let mut response = JsonProblemDetails::from(body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.extend(retry_after_s.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds))));
        response
    }
}
