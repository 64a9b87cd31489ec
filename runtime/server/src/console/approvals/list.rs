//! `/approvals`: what waits for a person, and what they decided.

use axum::response::{IntoResponse, Response};
use errand_core::UnixMillis;
use maud::{Markup, html};

use super::{ApprovalStatus, status_mark};
use crate::console::html::{distance, moment, visible};
use crate::console::page::Page;
use crate::console::visit::Reader;

/// One approval of the list.
#[derive(Debug, Clone)]
pub(crate) struct ApprovalRow {
    pub(crate) id: String,
    pub(crate) executor: String,
    pub(crate) asked_at: UnixMillis,
    pub(crate) title: String,
    pub(crate) status: ApprovalStatus,
    pub(crate) expires_at: Option<UnixMillis>,
}

/// Writes a part of the list, in the order given, with a link to the next part.
pub(crate) fn approvals_list_page(
    reader: &Reader<'_>,
    rows: &[ApprovalRow],
    next_cursor: Option<&str>,
) -> Response {
    let waiting = rows.iter().filter(|row| row.status == ApprovalStatus::Pending).count();
    let body = html! {
        h1 { "Approvals" }
        @if rows.is_empty() {
            div.card.empty {
                p.lead { "Nothing waits for you." }
                p { "When a task asks for an approval, it is listed here." }
            }
        } @else {
            p.lead {
                @match waiting {
                    0 => "None of these waits for a decision.",
                    1 => "One waits for a decision.",
                    _ => { (waiting) " wait for a decision." }
                }
            }
            ul.approvals { @for row in rows { (item(reader.now, row)) } }
            @if let Some(cursor) = next_cursor {
                nav.further aria-label="Further approvals" {
                    a rel="next" href={ "/approvals?cursor=" (encoded(cursor)) } { "Older approvals" }
                }
            }
        }
    };
    Page { session: Some(reader.session), ..Page::new("Approvals", body) }.into_response()
}

fn item(now: UnixMillis, row: &ApprovalRow) -> Markup {
    let expires_at = row.expires_at.filter(|_| row.status == ApprovalStatus::Pending);
    html! {
        li class={ "card approval " (row.status.as_str()) } {
            div {
                a.title href={ "/approvals/" (encoded(&row.id)) } dir="auto" { (visible(&row.title)) }
                p.origin {
                    code { (visible(&row.executor)) }
                    " · asked " span { (distance(now, row.asked_at)) }
                    span.unseen { ", " (moment(row.asked_at)) }
                    @if let Some(expires_at) = expires_at {
                        @if expires_at > now { " · expires " } @else { " · expired " }
                        (distance(now, expires_at))
                    }
                }
            }
            (status_mark(row.status))
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
