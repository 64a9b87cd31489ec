//! `GET /v1/tasks/{id}/artifacts` and `GET /v1/tasks/{id}/artifacts/{path}`.
//!
//! What a guest made is served so that a browser neither runs nor guesses at it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use errand_core::{Artifact, TaskId};
use errand_scheduler::{ArtifactReader, ServiceError};
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    IF_RANGE, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode};
use serde::Serialize;
use std::ops::RangeInclusive;
use utoipa::ToSchema;

use super::artifact_archive::Archive;
use crate::accept;
use crate::call::{Call, TaskFilePath, TaskPath};
use crate::openapi::RefusedQuery;
use crate::problem::{Code, Problem};
use crate::reply::{Answer, Items, json};

const JSON: &str = "application/json";
const TAR: &str = "application/x-tar";
/// Bytes read and sent at a time.
const PIECE_BYTES: usize = 256 << 10;

/// A file that a task left behind.
#[derive(Serialize, ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactView<'a> {
    /// Relative to the workspace.
    path: &'a str,
    /// Its size.
    size_bytes: u64,
    /// Its content.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    blake3: errand_core::Digest,
    /// Its media type.
    media_type: &'a str,
    /// One line for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

/// List what a task left behind, or fetch all of it
///
/// With `Accept: application/x-tar` the answer is an archive of all files, sorted by path. One whose
/// transfer broke off lacks its end.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/artifacts", tag = "tasks", operation_id = "list_artifacts",
    params(
        ("id" = String, Path, description = "The task"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of archives that the client has"),
    ),
    responses(
        (status = 200, description = "The artifacts", headers(("ETag" = String, description = "Of an archive")), content(
            (Items<ArtifactView> = "application/json"),
            (Vec<u8> = "application/x-tar"),
        )),
        (status = 304, description = "The client has the archive"),
        (status = 406, description = "Neither is accepted", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn list(
    call: Call,
    TaskPath(id): TaskPath,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let Call { app, caller, .. } = call;
    let mut response = match accept::choose(&headers, &[JSON, TAR])? {
        TAR => {
            let files = app.service.artifact_readers(&caller, id).await?;
            archive(Archive::of(files), id, &method, &headers).await?
        }
        _ => {
            let artifacts = app.service.artifacts(&caller, id).await?;
            json(StatusCode::OK, &Items::all(artifacts.iter().map(artifact_view).collect()))?
        }
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

async fn archive(archive: Archive, id: TaskId, method: &Method, headers: &HeaderMap) -> Answer {
    let etag = archive.etag();
    if matches(headers, &etag) {
        return not_modified(&etag);
    }
    let mut response = Response::new(Body::empty());
    protect(response.headers_mut(), &format!("{id}.tar"), &etag)?;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TAR));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(archive.size()?));
    if method != Method::HEAD {
        *response.body_mut() = archive.send().await?;
    }
    Ok(response)
}

fn artifact_view(artifact: &Artifact) -> ArtifactView<'_> {
    ArtifactView {
        path: &artifact.path,
        size_bytes: artifact.size_bytes,
        blake3: artifact.blake3,
        media_type: &artifact.media_type,
        description: artifact.description.as_deref(),
    }
}

/// Fetch a file that a task left behind
#[utoipa::path(
    get, path = "/v1/tasks/{id}/artifacts/{*path}", tag = "tasks", operation_id = "get_artifact",
    params(
        ("id" = String, Path, description = "The task"),
        ("path" = String, Path, description = "Relative to the workspace; may contain `/`"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s that the client has"),
    ),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream", headers(("ETag" = String))),
        (status = 206, description = "A part of it", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it"),
        (status = 416, description = "The range lies outside of it", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        RefusedQuery,
    ),
)]
pub(crate) async fn get(
    call: Call,
    TaskFilePath(id, path): TaskFilePath,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let file = call.app.service.artifact(&call.caller, id, &path).await?;
    send(file, &method, &headers).await
}

/// Answers with a file, or the part of it that is asked for.
pub(crate) async fn send(file: ArtifactReader, method: &Method, headers: &HeaderMap) -> Answer {
    let etag = format!("\"{}\"", file.artifact.blake3);
    if matches(headers, &etag) {
        return not_modified(&etag);
    }
    let size = file.artifact.size_bytes;
    let range = match wanted_range(headers, &etag, size) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Outside => return out_of_range(size),
    };
    let (from, end) = range.as_ref().map_or((0, size), |part| (*part.start(), *part.end() + 1));
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &file.artifact, &etag)?;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(end - from));
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let part = format!("bytes {from}-{}/{size}", end - 1);
        response.headers_mut().insert(CONTENT_RANGE, value(&part)?);
    }
    if *method != Method::HEAD {
        *response.body_mut() = pieces(file, from, end).await?;
    }
    Ok(response)
}

