//! What a handler gets: an authenticated caller and checked parameters.
//!
//! The token is read from the `Authorization` header alone. One in the URL would end up in logs,
//! histories and `Referer` headers, and is refused like any unknown parameter.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use errand_core::TaskId;
use errand_scheduler::Caller;
use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;

use crate::app::App;
use crate::hosts::Base;
use crate::problem::Problem;
use crate::query::{self, Params};

/// An authenticated call with its query parameters.
pub(crate) struct Call<P = ()> {
    pub(crate) app: App,
    pub(crate) caller: Caller,
    pub(crate) params: P,
    pub(crate) base: Base,
}

impl<P: Params + Send> FromRequestParts<App> for Call<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = authenticate(app, &parts.headers).await?;
        let params = query::read(parts.uri.query())?;
        let base = app.hosts.base(&parts.headers);
        Ok(Self { app: app.clone(), caller, params, base })
    }
}

/// Finds out who calls.
///
/// # Errors
/// 401 without a token that holds.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    Ok(app.service.authenticate(bearer(headers)?).await?)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::unauthenticated("send a token as `Authorization: Bearer …`");
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err(missing()) };
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

/// The task that a path names.
pub(crate) struct TaskPath(pub(crate) TaskId);

impl FromRequestParts<App> for TaskPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Segment(id) = Segment::from_request_parts(parts, app).await?;
        parse_task_id(&id).map(Self)
    }
}

/// Reads a task's id. What can't be one names no task.
///
/// # Errors
/// 404.
pub(crate) fn parse_task_id(text: &str) -> Result<TaskId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found(format!("there is no task `{}`", text.escape_debug())))
}

/// The one variable part of a path.
pub(crate) struct Segment(pub(crate) String);

impl FromRequestParts<App> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(segment) = Path::from_request_parts(parts, app).await.map_err(bad_path)?;
        Ok(Self(segment))
    }
}

/// A task, and a path below it.
pub(crate) struct TaskFilePath(pub(crate) TaskId, pub(crate) String);

impl FromRequestParts<App> for TaskFilePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path((id, path)): Path<(String, String)> =
            Path::from_request_parts(parts, app).await.map_err(bad_path)?;
        Ok(Self(parse_task_id(&id)?, path))
    }
}

fn bad_path(rejection: PathRejection) -> Problem {
    Problem::malformed(rejection.body_text())
}

/// Reads a header that holds one value of some type, if it is there.
///
/// # Errors
/// 422 when it can't be read.
pub(crate) fn header<T: FromStr<Err: Display>>(
    headers: &HeaderMap,
    name: &'static str,
) -> Result<Option<T>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|error| error.to_string());
    let parsed = text.and_then(|text| text.trim().parse::<T>().map_err(|error| error.to_string()));
    parsed.map(Some).map_err(|message| {
        Problem::invalid(vec![crate::problem::WireFault::parameter(name, message)])
    })
}
