//! The executor `fetch`: a page or a file into an artifact, by the rules of whoever has it.

use serde_json::{Value, json};

use super::{grant, id};
use crate::harness::{Peer, Reply, Server, plugin};

/// A server with `fetch`, which may send requests to these peers.
fn granted(peers: &[&Peer]) -> Server {
    let server = Server::start();
    server.operator().upload("fetch", &plugin("fetch")).expect(201);
    let http: Vec<Value> = peers.iter().map(|peer| json!({"url": peer.url()})).collect();
    grant(&server.operator(), "fetch", json!({ "http": http }));
    server
}

/// Runs it once, without another attempt.
fn fetch(server: &Server, input: Value) -> Value {
    let request = json!({"executor": "fetch", "input": input, "retry": {"max_attempts": 1}});
    server.agent().finish(&server.agent().submit(&request))
}

/// The executor's own code of a failure.
fn code(task: &Value) -> &str {
    task["error"]["detail"]["code"].as_str().unwrap_or_default()
}

fn message(task: &Value) -> &str {
    task["error"]["message"].as_str().unwrap_or_default()
}

fn paths(peer: &Peer) -> Vec<String> {
    peer.seen().into_iter().map(|request| request.path).collect()
}

#[test]
fn a_page_becomes_an_artifact_with_what_the_server_says_of_it() {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/robots.txt" => Reply::new(404, "none"),
        "/old" => Reply::new(301, "").with("location", "/docs/page?a=1#part"),
        _ => Reply::new(200, "<title>Hello</title>")
            .with("content-type", "Text/HTML; charset=\"utf-8\"")
            .with("etag", "\"v1\"")
            .with("last-modified", "Wed, 01 Jul 2026 00:00:00 GMT"),
    });
    let server = granted(&[&peer]);
    let task = fetch(&server, json!({"url": format!("{}/old", peer.url())}));
    assert_eq!(task["status"], "completed", "{task:#}");
    let expected = json!({
        "url": format!("{}/docs/page?a=1", peer.url()), "path": "page.html", "bytes": 20,
        "media_type": "text/html", "charset": "utf-8", "etag": "\"v1\"",
        "last_modified": "Wed, 01 Jul 2026 00:00:00 GMT", "redirects": [format!("{}/old", peer.url())],
    });
    assert_eq!(task["output"], expected);
    let artifact = server.agent().get(&format!("/v1/tasks/{}/artifacts/page.html", id(&task)));
    assert_eq!(artifact.header("content-type").as_deref(), Some("text/html"));
    assert_eq!(artifact.bytes, b"<title>Hello</title>");
    assert_eq!(
        paths(&peer),
        ["/robots.txt", "/old", "/docs/page?a=1"],
        "robots.txt is asked for once"
    );
    assert_eq!(peer.seen()[1].header("user-agent"), Some("errand-fetch/0.1"));
}

#[test]
fn what_robots_txt_forbids_is_not_asked_for() {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/robots.txt" => Reply::new(200, "user-agent: *\ndisallow: /private\nallow: /private/not$"),
        "/there" => Reply::new(302, "").with("location", "/private/page"),
        path => Reply::new(200, path.to_owned()),
    });
    let server = granted(&[&peer]);
    let at = |path: &str| json!({"url": format!("{}{path}", peer.url())});
    let refused = fetch(&server, at("/private/page"));
    assert_eq!(code(&refused), "disallowed_by_robots", "{refused:#}");
    assert_eq!(paths(&peer), ["/robots.txt"]);
    assert_eq!(fetch(&server, at("/private/not"))["status"], "completed");
    // Also where a redirect leads.
    assert_eq!(code(&fetch(&server, at("/there"))), "disallowed_by_robots");
    assert!(!paths(&peer).contains(&"/private/page".to_owned()));
    let mut own = at("/private/page");
    own["robots"] = json!("ignore");
    let before = peer.seen().len();
    assert_eq!(fetch(&server, own)["status"], "completed");
    assert_eq!(paths(&peer)[before..], ["/private/page"]);
}

#[test]
fn a_site_whose_robots_txt_is_broken_is_left_alone_for_now() {
    for status in [500, 503, 429] {
        let peer = Peer::start(move |request| match request.path.as_str() {
            "/robots.txt" => Reply::new(status, ""),
            _ => Reply::new(200, "page"),
        });
        let server = granted(&[&peer]);
        let request = json!({
            "executor": "fetch", "input": {"url": peer.url()},
            "retry": {"max_attempts": 2, "backoff_ms": 1},
        });
        let task = server.agent().finish(&server.agent().submit(&request));
        assert_eq!(code(&task), "robots_unavailable", "{task:#}");
        assert_eq!(task["attempt"], 2, "it may be there later");
        assert!(!paths(&peer).contains(&"/".to_owned()));
    }
}

