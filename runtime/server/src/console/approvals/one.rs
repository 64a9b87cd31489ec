//! `/approvals/ID`: what is asked, what it is about, and the two buttons.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use super::{ApprovalStatus, ApprovalView, AttachmentView, decided, diff, status_mark};
use crate::console::form::{Draft, Form};
use crate::console::html::{distance, moment, size, visible};
use crate::console::markdown::markdown;
use crate::console::page::{Page, token};
use crate::console::visit::Reader;

/// Longest comment that the page takes.
const COMMENT_CHARACTERS: usize = 4_000;

/// Writes the page of one approval. A draft with faults is answered 422.
pub(crate) fn approval_page(
    reader: &Reader<'_>,
    view: &ApprovalView,
    draft: &Draft<'_>,
) -> Response {
    let title = visible(&view.title);
    let wrong = !draft.faults.is_empty();
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let body = html! {
        article.one {
            header.question {
                p.eyebrow {
                    (status_mark(view.status)) (deadline(reader, view))
                    a.jump href="#decision" { "To the decision" }
                }
                h1 dir="auto" { (title) }
                p.origin {
                    code { (visible(&view.executor)) } " asked " (distance(reader.now, view.asked_at))
                    " · " (moment(view.asked_at))
                }
            }
            @if wrong { (what_is_wrong(view, draft)) }
            div.content {
                @if !view.detail_markdown.trim().is_empty() {
                    section.card.markdown dir="auto" aria-labelledby="asked" {
                        h2.unseen #asked { "What is asked" }
                        (markdown(&view.detail_markdown))
                    }
                }
                @if !view.attachments.is_empty() { (files(&view.attachments)) }
                @if let Some(changes) = view.diff.as_deref().filter(|diff| !diff.trim().is_empty()) {
                    (diff::section(changes))
                }
            }
            aside.decision {
                @if view.status != ApprovalStatus::Pending {
                    (decided::card(view))
                } @else if view.may_decide {
                    (decision(reader, view, draft))
                } @else {
                    section.card aria-labelledby="decision" {
                        h2 #decision { "Decision" }
                        p { "You may look, but not decide: that needs the right " code { "approve" } "." }
                    }
                }
                (facts(view))
            }
        }
    };
    let title = if wrong { format!("Error: {title}") } else { title.into_owned() };
    Page { status, session: Some(reader.session), ..Page::new(&title, body) }.into_response()
}

fn deadline(reader: &Reader<'_>, view: &ApprovalView) -> Markup {
    html! {
        @if let (ApprovalStatus::Pending, Some(at)) = (view.status, view.expires_at) {
            span.deadline {
                @if at > reader.now { "Expires " } @else { "Expired " }
                (distance(reader.now, at))
            }
        }
    }
}

/// Says what is wrong above everything else, as that is what a browser shows first.
fn what_is_wrong(view: &ApprovalView, draft: &Draft<'_>) -> Markup {
    let form = Form::of(view.schema.as_ref().unwrap_or(&Value::Null));
    html! {
        div.faults role="alert" tabindex="-1" autofocus {
            p { strong { "It is not decided yet." } " Something is wrong with what was filled in:" }
            (form.summary(draft.faults))
        }
    }
}

fn decision(reader: &Reader<'_>, view: &ApprovalView, draft: &Draft<'_>) -> Markup {
    let form = view.schema.as_ref().map(Form::of);
    let comment = draft.posted.map(|posted| posted.text("comment")).unwrap_or_default();
    html! {
        form.card method="post" action={ "/approvals/" (view.id) } aria-labelledby="decision" {
            h2 #decision { "Your decision" }
            (token(reader.session))
            input type="hidden" name="digest" value=(view.digest);
            // The Enter key presses a form's first button; this one can't be pressed, so that nobody
            // approves by it.
            button type="submit" disabled hidden {}
            @if let Some(form) = &form { (form.show(*draft)) }
            div.field {
                label for="comment" { "Comment" span.optional { " (optional)" } }
                div.help #comment-help { p { "The task that asks gets to read it." } }
                textarea #comment name="comment" rows="3" maxlength=(COMMENT_CHARACTERS)
                    aria-describedby="comment-help" { "\n" (comment) }
            }
            div.buttons {
                button.approve type="submit" name="decision" value="approve" { "Approve" }
                // Who denies need not fill anything in.
                button.deny type="submit" name="decision" value="deny" formnovalidate { "Deny" }
            }
            p.help.once { "A decision is made once, and recorded with your name." }
        }
    }
}

fn files(attachments: &[AttachmentView]) -> Markup {
    html! {
        section.card aria-labelledby="files" {
            h2 #files { "Files" }
            ul.files {
                @for file in attachments {
                    li {
                        // Only paths of this server are links, whoever wrote them.
                        @if file.href.starts_with('/') && !file.href.starts_with("//") {
                            a href=(file.href) download { (visible(&file.path)) }
                        } @else {
                            span { (visible(&file.path)) }
                        }
                        span.size { (size(file.size_bytes)) }
                    }
                }
            }
        }
    }
}

fn facts(view: &ApprovalView) -> Markup {
    html! {
        section.card.quiet aria-labelledby="facts" {
            h2 #facts { "About this request" }
            dl.facts {
                div { dt { "Task" } dd { code { (view.task_id) } } }
                div { dt { "Executor" } dd { code { (visible(&view.executor)) } } }
                @if let Some(at) = view.expires_at {
                    @let pending = view.status == ApprovalStatus::Pending;
                    div { dt { @if pending { "Expires" } @else { "To be decided by" } } dd { (moment(at)) } }
                }
                div { dt { "Approval" } dd { code { (view.id) } } }
                div { dt { "Digest of what is shown" } dd { code.digest { (view.digest) } } }
            }
        }
    }
}
