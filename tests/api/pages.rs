//! The pages on which people decide, as a browser without script uses them.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server, plugin};

/// A browser that has entered: its cookie, and where it is.
struct Browser {
    client: Client,
    origin: String,
    cookie: String,
}

impl Browser {
    fn enter(server: &Server) -> Self {
        let code = server.operator().send("/v1/console/codes", "application/json", b"").expect(201);
        let client = Client::anonymous(server.url());
        let origin = server.url().to_owned();
        let mut browser = Self { client, origin, cookie: String::new() };
        let form = [("code", code["code"].as_str().expect("a code")), ("next", "/approvals")];
        let entered = browser.post("/enter", &form);
        assert_eq!(entered.status, 303, "{}", text(&entered));
        let cookie = entered.header("set-cookie").expect("it is let in");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        browser.cookie = cookie.split(';').next().expect("a cookie").to_owned();
        assert_eq!(browser.post("/enter", &form).header("set-cookie"), None, "it is good once");
        browser
    }

    fn get(&self, path: &str) -> Answer {
        self.client.ask("GET", path, &[("cookie", &self.cookie)])
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = String::new();
        for (name, value) in fields {
            form.push_str(&format!("{}={}&", encoded(name), encoded(value)));
        }
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", self.origin.as_str()),
            ("cookie", self.cookie.as_str()),
        ];
        self.client.send_with("POST", path, &headers, form.as_bytes())
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.bytes).into_owned()
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&field).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().expect("a value ends").to_owned()
}

fn asks(server: &Server, code: &str) -> (String, String) {
    server.operator().upload("python", &plugin("python")).expect(201);
    let agent = server.agent();
    let task = agent.submit(&json!({"executor": "python", "input": {"code": code}}));
    while agent.get(&format!("/v1/tasks/{task}?wait_ms=60000")).expect(200)["status"] != "waiting" {
    }
    let approval = format!("{task}.1");
    (task, approval)
}

#[test]
fn a_person_reads_what_is_asked_fills_in_the_form_and_approves_once() {
    let server = Server::start();
    let (task, approval) = asks(
        &server,
        r#"
import errand
open("plan.txt", "w").write("two more nodes\n")
answer = errand.approve(
    "Scale it?", "It **costs** <script>alert(1)</script> [money](javascript:alert(2)).",
    schema={"type": "object", "properties": {"nodes": {"type": "integer", "maximum": 4}}, "required": ["nodes"]},
    show_diff=True, attachments=["plan.txt"])
result = [answer.verdict, answer.by, answer.comment, answer.values]
"#,
    );
    let anonymous = Client::anonymous(server.url()).ask("GET", "/approvals", &[]);
    assert_eq!(anonymous.status, 303);
    assert_eq!(anonymous.header("location").as_deref(), Some("/enter?next=%2Fapprovals"));

    let browser = Browser::enter(&server);
    let list = text(&browser.get("/approvals"));
    assert!(
        list.contains("Scale it?") && list.contains(&format!("/approvals/{approval}")),
        "{list}"
    );
    let path = format!("/approvals/{approval}");
    let shown = browser.get(&path);
    let policy = shown.header("content-security-policy").expect("a page has a policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'none'"),
        "{policy}"
    );
    let page = text(&shown);
    for part in ["<strong>costs</strong>", "two more nodes", "plan.txt", "v/nodes"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("javascript:"), "{page}");
    let file = browser.get(&format!("{path}/attachments/plan.txt"));
    assert_eq!((file.status, text(&file).as_str()), (200, "two more nodes\n"));
    assert!(file.header("content-disposition").is_some_and(|it| it.starts_with("attachment")));

    let (csrf, digest) = (hidden(&page, "csrf"), hidden(&page, "digest"));
    let decide = |csrf: &str, digest: &str, nodes: &str| {
        let form = [
            ("csrf", csrf),
            ("digest", digest),
            ("decision", "approve"),
            ("comment", "until Monday"),
            ("v/nodes", nodes),
        ];
        browser.post(&path, &form)
    };
    assert_eq!(decide("0", &digest, "3").status, 403, "it is no form of this session");
    assert_eq!(decide(&csrf, &"0".repeat(64), "3").status, 409, "that was not what was shown");
    let wrong = decide(&csrf, &digest, "9");
    assert_eq!(wrong.status, 422);
    let again = text(&wrong);
    assert!(again.contains("maximum of 4") && again.contains("until Monday"), "{again}");
    assert_eq!(decide(&csrf, &digest, "3").status, 303);
    assert_eq!(decide(&csrf, &digest, "3").status, 409, "it is decided");
    assert!(text(&browser.get(&path)).contains("until Monday"));

    let ended = server.agent().finish(&task);
    let answer = json!(["approved", "operator", "until Monday", {"nodes": 3}]);
    assert_eq!(ended["output"]["result"], answer, "{ended}");
    let kept = server.agent().get(&format!("/v1/approvals/{approval}")).expect(200);
    assert_eq!(kept["decided"]["via"], "page", "{kept}");
}

#[test]
fn a_denial_needs_no_form_filled_in_and_who_may_only_read_decides_nothing() {
    let server = Server::start();
    let (task, approval) = asks(
        &server,
        "import errand\nresult = errand.approve('Go on?', schema={'type': 'object', 'required': ['n']}).verdict",
    );
    let path = format!("/approvals/{approval}");
    let code = server.agent().send("/v1/console/codes", "application/json", b"").expect(201);
    let reader = Browser {
        client: Client::anonymous(server.url()),
        origin: server.url().to_owned(),
        cookie: String::new(),
    };
    let entered = reader.post("/enter", &[("code", code["code"].as_str().expect("a code"))]);
    let cookie = entered.header("set-cookie").expect("it is let in");
    let reader = Browser { cookie: cookie.split(';').next().expect("it").to_owned(), ..reader };
    let page = text(&reader.get(&path));
    assert!(!page.contains("value=\"approve\"") && !page.contains("value=\"deny\""), "{page}");
    let csrf = hidden(&page, "csrf");
    let refused = reader.post(&path, &[("csrf", &csrf), ("decision", "deny")]);
    assert_eq!(refused.status, 403, "{}", text(&refused));

    let browser = Browser::enter(&server);
    let page = text(&browser.get(&path));
    let (csrf, digest) = (hidden(&page, "csrf"), hidden(&page, "digest"));
    let form = [("csrf", csrf.as_str()), ("digest", &digest), ("decision", "deny")];
    assert_eq!(browser.post(&path, &form).status, 303);
    assert_eq!(server.agent().finish(&task)["output"]["result"], Value::from("denied"));
    assert_eq!(browser.get("/approvals/nothing.1").status, 404);
}