#[test]
fn each_site_on_the_way_is_granted_and_asked_for_its_own_rules_and_headers_stay_at_home() {
    let other = Peer::start(|request| match request.path.as_str() {
        "/robots.txt" => Reply::new(404, ""),
        _ => Reply::new(200, "there"),
    });
    let target = other.url();
    let peer = Peer::start(move |request| match request.path.as_str() {
        "/robots.txt" => Reply::new(404, ""),
        _ => Reply::new(307, "").with("location", &format!("{target}/file.txt")),
    });
    let server = granted(&[&peer]);
    let input = json!({"url": peer.url(), "headers": {"x-token": "t"}, "path": "in/here.txt"});
    let refused = fetch(&server, input.clone());
    assert_eq!(code(&refused), "denied", "{refused:#}");
    assert!(message(&refused).contains("errand grant add fetch"), "{refused:#}");
    assert!(other.seen().is_empty());
    grant(
        &server.operator(),
        "fetch",
        json!({"http": [{"url": peer.url()}, {"url": other.url()}]}),
    );
    let task = fetch(&server, input);
    assert_eq!(task["output"]["path"], "in/here.txt", "{task:#}");
    assert_eq!(paths(&other), ["/robots.txt", "/file.txt"]);
    assert!(peer.seen().iter().all(|request| request.header("x-token") == Some("t")));
    assert!(other.seen().iter().all(|request| request.header("x-token").is_none()));
}

#[test]
fn a_ring_of_redirects_ends() {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/robots.txt" => Reply::new(301, "").with("location", "/robots.txt"),
        "/a" => Reply::new(302, "").with("location", "/b"),
        _ => Reply::new(302, "").with("location", "/a"),
    });
    let server = granted(&[&peer]);
    let input = json!({"url": format!("{}/a", peer.url()), "max_redirects": 3});
    let task = fetch(&server, input);
    assert_eq!(code(&task), "too_many_redirects", "{task:#}");
    let pages = paths(&peer).into_iter().filter(|path| path != "/robots.txt");
    assert_eq!(pages.collect::<Vec<_>>(), ["/a", "/b", "/a", "/b"]);
}

#[test]
fn what_is_too_large_or_of_another_kind_leaves_nothing() {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/robots.txt" => Reply::new(404, ""),
        "/endless" => Reply::raw("HTTP/1.1 200 OK\r\n", vec![b'x'; 64 << 10]).endless(),
        _ => Reply::new(200, "12345678").with("content-type", "text/plain"),
    });
    let server = granted(&[&peer]);
    let limited = json!({
        "http": [{"url": peer.url(), "max_response_bytes": 1 << 20}],
    });
    grant(&server.operator(), "fetch", limited);
    let with = |path: &str, field: &str, value: Value| {
        let mut input = json!({"url": format!("{}{path}", peer.url())});
        input[field] = value;
        fetch(&server, input)
    };
    let task = with("/file", "max_bytes", json!(7));
    assert_eq!(
        (code(&task), task["error"]["detail"]["max_bytes"].as_u64()),
        ("too_large", Some(7)),
        "{task:#}"
    );
    let artifacts = server.agent().get(&format!("/v1/tasks/{}/artifacts", id(&task))).expect(200);
    assert_eq!(artifacts["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(with("/file", "max_bytes", json!(8))["output"]["bytes"], 8);
    assert_eq!(
        code(&with("/file", "accept", json!(["text/html", "image/*"]))),
        "media_type_not_accepted"
    );
    assert_eq!(with("/file", "accept", json!(["text/*"]))["status"], "completed");
    assert_eq!(code(&with("/endless", "max_bytes", json!(1 << 30))), "too_large");
}

#[test]
fn what_is_not_there_fails_for_good_and_what_is_down_may_come_back() {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/gone" => Reply::new(410, ""),
        "/closed" => Reply::new(403, ""),
        "/down" => Reply::new(503, "").with("retry-after", "9"),
        "/odd" => Reply::new(302, ""),
        _ => Reply::new(404, ""),
    });
    let server = granted(&[&peer]);
    let attempts = |path: &str| {
        let request = json!({
            "executor": "fetch", "input": {"url": format!("{}{path}", peer.url())},
            "retry": {"max_attempts": 2, "backoff_ms": 1},
        });
        let task = server.agent().finish(&server.agent().submit(&request));
        (code(&task).to_owned(), task["attempt"].as_u64())
    };
    assert_eq!(attempts("/none"), ("not_found".to_owned(), Some(1)));
    assert_eq!(attempts("/gone"), ("not_found".to_owned(), Some(1)));
    assert_eq!(attempts("/closed"), ("unauthorized".to_owned(), Some(1)));
    assert_eq!(attempts("/odd"), ("rejected".to_owned(), Some(1)));
    assert_eq!(attempts("/down"), ("unavailable".to_owned(), Some(2)));
}

#[test]
fn a_path_out_of_the_workspace_is_refused() {
    let peer = Peer::saying("page");
    let server = granted(&[&peer]);
    let task = fetch(&server, json!({"url": peer.url(), "path": "../../etc/x"}));
    assert_eq!(code(&task), "invalid_input", "{task:#}");
    assert!(peer.seen().is_empty());
}
