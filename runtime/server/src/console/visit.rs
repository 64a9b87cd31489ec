//! What a page's handler gets: a session, or the visitor is sent to enter first.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use errand_core::UnixMillis;
use errand_scheduler::Right;
use http::header::{COOKIE, HeaderMap};
use http::request::Parts;
use http::{Method, StatusCode};
use maud::html;

use super::page::{Page, see_other};
use super::posted::Posted;
use super::refused::Refused;
use super::sessions::Session;
use crate::app::App;
use crate::body::{BodyLimits, read_form};
use crate::problem::{Code, Problem};

/// Largest form: a comment and the values of a schema.
const MAX_FORM_BYTES: usize = 1 << 20;

/// Cookies of the session's name that are looked at: another site of the same host may have set some.
const MAX_COOKIES: usize = 8;

/// A request of a browser that has entered.
pub(crate) struct Visit {
    pub(crate) app: App,
    pub(crate) session: Session,
}

/// For whom a page is written, and when.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) session: &'a Session,
    pub(crate) now: UnixMillis,
}

impl Visit {
    /// Returns whom the answer is written for.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { session: &self.session, now: self.app.service.now() }
    }

    /// Tells whether the visitor may decide, or just look.
    pub(crate) fn may_decide(&self) -> bool {
        self.session.caller.rights.contains(Right::Approve)
    }

    /// Reads a form of this session.
    ///
    /// # Errors
    /// 400, 408, 413, 415, and 403 when the form is not one of this session's.
    pub(crate) async fn read_form(&self, request: Request) -> Result<Posted, Refused> {
        let posted = posted(&self.app, request).await?;
        if !self.session.wrote_form(posted.text("csrf")) {
            let detail = "the form is of a session that is over; load its page again";
            return Err(Problem::new(StatusCode::FORBIDDEN, Code::Forbidden, detail).into());
        }
        Ok(posted)
    }
}

/// Reads a form.
///
/// # Errors
/// 400, 408, 413 and 415.
pub(crate) async fn posted(app: &App, request: Request) -> Result<Posted, Problem> {
    let limits = BodyLimits { max_bytes: MAX_FORM_BYTES, ..app.json_limits() };
    Ok(Posted::parse(&read_form(request, limits).await?))
}

impl FromRequestParts<App> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        if let Some(session) = session(app, &parts.headers) {
            return Ok(Self { app: app.clone(), session });
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        if parts.method == Method::GET && comes_from_elsewhere(&parts.headers) {
            return Err(come_again(path));
        }
        let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        Err(see_other(&format!("/enter?next={next}")))
    }
}

/// A session, if there is one.
pub(crate) struct MaybeSession(pub(crate) Option<Session>);

impl FromRequestParts<App> for MaybeSession {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(session(app, &parts.headers)))
    }
}

/// Returns the name of the session's cookie. The prefix binds it to TLS and to this very host.
pub(crate) fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-errand_session" } else { "errand_session" }
}

fn session(app: &App, headers: &HeaderMap) -> Option<Session> {
    let name = cookie_name(app.config.https);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
        .take(MAX_COOKIES)
        .find_map(|value| app.console.sessions().find(value))
}

/// Tells whether another site's page brought the browser here: it then sends no `SameSite` cookie, and
/// may well have one.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let from = headers.get("sec-fetch-site").and_then(|from| from.to_str().ok());
    matches!(from, Some("cross-site" | "same-site"))
}

/// A page that asks for itself, this time as a page of this server.
fn come_again(path: &str) -> Response {
    let path = super::next::local(path);
    let body = html! {
        h1 { "One moment" }
        p { a href=(path) { "Go on to the page" } }
    };
    Page { go_on_to: Some(path), ..Page::new("One moment", body) }.into_response()
}