/// Reads the first piece, so that a file that can't be read is an error and not half an answer.
async fn pieces(file: ArtifactReader, from: u64, end: u64) -> Result<Body, Problem> {
    let first = piece(&file, from, end).await?;
    let after = from + first.len() as u64;
    if after >= end {
        return Ok(Body::from(first));
    }
    let rest = stream::try_unfold((file, after), move |(file, from)| async move {
        if from >= end {
            return Ok(None);
        }
        let piece = piece(&file, from, end).await?;
        let after = from + piece.len() as u64;
        Ok::<_, ServiceError>(Some((piece, (file, after))))
    });
    let first = stream::once(async { Ok(first) });
    Ok(Body::from_stream(futures_util::StreamExt::chain(first, rest)))
}

/// Reads a piece of a file, which is not empty before its end.
pub(super) async fn piece(
    file: &ArtifactReader,
    from: u64,
    end: u64,
) -> Result<Bytes, ServiceError> {
    if from >= end {
        return Ok(Bytes::new());
    }
    let length = usize::try_from(end - from).unwrap_or(usize::MAX).min(PIECE_BYTES);
    let bytes = file.read(from, length).await?;
    if bytes.is_empty() {
        let message = format!("artifact {} is shorter than recorded", file.artifact.blake3);
        return Err(ServiceError::Internal { message });
    }
    Ok(bytes)
}

fn describe(headers: &mut HeaderMap, artifact: &Artifact, etag: &str) -> Result<(), Problem> {
    let unknown = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, artifact.media_type.parse().unwrap_or(unknown));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    protect(headers, &artifact.path, etag)
}

/// Says of what a guest made how it may be used, and as what it may be kept.
fn protect(headers: &mut HeaderMap, path: &str, etag: &str) -> Result<(), Problem> {
    headers.insert(ETAG, value(etag)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(CONTENT_DISPOSITION, value(&attachment(path))?);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let sandbox = HeaderValue::from_static("sandbox; default-src 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, sandbox);
    let name = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(name, HeaderValue::from_static("same-origin"));
    Ok(())
}

/// Names the file for whoever saves it, in the encoding of RFC 8187.
fn attachment(path: &str) -> String {
    use std::fmt::Write as _;
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut text = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => write!(text, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
    text
}

fn not_modified(etag: &str) -> Answer {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(ETAG, value(etag)?);
    Ok(response)
}

/// Tells whether the client says that it has this content.
fn matches(headers: &HeaderMap, etag: &str) -> bool {
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

enum Wanted {
    Whole,
    Part(RangeInclusive<u64>),
    Outside,
}

/// Reads the range that is asked for. What can't be read or is of several parts means the whole, as
/// RFC 9110 allows.
fn wanted_range(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let condition = headers.get(IF_RANGE).map(|value| value.as_bytes() == etag.as_bytes());
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (Some(range), None | Some(true)) = (range, condition) else { return Wanted::Whole };
    let Ok(ranges) = http_range_header::parse_range_header(range) else { return Wanted::Whole };
    match ranges.validate(size).as_deref() {
        Ok([one]) => Wanted::Part(one.clone()),
        Ok(_) => Wanted::Whole,
        Err(_) => Wanted::Outside,
    }
}

fn out_of_range(size: u64) -> Answer {
    let detail = format!("the file has {size} bytes");
    let problem =
        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::RangeNotSatisfiable, detail);
    let mut response = problem.into_response();
    response.headers_mut().insert(CONTENT_RANGE, value(&format!("bytes */{size}"))?);
    Ok(response)
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text).map_err(Problem::internal)
}
