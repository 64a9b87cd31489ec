//! What was decided, by whom, and why.

use maud::{Markup, html};

use super::{ApprovalStatus, ApprovalView};
use crate::console::html::{moment, visible};

/// Writes how it ended.
pub(super) fn card(view: &ApprovalView) -> Markup {
    html! {
        section class={ "card decided " (view.status.as_str()) } aria-labelledby="decision" {
            h2 #decision { (heading(view.status)) }
            @if let Some(decided) = &view.decided {
                dl.facts {
                    div { dt { "By" } dd { (visible(&decided.by)) } }
                    div { dt { "Through" } dd { (visible(&decided.via)) } }
                    div { dt { "At" } dd { (moment(decided.at)) } }
                }
                @if let Some(comment) = decided.comment.as_deref().filter(|comment| !comment.is_empty()) {
                    blockquote.comment dir="auto" { (visible(comment)) }
                }
                @if let Some(values) = &decided.values {
                    h3 { "Values" }
                    pre tabindex="0" { code { (visible(&format!("{values:#}"))) } }
                }
            } @else {
                p { (explanation(view.status)) }
            }
        }
    }
}

fn heading(status: ApprovalStatus) -> &'static str {
    match status {
        ApprovalStatus::Pending => "It is not decided",
        ApprovalStatus::Approved => "It was approved",
        ApprovalStatus::Denied => "It was denied",
        ApprovalStatus::Expired => "It expired",
        ApprovalStatus::Cancelled => "It was cancelled",
    }
}

fn explanation(status: ApprovalStatus) -> &'static str {
    match status {
        ApprovalStatus::Expired => "Nobody decided in time.",
        ApprovalStatus::Cancelled => "The task that asked has ended.",
        _ => "",
    }
}
