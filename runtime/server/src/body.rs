//! Reading request bodies: bounded in bytes and time, and checked to be what they claim to be.
//!
//! A body is read after the caller was authenticated. One that ends early, or whose sender goes away,
//! is dropped with the handler that reads it.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http::{Request, StatusCode};

use crate::problem::{Code, Problem};

/// How much room a body of unknown length gets at first.
const FIRST_CAPACITY_BYTES: usize = 16 << 10;

/// What bounds the reading of one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

/// Reads a body that must be JSON by its media type, or name none.
///
/// # Errors
/// 400, 408, 413 and 415.
pub(crate) async fn read_json(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<Bytes, Problem> {
    check_media_type(request.headers(), &["application/json"])?;
    read(request, limits).await
}

/// Reads the body of a call that takes none: it may be empty, or an object without fields.
///
/// # Errors
/// 400, 408, 413, 415, and 422 for a field.
pub(crate) async fn read_nothing(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<(), Problem> {
    #[derive(serde::Deserialize, utoipa::ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    let body = read_json(request, limits).await?;
    if !body.is_empty() {
        let Nothing {} = crate::fault::parse(&body)?;
    }
    Ok(())
}

/// Reads an uploaded wasm.
///
/// # Errors
/// 400, 408, 413 and 415.
pub(crate) async fn read_wasm(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<Bytes, Problem> {
    check_media_type(request.headers(), &["application/wasm", "application/octet-stream"])?;
    read(request, limits).await
}

/// Reads what a form of a page posts.
///
/// # Errors
/// 400, 408, 413 and 415.
pub(crate) async fn read_form(
    request: Request<Body>,
    limits: BodyLimits,
) -> Result<Bytes, Problem> {
    check_media_type(request.headers(), &["application/x-www-form-urlencoded"])?;
    read(request, limits).await
}

async fn read(request: Request<Body>, limits: BodyLimits) -> Result<Bytes, Problem> {
    let too_large = || Problem::too_large("the body", limits.max_bytes);
    let announced = content_length(request.headers());
    if announced.is_some_and(|length| length > limits.max_bytes as u64) {
        return Err(too_large());
    }
    let mut stream = request.into_body().into_data_stream();
    let collect = async {
        // Most bodies come in one piece, which is then used as it is.
        let Some(first) = stream.next().await.transpose().map_err(broken_off)? else {
            return Ok(Bytes::new());
        };
        if first.len() > limits.max_bytes {
            return Err(too_large());
        }
        if announced == Some(first.len() as u64) {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(first.len().max(FIRST_CAPACITY_BYTES));
        whole.extend_from_slice(&first);
        while let Some(piece) = stream.next().await.transpose().map_err(broken_off)? {
            if whole.len() + piece.len() > limits.max_bytes {
                return Err(too_large());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(limits.timeout, collect).await.unwrap_or_else(|_| {
        let detail = format!("the body did not arrive within {} s", limits.timeout.as_secs());
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, Code::RequestTimeout, detail))
    })
}

pub(crate) fn broken_off(error: axum::Error) -> Problem {
    tracing::debug!(%error, "a request body broke off");
    Problem::malformed("the body broke off before its end")
}

pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_media_type(headers: &HeaderMap, known: &[&str]) -> Result<(), Problem> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if known.iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    let detail = format!("the body must be {}", known.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, detail))
}
