//! How requests are refused before anything is done: each as a problem document with a stable code.

use serde_json::json;

use crate::harness::{Answer, Client, Raw, shared};

#[test]
fn without_a_token_that_holds_nothing_is_answered() {
    let server = shared::server();
    let token = server.agent_token();
    let anonymous = Client::anonymous(server.url());
    let bearer = |value: String| anonymous.ask("GET", "/v1/tasks", &[("authorization", &value)]);
    let mut tampered = token.clone();
    tampered.replace_range(token.len() - 1.., if token.ends_with('0') { "1" } else { "0" });
    let refused = [
        anonymous.get("/v1/tasks"),
        anonymous.get("/metrics"),
        anonymous.post("/v1/tasks", &json!({"executor": "noop"})),
        bearer("Bearer ".into()),
        bearer("Bearer nonsense".into()),
        bearer(format!("Bearer {tampered}")),
        bearer(format!("Basic {token}")),
        bearer(token.clone()),
        bearer(format!("Bearer {token} {token}")),
    ];
    for answer in refused {
        assert_eq!(answer.header("www-authenticate").as_deref(), Some("Bearer"), "{answer:?}");
        answer.problem(401, "unauthenticated");
    }
    bearer(format!("bearer {token}")).expect(200);
    // A token in an address ends up in logs, histories and referrers.
    for parameter in ["token", "access_token"] {
        let answer = anonymous.get(&format!("/v1/tasks?{parameter}={token}"));
        answer.problem(401, "unauthenticated");
        let known = shared::agent().get(&format!("/v1/tasks?{parameter}={token}"));
        known.problem(422, "invalid");
    }
}

#[test]
fn a_foreign_host_or_origin_is_refused() {
    let server = shared::server();
    let authority = server.url().trim_start_matches("http://");
    let ask = |head: &str| -> (u16, String) {
        let mut raw = Raw::connect(server);
        let token = server.agent_token();
        let head = format!("GET {head}authorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        raw.send(head.as_bytes());
        let (status, _) = raw.head().expect("it is answered");
        (status, raw.rest())
    };
    let path = "/v1/tasks?limit=1 HTTP/1.1\r\n";
    for own in [authority, "localhost", "127.0.0.1:1", "[::1]:7420"] {
        assert_eq!(ask(&format!("{path}host: {own}\r\n")).0, 200, "{own}");
    }
    let same = format!("{path}host: {authority}\r\norigin: http://{authority}\r\n");
    assert_eq!(ask(&same).0, 200);
    for foreign in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7420"] {
        let (status, body) = ask(&format!("{path}host: {foreign}\r\n"));
        assert_eq!(status, 403, "{foreign}");
        assert!(body.contains("foreign_host"), "{body}");
        let (status, body) = ask(&format!("{path}host: localhost\r\norigin: http://{foreign}\r\n"));
        assert_eq!(status, 403, "{foreign}");
        assert!(body.contains("foreign_origin"), "{body}");
    }
    let (status, _) = ask(&format!("{path}host: localhost\r\norigin: null\r\n"));
    assert_eq!(status, 403);
    // The address of the request line counts before the header.
    let (status, _) = ask(&format!("http://evil.example{path}host: localhost\r\n"));
    assert_eq!(status, 403);
    // Also where no token is asked for.
    assert_eq!(ask("/healthz HTTP/1.1\r\nhost: evil.example\r\n").0, 403);
}

#[test]
fn unknown_paths_and_methods_are_told_apart() {
    let client = shared::agent();
    for path in ["/v1", "/v1/nothing", "/v2/tasks", "/v1/tasks/", "/console", "/etc/passwd"] {
        client.get(path).problem(404, "not_found");
    }
    for (method, path, allowed) in [
        ("PUT", "/v1/tasks", "POST"),
        ("PATCH", "/v1/executors/noop", "DELETE"),
        ("POST", "/healthz", "GET"),
        ("DELETE", "/v1/queue", "GET"),
    ] {
        let answer = client.ask(method, path, &[]);
        let allow = answer.header("allow").unwrap_or_default();
        assert!(allow.contains(allowed), "{method} {path} allows {allow:?}");
        answer.problem(405, "method_not_allowed");
    }
}

#[test]
fn a_body_must_be_json_and_say_so() {
    let client = shared::agent();
    let send = |kind: &str, body: &[u8]| -> Answer { client.send("/v1/tasks", kind, body) };
    let json = json!({"executor": "noop"}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/wasm", "json"] {
        send(kind, json.as_bytes()).problem(415, "unsupported_media_type");
    }
    for wrong in ["", "{", "nonsense", "{\"executor\": }", "{\"executor\": \"noop\"} trailing"] {
        send("application/json", wrong.as_bytes()).problem(400, "malformed");
    }
    send("application/json", b"{\"executor\": \"\xff\"}").problem(400, "malformed");
    for other in ["null", "[]", "1", "\"text\""] {
        send("application/json; charset=utf-8", other.as_bytes()).problem(422, "invalid");
    }
    let wasm = shared::operator().send("/v1/executors?name=x", "application/json", b"{}");
    wasm.problem(415, "unsupported_media_type");
}

#[test]
fn a_problem_says_what_and_where_for_people_and_programs() {
    let problem = shared::agent().post("/v1/tasks", &json!({})).problem(422, "invalid");
    assert_eq!(problem["title"], "Unprocessable Entity");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("executor")));
    let error = &problem["errors"][0];
    assert_eq!(error["pointer"], "/executor");
    assert!(error["message"].is_string());
}
