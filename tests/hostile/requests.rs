//! Requests that are wrong in ways that no client should think of.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Neighbour;
use crate::harness::{Answer, Raw, shared};

const JSON_LIMIT_BYTES: usize = 8 << 20;
const UPLOAD_LIMIT_BYTES: usize = 64 << 20;

fn post(body: &[u8]) -> Answer {
    shared::agent().send("/v1/tasks", "application/json", body)
}

#[test]
fn json_that_is_deep_or_huge_or_broken_is_refused() {
    let neighbour = Neighbour::start();
    for deep in ["[", "{\"a\":", "{\"executor\":\"noop\",\"input\":{\"a\":[["] {
        let count = 1_000_000 / deep.len();
        let answer = post(deep.repeat(count).as_bytes());
        answer.problem(400, "malformed");
    }
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = post(format!("{{\"executor\":\"noop\",\"input\":{nested}}}").as_bytes());
    assert!(matches!(answer.status, 400 | 422), "{answer:?}");
    for broken in [
        &b"\xff\xfe{\0}"[..],
        b"\0",
        b"{\"executor\":\"noop\",}",
        b"{'executor':'noop'}",
        b"{\"executor\":\"noop\",\"priority\":1e999}",
        b"{\"executor\":\"\\ud800\"}",
        b"{\"executor\":\"noop\" \"input\":1}",
        b"{\"executor\":\"noop\",\"priority\":01}",
    ] {
        let answer = post(broken);
        assert!(matches!(answer.status, 400 | 422), "{answer:?}");
    }
    let many = format!("{{\"executor\":\"noop\",{}}}", vec!["\"x\":1"; 100_000].join(","));
    let answer = post(many.as_bytes());
    let size = answer.bytes.len();
    answer.problem(422, "invalid");
    assert!(size < 100_000, "the answer is no larger than a reader can take: {size} bytes");
    neighbour.finishes_unharmed();
}

#[test]
fn duplicate_fields_are_refused() {
    shared::noop();
    for twice in [
        &br#"{"executor": "noop", "executor": "python"}"#[..],
        br#"{"executor": "noop", "limits": {"fuel": 1, "fuel": 2}}"#,
    ] {
        let answer = post(twice);
        assert!(matches!(answer.status, 400 | 422), "{answer:?}");
    }
}

#[test]
fn an_unknown_executor_is_named_with_what_there_is() {
    let problem = shared::agent().post("/v1/tasks", &json!({"executor": "pyhton"}));
    let problem = problem.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/executor");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("pyhton")));
    for name in ["", "@", "a@b@c", "../python", "A", "\u{0}", &"x".repeat(100_000)] {
        let answer = shared::agent().post("/v1/tasks", &json!({"executor": name}));
        let problem = answer.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/executor", "{name:.20}");
    }
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    for (line, kind, limit) in [
        ("POST /v1/tasks", "application/json", JSON_LIMIT_BYTES),
        ("POST /v1/tasks/batch", "application/json", JSON_LIMIT_BYTES),
        ("POST /v1/executors?name=large", "application/wasm", UPLOAD_LIMIT_BYTES),
    ] {
        let mut raw = Raw::connect(shared::server());
        let headers = format!("content-type: {kind}\r\ncontent-length: {}\r\n", limit + 1);
        raw.send_head(shared::server(), line, &headers);
        assert_eq!(raw.head().map(|(status, _)| status), Some(413), "{line}");
    }
}

#[test]
fn a_body_over_the_limit_that_does_not_say_so_is_cut_off() {
    let neighbour = Neighbour::start();
    for (line, kind, limit) in [
        ("POST /v1/tasks", "application/json", JSON_LIMIT_BYTES),
        ("POST /v1/executors?name=large", "application/wasm", UPLOAD_LIMIT_BYTES),
    ] {
        let mut raw = Raw::connect(shared::server());
        let headers = format!("content-type: {kind}\r\ntransfer-encoding: chunked\r\n");
        raw.send_head(shared::server(), line, &headers);
        let chunk = [b"100000\r\n".as_slice(), &[b' '; 1 << 20], b"\r\n"].concat();
        for _ in 0..=limit / (1 << 20) {
            raw.send(&chunk);
        }
        assert_eq!(raw.head().map(|(status, _)| status), Some(413), "{line}");
    }
    neighbour.finishes_unharmed();
}

#[test]
fn a_body_within_the_limit_is_taken() {
    // Its input may be as large as a body; the rest of the request has to fit too.
    let text = "x".repeat(JSON_LIMIT_BYTES - 1_000);
    let request = json!({"executor": shared::probe(), "input": {"do": "echo", "text": text}});
    let client = shared::agent();
    let id = client.submit(&request);
    let task = client.finish(&id);
    assert_eq!(
        task["error"]["code"], "output_limit",
        "what it echoes is over that one: {task:.0?}"
    );
}

#[test]
fn what_is_no_http_is_closed_and_harms_nobody() {
    let neighbour = Neighbour::start();
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20));
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(50_000));
    for nonsense in [
        "\0\0\0\0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0",
        "GET\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nhost localhost\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil\r\n\r\n",
        "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        &long,
        &large,
        &many,
    ] {
        let mut raw = Raw::connect(shared::server());
        raw.send(nonsense.as_bytes());
        raw.finish();
        let status = raw.head().map(|(status, _)| status);
        let refused = status.is_none_or(|status| (400..=505).contains(&status));
        assert!(refused, "{nonsense:.60?} was answered {status:?}");
    }
    neighbour.finishes_unharmed();
}

#[test]
fn paths_that_lead_elsewhere_name_nothing() {
    let mut answers = Vec::new();
    for path in [
        "/../../etc/passwd",
        "/v1/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/executors/..%2f..%2foperator.token",
        "/v1/executors/%00",
        "//etc/passwd",
        "/v1/tasks/../tokens",
        "/v1/tasks/%F0%28%8C%28",
    ] {
        let mut raw = Raw::connect(shared::server());
        raw.send_head(shared::server(), &format!("GET {path}"), "connection: close\r\n");
        let (status, _) = raw.head().expect("it is answered");
        let body = raw.rest();
        assert!(matches!(status, 400 | 404), "{path} was answered {status}");
        answers.push(body);
    }
    let token = shared::server().operator_token();
    assert!(answers.iter().all(|body| !body.contains("root:") && !body.contains(&token)));
}

#[test]
fn submissions_that_cost_much_to_check_are_refused_in_time() {
    let globs: Vec<String> = (0..10_000).map(|_| "{a,b}".repeat(100)).collect();
    let labels: serde_json::Map<String, Value> =
        (0..50_000).map(|n| (format!("label-{n}"), json!("x"))).collect();
    let begun = Instant::now();
    for request in [
        json!({"executor": shared::noop(), "artifacts": globs}),
        json!({"executor": shared::noop(), "artifacts": ["{a,b}".repeat(100), "{".repeat(500)]}),
        json!({"executor": shared::noop(), "labels": labels}),
        json!({"executor": shared::noop(), "idempotency_key": "k".repeat(1_000_000)}),
    ] {
        shared::agent().post("/v1/tasks", &request).problem(422, "invalid");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
}
