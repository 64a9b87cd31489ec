//! `/enter` and `/leave`: a code for a cookie, and the end of it.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{HeaderMap, HeaderValue, RETRY_AFTER, SET_COOKIE};
use http::{StatusCode, Uri};
use maud::html;

use super::codes::CodeError;
use super::html::capitalised;
use super::next;
use super::page::{Page, see_other};
use super::refused::PageAnswer;
use super::visit::{MaybeSession, Visit, cookie_name, posted};
use crate::app::App;
use crate::problem::Problem;

/// Asks for a code.
pub(crate) async fn show(MaybeSession(session): MaybeSession, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let next = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    let next = next.map(|(_, path)| path.into_owned()).unwrap_or_default();
    let next = next::local(&next);
    if session.is_some() { see_other(next) } else { ask(next, None) }
}

/// Exchanges a code for a session.
pub(crate) async fn enter(
    State(app): State<App>,
    MaybeSession(session): MaybeSession,
    request: Request,
) -> PageAnswer {
    let posted = posted(&app, request).await?;
    let next = next::local(posted.text("next"));
    let caller = match app.console.codes().redeem(posted.text("code")) {
        Ok(caller) => caller,
        Err(error) => {
            tracing::warn!(%error, "nobody was let into the console");
            return Ok(ask(next, Some(error)));
        }
    };
    if let Some(session) = session {
        app.console.sessions().close(&session);
    }
    tracing::info!(principal = caller.principal.as_str(), "a browser entered the console");
    let cookie = app.console.sessions().open(caller);
    let mut response = see_other(next);
    set_cookie(response.headers_mut(), app.config.https, &cookie, "")?;
    Ok(response)
}

/// Ends a session.
pub(crate) async fn leave(visit: Visit, request: Request) -> PageAnswer {
    visit.read_form(request).await?;
    visit.app.console.sessions().close(&visit.session);
    let mut response = see_other("/enter");
    set_cookie(response.headers_mut(), visit.app.config.https, "", "; Max-Age=0")?;
    Ok(response)
}

/// Sets the cookie. Without an end of its own, it goes with the browser; the session ends before.
fn set_cookie(
    headers: &mut HeaderMap,
    https: bool,
    value: &str,
    further: &str,
) -> Result<(), Problem> {
    let name = cookie_name(https);
    let secure = if https { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{further}");
    headers.insert(SET_COOKIE, HeaderValue::try_from(cookie).map_err(Problem::internal)?);
    Ok(())
}

/// Writes the page that asks for a code.
pub(super) fn ask(next: &str, error: Option<CodeError>) -> Response {
    let body = html! {
        form.card.enter method="post" action="/enter" {
            h1 { "Enter" }
            p #how {
                "Type the code that " code { "errand serve" } " printed where it runs. "
                "It is good once, for 15 minutes."
            }
            @if let Some(error) = error {
                p.fault #wrong role="alert" { (capitalised(&error.to_string())) "." }
            }
            input type="hidden" name="next" value=(next);
            label for="code" { "Code" }
            input.code #code name="code" type="text" required autofocus
                autocomplete="one-time-code" autocapitalize="characters" spellcheck="false"
                maxlength="40" placeholder="XXXX-XXXX-XXXX"
                aria-describedby=(if error.is_some() { "wrong how" } else { "how" })
                aria-invalid=[error.map(|_| "true")];
            button.primary type="submit" { "Enter" }
        }
    };
    let status = match error {
        None => StatusCode::OK,
        Some(CodeError::Unknown) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(CodeError::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
    };
    let mut response = Page { status, ..Page::new("Enter", body) }.into_response();
    if let Some(CodeError::TooManyTries { retry_after_ms }) = error {
        let seconds = HeaderValue::from(retry_after_ms.div_ceil(1_000).max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}
