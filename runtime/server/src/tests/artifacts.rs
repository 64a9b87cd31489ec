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

const AS_TAR: (&str, &str) = ("accept", "application/x-tar");

/// What is in an archive, by name.
fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let file = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mode().unwrap(), header.mtime().unwrap()), (0o644, 0));
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (name, content)
    };
    archive.entries().unwrap().map(file).collect()
}

#[tokio::test]
async fn all_files_come_as_one_archive() {
    let server = working_server().await;
    let long = format!("{}/z.bin", "d".repeat(120));
    let id = server.run(json!({"do": "publish", "paths": ["z", "ü.txt", "a/b", &long]})).await;
    let uri = format!("/v1/tasks/{id}/artifacts");
    let reply = server.get_with(&uri, &[AS_TAR]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let expected = ["a/b", &long, "z", "ü.txt"].map(|name| (name.to_owned(), FILE.to_vec()));
    assert_eq!(files(&reply.body), expected);
    assert_eq!(reply.header("content-type"), "application/x-tar");
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    let attachment = format!("attachment; filename*=UTF-8''{id}.tar");
    assert_eq!(reply.header("content-disposition"), attachment);
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(reply.header("vary"), "accept");

    let etag = reply.header("etag");
    let again = server.get_with(&uri, &[AS_TAR, ("if-none-match", etag)]).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), etag);
    let head = server.request(Method::HEAD, &uri, Body::empty());
    let head = server.send(super::harness::with(head, &[AS_TAR])).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), reply.header("content-length"));
    assert_eq!(head.header("etag"), etag);

    let other = server.run(json!({"do": "publish", "paths": ["z", "ü.txt", "a/b"]})).await;
    let other = server.get_with(&format!("/v1/tasks/{other}/artifacts"), &[AS_TAR]).await;
    assert_ne!(other.header("etag"), etag);
    let none = server.run(json!({})).await;
    let none = server.get_with(&format!("/v1/tasks/{none}/artifacts"), &[AS_TAR]).await;
    assert_eq!(none.body[..], [0; 1_024], "an archive of nothing");
}

#[tokio::test]
async fn the_list_is_json_for_whoever_does_not_ask_for_an_archive() {
    let (server, uri) = published().await;
    for accept in ["*/*", "application/*", "application/json", "application/x-tar;q=0.5, */*"] {
        let reply = server.get_with(&uri, &[("accept", accept)]).await;
        assert_eq!(reply.header("content-type"), "application/json", "{accept}");
        assert_eq!(reply.json()["items"][0]["path"], "out/a b.html");
    }
    server.get_with(&uri, &[("accept", "text/html")]).await.problem(406, "not_acceptable");
}

#[tokio::test]
async fn an_archive_that_lacks_a_file_breaks_off() {
    let server = working_server().await;
    let uri = |id| format!("/v1/tasks/{id}/artifacts");
    let first = server.run(json!({"do": "publish", "paths": ["a"], "lost": ["a"]})).await;
    server.get_with(&uri(first), &[AS_TAR]).await.problem(500, "internal");
    let later = server.run(json!({"do": "publish", "paths": ["a", "b"], "lost": ["b"]})).await;
    let request = server.request(Method::GET, &uri(later), Body::empty());
    let (status, sent) = server.broken_off(super::harness::with(request, &[AS_TAR])).await;
    assert_eq!(status, 200);
    assert_eq!(sent, 512 + 512 + 512, "a file, and the header of the one that is lost");
}
