//! Writing answers: JSON straight into bytes.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// Room for a usual answer, so that it is written without growing.
const USUAL_BYTES: usize = 1 << 10;

/// What a handler answers.
pub(crate) type Answer = Result<Response, Problem>;

/// Answers with JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, value).map_err(Problem::internal)?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Answers with JSON and says where the thing is.
pub(crate) fn json_at(status: StatusCode, location: String, value: &impl Serialize) -> Answer {
    let mut response = json(status, value)?;
    let location = HeaderValue::try_from(location).map_err(Problem::internal)?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// Answers that it is done and there is nothing to say.
pub(crate) fn no_content() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// A list, or a part of one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items<T> {
    /// What there is.
    pub(crate) items: Vec<T>,
    /// Where the next part begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

impl<T> Items<T> {
    /// A list that is whole.
    pub(crate) fn all(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}
