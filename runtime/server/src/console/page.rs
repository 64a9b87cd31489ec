//! The layout of every page, and the headers that it is sent with.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use maud::{DOCTYPE, Markup, html};

use super::sessions::Session;
use super::stylesheet;

/// Nothing is loaded but the stylesheet, forms go to this server alone, and nobody frames a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'none'; script-src 'none'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `same-origin`, as `no-referrer` would make browsers post forms with `Origin: null`, which is refused.
/// Other sites are told nothing either way.
const REFERRERS: &str = "same-origin";

/// A page.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// Whose it is; nobody's before they entered.
    pub(crate) session: Option<&'a Session>,
    /// The path that the browser asks for next by itself.
    pub(crate) go_on_to: Option<&'a str>,
    pub(crate) body: Markup,
}

impl<'a> Page<'a> {
    /// A page that is nobody's, and all is well.
    pub(crate) fn new(title: &'a str, body: Markup) -> Self {
        Self { status: StatusCode::OK, title, session: None, go_on_to: None, body }
    }

    fn markup(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    @if let Some(path) = self.go_on_to {
                        meta http-equiv="refresh" content={ "0;url=" (path) };
                    }
                    title { (self.title) " · Errand" }
                    link rel="stylesheet" href=(stylesheet::PATH);
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header.top {
                        div.bar {
                            a.brand href="/approvals" { "Errand" }
                            @if let Some(session) = self.session { (visitor(session)) }
                        }
                    }
                    main #content tabindex="-1" { (self.body) }
                }
            }
        }
    }
}

fn visitor(session: &Session) -> Markup {
    html! {
        nav aria-label="Pages" { a href="/approvals" { "Approvals" } }
        form.visitor method="post" action="/leave" {
            (token(session))
            span.who { span.unseen { "You are " } (session.caller.principal.as_str()) }
            button.quiet type="submit" { "Leave" }
        }
    }
}

/// Writes the token that each form of a session carries.
pub(crate) fn token(session: &Session) -> Markup {
    html! { input type="hidden" name="csrf" value=(session.form_token()); }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.markup().into_string()));
        *response.status_mut() = self.status;
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, html);
        guarded(response)
    }
}

/// Sends the browser to a path of this server.
pub(crate) fn see_other(path: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let path = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/approvals"));
    response.headers_mut().insert(LOCATION, path);
    guarded(response)
}

fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, REFERRERS),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
