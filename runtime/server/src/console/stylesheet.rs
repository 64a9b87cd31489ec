//! `/console.css`: the one thing that a page loads.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};

pub(crate) const PATH: &str = "/console.css";

const TEXT: &str = include_str!("console.css");

static TAG: LazyLock<String> =
    LazyLock::new(|| format!("\"{}\"", &blake3::hash(TEXT.as_bytes()).to_hex()[..32]));

/// Answers with the stylesheet, or says that the browser's is still the same.
pub(crate) async fn get(headers: HeaderMap) -> Response {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let mut tags = known.flat_map(|tags| tags.split(',')).map(str::trim);
    let unchanged = tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == *TAG);
    let body = if unchanged { Body::empty() } else { Body::from(TEXT) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.extend(HeaderValue::try_from(TAG.as_str()).ok().map(|tag| (ETAG, tag)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    }
    response
}
