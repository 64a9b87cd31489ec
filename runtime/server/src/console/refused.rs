//! Refusals as pages: the same statuses and words as the API's problems.

use axum::response::{IntoResponse, Response};
use errand_scheduler::ServiceError;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use maud::html;

use super::html::{capitalised, visible, with_code};
use super::page::Page;
use crate::problem::Problem;

/// What a page's handler answers.
pub(crate) type PageAnswer = Result<Response, Refused>;

/// A refusal that a person reads.
#[derive(Debug)]
pub(crate) struct Refused(Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ServiceError> for Refused {
    fn from(error: ServiceError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = problem.status();
        let heading = heading(status);
        let body = html! {
            div.card.notice {
                p.eyebrow { (status.as_u16()) }
                h1 { (heading) }
                p { (with_code(&sentence(problem.detail()))) }
                p { a href="/approvals" { "All approvals" } }
            }
        };
        let mut response = Page { status, ..Page::new(heading, body) }.into_response();
        let retry = problem.retry_after_s().map(|s| (RETRY_AFTER, HeaderValue::from(s)));
        response.headers_mut().extend(retry);
        response
    }
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "This is not yours to do",
        StatusCode::NOT_FOUND => "There is no such thing here",
        StatusCode::CONFLICT => "It was decided already",
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => {
            "Something is wrong with that"
        }
        StatusCode::TOO_MANY_REQUESTS => "Too much at a time",
        status if status.is_server_error() => "Something broke on this side",
        _ => "That did not work",
    }
}

/// Makes a sentence of an error's fragment.
fn sentence(fragment: &str) -> String {
    let text = capitalised(&visible(fragment));
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_sentences() {
        assert_eq!(sentence("there is no `x`"), "There is no `x`.");
        assert_eq!(sentence(""), ".");
        assert_eq!(sentence("éa!"), "Éa!");
    }
}
