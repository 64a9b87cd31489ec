//! The pages of approvals, as they are written.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::response::Response;
use errand_scheduler::{Fault, SeededRandom};
use serde_json::json;

use super::example::{NOW, rich};
use super::*;
use crate::console::form::Draft;
use crate::console::sessions::{Session, Sessions};
use crate::console::testing::{TestClock, caller};
use crate::console::visit::Reader;

fn session() -> Session {
    let sessions = Sessions::new(Arc::new(TestClock::default()), Arc::new(SeededRandom::new(1)));
    let cookie = sessions.open(caller("ada"));
    sessions.find(&cookie).unwrap()
}

async fn text(response: Response) -> String {
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn page(view: &ApprovalView, draft: Draft<'_>) -> String {
    let session = session();
    text(approval_page(&Reader { session: &session, now: NOW }, view, &draft)).await
}

fn row(id: &str, title: &str, status: ApprovalStatus) -> ApprovalRow {
    ApprovalRow {
        id: id.to_owned(),
        executor: "deploy-service@3".to_owned(),
        asked_at: UnixMillis(NOW.0 - 7 * 60_000),
        title: title.to_owned(),
        status,
        expires_at: Some(NOW.plus_ms(53 * 60_000)),
    }
}

#[tokio::test]
async fn a_person_sees_what_they_decide_on_and_the_form_binds_it() {
    let view = rich();
    let page = page(&view, Draft::default()).await;
    for part in [
        "<h1 dir=\"auto\">Deploy checkout 4.12.0 to production?</h1>",
        "action=\"/approvals/01KAS4QZ8N3V6T1M9XH2YB7C5D\"",
        &format!("name=\"digest\" value=\"{}\"", view.digest),
        &format!("name=\"csrf\" value=\"{}\"", session().form_token()),
        "name=\"decision\" value=\"approve\"",
        "name=\"decision\" value=\"deny\" formnovalidate",
        "name=\"v/ticket\"",
        "Expires in 53 minutes",
        "<ins>+",
        "184.3 kB",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    // The Enter key in a field presses the first button, which must not be one that decides.
    let first = page.split("<aside").nth(1).unwrap().split("<button").nth(1).unwrap();
    assert!(first.starts_with(" type=\"submit\" disabled hidden>"), "{first}");
}

#[tokio::test]
async fn who_may_only_look_has_no_buttons() {
    let view = ApprovalView { may_decide: false, ..rich() };
    let page = page(&view, Draft::default()).await;
    assert!(!page.contains("name=\"decision\"") && !page.contains("name=\"digest\""));
    assert!(page.contains("the right <code>approve</code>"));
}

#[tokio::test]
async fn what_is_decided_says_how_and_has_no_buttons() {
    let decided = DecidedView {
        by: "ada".to_owned(),
        via: "console".to_owned(),
        at: NOW,
        comment: Some("not <today>".to_owned()),
        values: Some(json!({"ticket": "<OPS>"})),
    };
    let view = ApprovalView { status: ApprovalStatus::Denied, decided: Some(decided), ..rich() };
    let denied = page(&view, Draft::default()).await;
    assert!(denied.contains("It was denied") && denied.contains("not &lt;today&gt;"));
    assert!(denied.contains("&lt;OPS&gt;") && !denied.contains("name=\"decision\""));
    for (status, why) in [
        (ApprovalStatus::Expired, "Nobody decided in time."),
        (ApprovalStatus::Cancelled, "The task that asked has ended."),
    ] {
        let view = ApprovalView { status, decided: None, ..rich() };
        let page = page(&view, Draft::default()).await;
        assert!(page.contains(why) && !page.contains("name=\"decision\""));
    }
}

#[tokio::test]
async fn a_draft_with_faults_is_kept_and_answered_422() {
    let posted = Posted::parse(b"v/ticket=x&comment=%3C/textarea%3E&decision=approve");
    let faults = [Fault::new("/ticket", "does not match"), Fault::new("", "is wrong")];
    let draft = Draft { posted: Some(&posted), faults: &faults };
    let session = session();
    let response = approval_page(&Reader { session: &session, now: NOW }, &rich(), &draft);
    assert_eq!(response.status(), 422);
    let page = text(response).await;
    assert!(page.contains("Change ticket: does not match</a>"), "{page}");
    assert!(page.contains("&lt;/textarea&gt;") && page.contains("<title>Error: "));
}

#[tokio::test]
async fn nothing_that_an_agent_wrote_is_html() {
    let hostile = "\"><script>alert(1)</script>\u{202e}";
    let view = ApprovalView {
        executor: hostile.to_owned(),
        title: hostile.to_owned(),
        detail_markdown: hostile.to_owned(),
        schema: Some(json!({"title": hostile, "type": "object", "properties": {
            "a": {"enum": [hostile], "title": hostile, "description": hostile, "default": hostile}
        }})),
        diff: Some(format!(
            "diff --git a/{hostile} b/{hostile}\n@@ -1 +1 @@\n-{hostile}\n+{hostile}\n"
        )),
        attachments: vec![
            AttachmentView { path: hostile.to_owned(), size_bytes: 1, href: hostile.to_owned() },
            AttachmentView {
                path: "x".to_owned(),
                size_bytes: 1,
                href: "javascript:alert(1)".to_owned(),
            },
            AttachmentView {
                path: "y".to_owned(),
                size_bytes: 1,
                href: "//evil.example".to_owned(),
            },
        ],
        ..rich()
    };
    let shown = page(&view, Draft::default()).await;
    assert!(!shown.contains("<script") && !shown.contains('\u{202e}'), "{shown}");
    assert!(!shown.contains("javascript:") && !shown.contains("evil.example"), "{shown}");
    assert!(shown.contains("⟨U+202E⟩"));
    let session = session();
    let reader = Reader { session: &session, now: NOW };
    let rows = [row(hostile, hostile, ApprovalStatus::Pending)];
    let list = text(approvals_list_page(&reader, &rows, Some(hostile))).await;
    assert!(!list.contains("<script") && !list.contains('\u{202e}'), "{list}");
}

#[tokio::test]
async fn the_list_says_what_waits_and_where_it_goes_on() {
    let session = session();
    let reader = Reader { session: &session, now: NOW };
    let rows = [
        row("a1", "Deploy?", ApprovalStatus::Pending),
        row("a2", "Delete?", ApprovalStatus::Denied),
    ];
    let list = text(approvals_list_page(&reader, &rows, Some("c=1"))).await;
    for part in ["One waits for a decision.", "href=\"/approvals/a1\"", "?cursor=c%3D1", "Denied"] {
        assert!(list.contains(part), "{part}\n{list}");
    }
    let none = text(approvals_list_page(&reader, &[], None)).await;
    assert!(none.contains("Nothing waits for you."));
}

#[test]
fn a_diff_is_shown_by_file_and_line() {
    let html = diff::section(include_str!("example.diff")).into_string();
    assert!(html.contains("<span class=\"path\">src/checkout/pricing.rs</span>"), "{html}");
    assert!(html.contains("<span class=\"badge\">new</span>"), "{html}");
    assert!(html.contains("<span class=\"badge\">deleted</span>"), "{html}");
    assert!(html.contains("<del>-"), "{html}");
    assert!(!html.contains("This is not all"), "{html}");
}

#[test]
fn a_line_that_looks_like_a_heading_stays_in_its_file() {
    let html = diff::section(
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- a/secret\n-diff --git a/y b/y\n+++ b/secret\n+@@ -1 +1 @@\n",
    )
    .into_string();
    assert_eq!(html.matches("<details").count(), 1, "{html}");
    assert_eq!((html.matches("<ins>").count(), html.matches("<del>").count()), (2, 2), "{html}");
}

#[test]
fn a_diff_that_is_cut_says_how_much_is_missing() {
    let long = format!("--- a/x\n+++ b/x\n@@ -0,0 +1,5000 @@\n{}", "+a\n".repeat(5_000));
    let html = diff::section(&long).into_string();
    assert_eq!(html.matches("This is not all: 2003 lines are not shown.").count(), 2);
    let wide = format!("--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+{}\n", "é".repeat(50_000));
    let html = diff::section(&wide).into_string();
    assert!(html.contains("more bytes") && html.len() < 20_000);
    let heavy =
        format!("--- a/x\n+++ b/x\n@@ -0,0 +1,900 @@\n{}", ("+".repeat(2_000) + "\n").repeat(900));
    assert!(diff::section(&heavy).into_string().contains("This is not all"));
}

#[test]
fn decisions_are_read() {
    assert_eq!(Decision::of(&Posted::parse(b"decision=approve")), Some(Decision::Approve));
    assert_eq!(Decision::of(&Posted::parse(b"decision=deny")), Some(Decision::Deny));
    assert_eq!(Decision::of(&Posted::parse(b"decision=Approve")), None);
    assert_eq!(Decision::of(&Posted::default()), None);
}

/// Writes every kind of page to a folder, to be looked at in a browser.
///
/// `ERRAND_PAGES=DIR cargo test -p errand-server --lib pages_to_look_at`
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a person asked for the files")]
async fn pages_to_look_at() {
    let rich = rich();
    let posted =
        Posted::parse(b"v/environment=1&v/replicas=40&v/ticket=none&v/region=2&comment=Fine+by+me");
    let faults = [
        Fault::new("/replicas", "40 is greater than the maximum of 12"),
        Fault::new("/ticket", "\"none\" does not match \"^OPS-[0-9]+$\""),
    ];
    let decided = DecidedView {
        by: "ada".to_owned(),
        via: "console".to_owned(),
        at: NOW,
        comment: Some("Fine by me, but tell support first.".to_owned()),
        values: Some(json!({"environment": "production", "replicas": 4, "ticket": "OPS-1312"})),
    };
    let approved =
        ApprovalView { status: ApprovalStatus::Approved, decided: Some(decided), ..rich.clone() };
    let small = ApprovalView {
        title: "May I send the newsletter now?".to_owned(),
        detail_markdown: "It goes to **1,204** people.".to_owned(),
        schema: None,
        diff: None,
        attachments: Vec::new(),
        expires_at: None,
        ..rich.clone()
    };
    let session = session();
    let reader = Reader { session: &session, now: NOW };
    let rows = [
        row("a1", "Deploy checkout 4.12.0 to production?", ApprovalStatus::Pending),
        row("a2", "May I send the newsletter now?", ApprovalStatus::Pending),
        row("a3", "Delete 12 unused buckets", ApprovalStatus::Denied),
        row("a4", "Rotate the signing key", ApprovalStatus::Approved),
        row("a5", "Open port 5432 to the office", ApprovalStatus::Expired),
    ];
    let nobody = crate::problem::Problem::not_found("there is no approval `01KAS4`");
    let refused = crate::console::refused::Refused::from(nobody);
    let asked = crate::console::enter::ask("/approvals", None);
    let wrong = Some(crate::console::codes::CodeError::Unknown);
    let refused_code = crate::console::enter::ask("/approvals", wrong);
    let pages = [
        ("enter", text(asked).await),
        ("wrong", text(refused_code).await),
        ("new", page(&rich, Draft::default()).await),
        ("faults", page(&rich, Draft { posted: Some(&posted), faults: &faults }).await),
        ("approved", page(&approved, Draft::default()).await),
        ("small", page(&small, Draft::default()).await),
        ("list", text(approvals_list_page(&reader, &rows, Some("x"))).await),
        ("empty", text(approvals_list_page(&reader, &[], None)).await),
        ("missing", text(axum::response::IntoResponse::into_response(refused)).await),
    ];
    for (name, page) in &pages {
        check_structure(name, page);
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{name}");
        assert!(!page.contains("style=\"") && !page.contains("<script"), "{name}");
    }
    if let Some(folder) = std::env::var_os("ERRAND_PAGES").map(std::path::PathBuf::from) {
        for (name, page) in pages {
            std::fs::write(folder.join(name).with_extension("html"), page).unwrap();
        }
    }
}

/// Checks what a screen reader goes by: attributes and ids are there once, and references lead somewhere.
fn check_structure(name: &str, page: &str) {
    let mut ids = Vec::new();
    let mut references = Vec::new();
    for tag in page.split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
        let mut names = Vec::new();
        let mut rest = tag.split_once(' ').map_or("", |(_, rest)| rest);
        while let Some((attribute, value)) = rest.split_once("=\"") {
            let attribute = attribute.rsplit(' ').next().unwrap_or_default();
            let (value, further) = value.split_once('"').expect("values end");
            assert!(!names.contains(&attribute), "{name}: {attribute} twice in <{tag}>");
            names.push(attribute);
            match attribute {
                "id" => ids.push(value),
                "for" | "aria-describedby" | "aria-labelledby" => {
                    references.extend(value.split(' '))
                }
                "href" => references.extend(value.strip_prefix('#')),
                _ => {}
            }
            rest = further;
        }
        let is_field =
            ["input ", "select ", "textarea "].iter().any(|field| tag.starts_with(field));
        if is_field && !tag.contains("type=\"hidden\"") && !tag.contains("type=\"radio\"") {
            let in_label = tag.contains("type=\"checkbox\"");
            assert!(in_label || names.contains(&"id"), "{name}: <{tag}> has no label");
        }
    }
    for reference in references {
        assert!(ids.contains(&reference), "{name}: #{reference} leads nowhere");
    }
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{name}: an id twice");
}
