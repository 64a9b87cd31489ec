//! An approval for a person: a line in a list, or all that is asked.

use anstyle::{AnsiColor, Style};

use super::executor::short;
use super::table::{Cell, Table};
use super::{BOLD, Look, escape};
use crate::client::Approval;
use crate::units;

/// Makes a list of approvals.
pub(crate) fn list(approvals: &[Approval], look: &Look) -> String {
    let mut table = Table::new(["APPROVAL", "STATUS", "EXECUTOR", "ASKED", "CLOSES", "TITLE"]);
    for approval in approvals {
        let closes = approval.expires_at.filter(|_| approval.is_pending());
        table.row([
            approval.id.as_str().into(),
            Cell::styled(&approval.status, style(&approval.status)),
            executor_name(approval).into(),
            format!("{} ago", units::age(look.since(approval.asked_at))).into(),
            closes.map(|at| in_time(look, at)).unwrap_or_default().into(),
            approval.title.as_str().into(),
        ]);
    }
    table.render(look)
}

/// Makes all of an approval.
pub(crate) fn overview(approval: &Approval, look: &Look) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{BOLD}{name:<12}{BOLD:#}{value}\n"));
        }
    };
    let style = style(&approval.status);
    field("approval", escape::line(&approval.id).into_owned());
    field("status", format!("{style}{}{style:#}", escape::line(&approval.status)));
    field("title", escape::line(&approval.title).into_owned());
    field("task", escape::line(&approval.task_id).into_owned());
    field("executor", escape::line(&approval.executor).into_owned());
    field("asked", look.moment(approval.asked_at));
    if let Some(at) = approval.expires_at.filter(|_| approval.is_pending()) {
        field("closes", in_time(look, at));
    }
    field("approvers", escape::line(&approval.approvers.join(", ")).into_owned());
    if approval.shows_diff {
        field("changes", format!("`errand approvals {} --diff`", escape::line(&approval.id)));
    }
    for file in &approval.attachments {
        field("file", format!("{} ({})", escape::line(&file.path), units::size(file.size_bytes)));
    }
    field("digest", escape::line(&approval.digest).into_owned());
    if let Some(decided) = &approval.decided {
        let via = decided.via.as_deref().map(|via| format!(" via {via}")).unwrap_or_default();
        let by = format!("{}{via}", decided.by);
        field("decided", format!("by {}, {}", escape::line(&by), look.moment(decided.at)));
        field("comment", escape::line(decided.comment.as_deref().unwrap_or_default()).into_owned());
        let values = decided.values.as_ref().map(ToString::to_string).unwrap_or_default();
        field("values", escape::line(&values).into_owned());
    }
    if !approval.detail.is_empty() {
        text.push_str(&format!("\n{}\n", escape::text(approval.detail.trim_end())));
    }
    if let Some(schema) = &approval.schema {
        let schema = serde_json::to_string_pretty(schema).unwrap_or_default();
        text.push_str(&format!(
            "\n{BOLD}values{BOLD:#} (JSON Schema)\n{}\n",
            escape::text(&schema)
        ));
    }
    text
}

/// Says how long it is until a moment.
fn in_time(look: &Look, at: jiff::Timestamp) -> String {
    match super::between(look.now, at) {
        0 => "now".to_owned(),
        left => format!("in {}", units::age(left)),
    }
}

fn executor_name(approval: &Approval) -> String {
    match approval.executor.split_once('@') {
        Some((name, digest)) => format!("{name}@{}", short(digest)),
        None => approval.executor.clone(),
    }
}

fn style(status: &str) -> Style {
    match status {
        "pending" => AnsiColor::Yellow.on_default(),
        "approved" => AnsiColor::Green.on_default(),
        "denied" => AnsiColor::Red.on_default(),
        _ => AnsiColor::Magenta.on_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_asked_is_shown_with_controls_escaped() {
        let approval: Approval = serde_json::from_value(serde_json::json!({
            "id": "01kapq.1", "task_id": "01kapq", "executor": "python@0123456789abcdef",
            "title": "Deploy\u{1b}[2J?", "detail": "It **changes** 3 files.\u{7}",
            "schema": {"type": "object"}, "status": "pending", "digest": "00ff",
            "asked_at": "2026-11-22T11:00:00Z", "expires_at": "2026-11-22T13:00:00Z",
            "shows_diff": true,
        }))
        .expect("it is one");
        let look = Look::fixed();
        let shown = overview(&approval, &look);
        assert!(!shown.contains("\u{1b}[2J") && !shown.contains('\u{7}'), "{shown}");
        for part in ["It **changes** 3 files.", "--diff", "in 1h", "JSON Schema"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        let listed = anstream::adapter::strip_str(&list(&[approval], &look)).to_string();
        assert!(listed.contains("01kapq.1") && listed.contains("1h ago"), "{listed}");
    }
}
