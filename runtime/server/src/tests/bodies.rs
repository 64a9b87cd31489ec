//! Bodies that are too large, too slow, cut off, or not what they claim to be.

use std::time::Duration;

use axum::body::Body;
use futures_util::stream;
use http::Method;

use super::harness::{Server, Setup, WASM, server, with};
use crate::ServerConfig;

async fn strict_server() -> Server {
    let config = ServerConfig {
        max_json_bytes: 64,
        max_upload_bytes: 128,
        json_body_timeout: Duration::from_millis(20),
        ..ServerConfig::default()
    };
    Server::new(Setup { config, ..Setup::default() }).await
}

/// A body of unknown length.
fn streamed(pieces: Vec<Result<&'static [u8], std::io::Error>>) -> Body {
    Body::from_stream(stream::iter(pieces))
}

#[tokio::test]
async fn a_body_over_its_limit_is_413_announced_or_not() {
    let server = strict_server().await;
    let announced = server.request(Method::POST, "/v1/tasks", vec![b' '; 65]);
    let announced = with(announced, &[("content-length", "65")]);
    server.send(announced).await.problem(413, "too_large");
    let at_once = server.request(Method::POST, "/v1/tasks", vec![b' '; 65]);
    server.send(at_once).await.problem(413, "too_large");

    let pieces = || streamed((0..9).map(|_| Ok(&b"12345678"[..])).collect());
    let unannounced = server.request(Method::POST, "/v1/tasks", pieces());
    server.send(unannounced).await.problem(413, "too_large");

    let upload = server.request(Method::POST, "/v1/executors?name=x", vec![0; 129]);
    server.send(upload).await.problem(413, "too_large");
    let fits = server.request(Method::POST, "/v1/executors?name=x", WASM);
    assert_eq!(server.send(fits).await.status, 201);
}

#[tokio::test]
async fn a_body_that_never_comes_is_408() {
    let server = strict_server().await;
    let body = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = server.request(Method::POST, "/v1/tasks", body);
    server.send(request).await.problem(408, "request_timeout");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let server = server().await;
    let broken = vec![Ok(&b"{\"exec"[..]), Err(std::io::Error::other("gone"))];
    let request = server.request(Method::POST, "/v1/tasks", streamed(broken));
    server.send(request).await.problem(400, "malformed");
}

#[tokio::test]
async fn what_is_not_json_is_400_with_its_position() {
    let server = server().await;
    for text in ["", "{", "{\"executor\": \"x\",}", "nonsense", "{\"executor\": \"x\"} {}"] {
        for uri in ["/v1/tasks", "/v1/tasks/batch", "/v1/tasks/retry", "/v1/tokens"] {
            let reply = server.send(server.request(Method::POST, uri, text)).await;
            let problem = reply.problem(400, "malformed");
            assert!(problem["detail"].as_str().unwrap().contains("line 1 column"), "{problem}");
        }
    }
    let deep = "[".repeat(10_000);
    server.send(server.request(Method::POST, "/v1/tasks", deep)).await.problem(400, "malformed");
}

#[tokio::test]
async fn another_media_type_is_415() {
    let server = server().await;
    for (uri, kind) in [
        ("/v1/tasks", "text/plain"),
        ("/v1/tasks", "application/x-www-form-urlencoded"),
        ("/v1/tokens", "application/jsonp"),
        ("/v1/executors?name=x", "application/json"),
    ] {
        let request = server.request(Method::POST, uri, "{}");
        let reply = server.send(with(request, &[("content-type", kind)])).await;
        reply.problem(415, "unsupported_media_type");
    }
    let request = server.request(Method::POST, "/v1/tasks", "{}");
    let kind = "Application/JSON; charset=utf-8";
    let reply = server.send(with(request, &[("content-type", kind)])).await;
    assert_eq!(reply.faults(), ["/executor"]);
}
