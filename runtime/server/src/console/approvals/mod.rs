//! The pages about approvals: the list, and the one that a person decides on.
//!
//! They show what they are given. Where it comes from, and whether a decision holds, is the service's.

mod decided;
mod diff;
#[cfg(test)]
pub(crate) mod example;
mod list;
mod one;

use errand_core::UnixMillis;
use serde_json::Value;

use super::posted::Posted;

pub(crate) use list::{ApprovalRow, approvals_list_page};
pub(crate) use one::approval_page;

/// What a person is asked, with all that they decide on.
#[derive(Debug, Clone)]
pub(crate) struct ApprovalView {
    pub(crate) id: String,
    pub(crate) task_id: String,
    pub(crate) executor: String,
    pub(crate) asked_at: UnixMillis,
    pub(crate) title: String,
    /// Markdown that the executor wrote.
    pub(crate) detail_markdown: String,
    /// What the values must be that come with an approval; nothing: none come.
    pub(crate) schema: Option<Value>,
    /// The digest of what is shown, which the decision binds.
    pub(crate) digest: String,
    pub(crate) status: ApprovalStatus,
    /// When it is too late; nothing: never.
    pub(crate) expires_at: Option<UnixMillis>,
    pub(crate) decided: Option<DecidedView>,
    /// What the task changed so far, as a unified diff; nothing: it has no workspace, or it is the same.
    pub(crate) diff: Option<String>,
    pub(crate) attachments: Vec<AttachmentView>,
    /// Whether the reader has the right to decide.
    pub(crate) may_decide: bool,
}

/// How it was decided.
#[derive(Debug, Clone)]
pub(crate) struct DecidedView {
    pub(crate) by: String,
    /// Through what: `console`, `api`, `mcp`.
    pub(crate) via: String,
    pub(crate) at: UnixMillis,
    pub(crate) comment: Option<String>,
    pub(crate) values: Option<Value>,
}

/// A file that belongs to the question.
#[derive(Debug, Clone)]
pub(crate) struct AttachmentView {
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    /// A path of this server.
    pub(crate) href: String,
}

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApprovalStatus {
    /// Nobody decided yet.
    Pending,
    Approved,
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The task that asked has ended.
    Cancelled,
}

impl ApprovalStatus {
    /// Returns the status as it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Pending => "Waits for a decision",
            Self::Approved => "Approved",
            Self::Denied => "Denied",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// What a person decided, as the form of the page posts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Deny,
}

impl Decision {
    /// Returns the decision of a posted form, unless it has none.
    pub(crate) fn of(posted: &Posted) -> Option<Self> {
        match posted.text("decision") {
            "approve" => Some(Self::Approve),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}

fn status_mark(status: ApprovalStatus) -> maud::Markup {
    maud::html! { span class={ "status " (status.as_str()) } { (status.words()) } }
}

#[cfg(test)]
mod tests;
