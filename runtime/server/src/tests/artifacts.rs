//! `GET /v1/tasks/{id}/artifacts` and the files below it.

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::harness::{FILE, Server, working_server};

async fn published() -> (Server, String) {
    let server = working_server().await;
    let id = server.run(json!({"do": "publish"})).await;
    let uri = format!("/v1/tasks/{id}/artifacts");
    (server, uri)
}

#[tokio::test]
async fn files_are_listed_and_fetched_as_attachments() {
    let (server, uri) = published().await;
    let digest = errand_core::Digest::of(FILE).to_string();
    let list = server.get(&uri).await.json();
    let expected = json!({"items": [{
        "path": "out/a b.html", "size_bytes": 10, "blake3": digest, "media_type": "text/html",
    }]});
    assert_eq!(list, expected);

    let reply = server.get(&format!("{uri}/out/a%20b.html")).await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, FILE));
    assert_eq!(reply.header("content-type"), "text/html");
    assert_eq!(reply.header("content-length"), "10");
    assert_eq!(reply.header("etag"), format!("\"{digest}\""));
    assert_eq!(reply.header("content-disposition"), "attachment; filename*=UTF-8''a%20b.html");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("content-security-policy"), "sandbox; default-src 'none'");

    let head = server.request(Method::HEAD, &format!("{uri}/out/a%20b.html"), Body::empty());
    let head = server.send(head).await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "10"));
    assert!(head.body.is_empty());
    server.get(&format!("{uri}/out/other")).await.problem(404, "not_found");
    server.get(&format!("{uri}/..%2f..%2fetc/passwd")).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_client_that_has_the_file_is_told_so() {
    let (server, uri) = published().await;
    let uri = format!("{uri}/out/a%20b.html");
    let etag = format!("\"{}\"", errand_core::Digest::of(FILE));
    for given in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let reply = server.get_with(&uri, &[("if-none-match", &given)]).await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (304, 0), "{given}");
        assert_eq!(reply.header("etag"), etag);
    }
    assert_eq!(server.get_with(&uri, &[("if-none-match", "\"x\"")]).await.status, 200);
}

#[tokio::test]
async fn one_range_is_served_and_anything_else_is_the_whole() {
    let (server, uri) = published().await;
    let uri = format!("{uri}/out/a%20b.html");
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, &FILE[2..5], Some("bytes 2-4/10")),
        ("bytes=7-", 206, &FILE[7..], Some("bytes 7-9/10")),
        ("bytes=-3", 206, &FILE[7..], Some("bytes 7-9/10")),
        ("bytes=0-999", 206, FILE, Some("bytes 0-9/10")),
        ("bytes=0-1,3-4", 200, FILE, None),
        ("lines=1-2", 200, FILE, None),
        ("bytes=x", 200, FILE, None),
    ] {
        let reply = server.get_with(&uri, &[("range", range)]).await;
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (status, body), "{range}");
        let given = reply.headers.get("content-range").map(|value| value.to_str().unwrap());
        assert_eq!(given, content_range, "{range}");
    }
    let reply = server.get_with(&uri, &[("range", "bytes=10-")]).await;
    reply.problem(416, "range_not_satisfiable");
    assert_eq!(reply.header("content-range"), "bytes */10");
    let stale = [("range", "bytes=2-4"), ("if-range", "\"old\"")];
    assert_eq!(server.get_with(&uri, &stale).await.status, 200);
}
