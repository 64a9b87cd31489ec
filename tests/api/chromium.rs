//! The pages on which people decide, in Chromium: with scripts, which must do nothing, and without.

use serde_json::{Value, json};

use crate::harness::{Browser, Server, plugin};

const CODE: &str = r#"
import errand
open("plan.txt", "w").write("two more nodes\n")
answer = errand.approve(
    "Scale <b>it</b>?",
    "It **costs**.\n\n<script>document.title = 'taken'; alert(1)</script>"
    '<img src=x onerror="alert(2)"> [money](javascript:alert(3))',
    schema={"type": "object", "properties": {"nodes": {"type": "integer", "maximum": 4}}, "required": ["nodes"]},
    show_diff=True)
result = [answer.verdict, answer.values]
"#;

/// A server with a task that asks, and its address and that of the page.
fn asks(server: &Server) -> (String, String) {
    let task = server.agent().submit(&json!({"executor": "python", "input": {"code": CODE}}));
    server.agent().follow(&task, &[]).until_event("approval_requested");
    let page = format!("{}/approvals/{task}.1", server.url());
    (task, page)
}

/// Goes to a page, enters a code, and waits for something that the page has.
fn enter(browser: &Browser, server: &Server, page: &str, has: &str) {
    browser.open(page);
    assert!(browser.url().contains("/enter?next="), "{}", browser.url());
    let code = server.operator().send("/v1/console/codes", "application/json", b"").expect(201);
    browser.fill_in("#code", code["code"].as_str().expect("a code"));
    browser.click("button.primary");
    browser.text(has);
    assert_eq!(browser.url(), page, "it goes on to what was asked for");
}

fn start() -> Server {
    let server = Server::start();
    server.operator().upload("python", &plugin("python")).expect(201);
    server
}

#[test]
fn a_person_decides_whether_the_browser_runs_scripts_or_not() {
    let server = start();
    for runs_scripts in [false, true] {
        let (task, page) = asks(&server);
        let browser = Browser::start(runs_scripts);
        enter(&browser, &server, &page, "button.approve");
        assert!(browser.title().contains("Scale <b>it</b>?"), "{}", browser.title());
        assert!(!browser.has_dialog(), "no script of the question runs");
        let shown = browser.text("main");
        for part in ["It costs.", "+two more nodes", "plan.txt"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        browser.fill_in("[name='v/nodes']", "9");
        browser.click("button.approve");
        let fault = browser.text("[role='alert']");
        assert!(fault.contains("maximum of 4"), "{fault}");
        browser.fill_in("[name='v/nodes']", "\u{8}3");
        browser.fill_in("#comment", "until Monday");
        browser.click("button.approve");
        let decided = browser.text(".decided");
        assert!(decided.contains("until Monday"), "{decided}");
        assert!(!browser.has_dialog() && browser.title().contains("Scale"), "{}", browser.title());
        let ended = server.agent().finish(&task);
        assert_eq!(ended["output"]["result"], json!(["approved", {"nodes": 3}]), "{ended}");
    }
}

#[test]
fn a_denial_is_one_click_from_the_list() {
    let server = start();
    let (task, page) = asks(&server);
    let browser = Browser::start(false);
    let row = format!("a[href$='/approvals/{task}.1']");
    enter(&browser, &server, &format!("{}/approvals", server.url()), &row);
    browser.click(&row);
    browser.text("button.deny");
    assert_eq!(browser.url(), page);
    browser.click("button.deny");
    browser.text(".decided");
    let ended = server.agent().finish(&task);
    assert_eq!(ended["output"]["result"], json!(["denied", Value::Null]), "{ended}");
}
