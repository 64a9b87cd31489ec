//! Uploads of blobs: streamed, bounded, whole or not at all.

use std::time::Duration;

use axum::body::Body;
use errand_core::Digest;
use futures_util::stream;
use http::{Method, StatusCode};
use serde_json::json;

use super::harness::{Server, Setup, server};
use crate::ServerConfig;

async fn strict_server() -> Server {
    let config = ServerConfig {
        max_blob_bytes: 64,
        blob_piece_timeout: Duration::from_millis(20),
        ..ServerConfig::default()
    };
    Server::new(Setup { config, ..Setup::default() }).await
}

fn pieces(count: usize) -> Body {
    let pieces = (0..count).map(|_| Ok::<_, std::io::Error>(&b"12345678"[..]));
    Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()))
}

#[tokio::test]
async fn a_blob_is_named_by_its_digest_however_often_it_comes() {
    let server = server().await;
    for body in [Body::from("12345678".repeat(1_000)), pieces(1_000), pieces(1_000)] {
        let reply = server.send(server.request(Method::POST, "/v1/blobs", body)).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        let digest = Digest::of("12345678".repeat(1_000).as_bytes());
        assert_eq!(reply.json(), json!({"blake3": digest, "size_bytes": 8_000}));
    }
    let empty = server.send(server.request(Method::POST, "/v1/blobs", Body::empty())).await;
    assert_eq!(empty.json()["size_bytes"], 0);
    let elsewhere = server.request(Method::POST, "/v1/blobs?namespace=blue", "x");
    assert_eq!(server.send(elsewhere).await.status, StatusCode::CREATED);
    let wrong = server.request(Method::POST, "/v1/blobs?namespace=No%20Name&more=1", "x");
    assert_eq!(server.send(wrong).await.faults(), ["more", "namespace"]);
}

#[tokio::test]
async fn a_blob_that_is_too_large_broken_off_or_stands_still_is_refused() {
    let server = strict_server().await;
    let send =
        async |body: Body| server.send(server.request(Method::POST, "/v1/blobs", body)).await;
    send(Body::from(vec![0; 65])).await.problem(413, "too_large");
    send(pieces(9)).await.problem(413, "too_large");
    assert_eq!(send(pieces(8)).await.status, StatusCode::CREATED);
    let broken = vec![Ok(&b"part"[..]), Err(std::io::Error::other("gone"))];
    send(Body::from_stream(stream::iter(broken))).await.problem(400, "malformed");
    let endless = stream::pending::<Result<Vec<u8>, std::io::Error>>();
    send(Body::from_stream(endless)).await.problem(408, "request_timeout");
}

#[tokio::test]
async fn a_blob_that_is_not_there_can_not_be_named() {
    let server = server().await;
    server.upload("prog").await;
    for blob in ["0".repeat(64), "x".to_owned()] {
        let asked = json!({"executor": "prog", "workspace": {"from": "tar", "blob": blob}});
        assert_eq!(server.post("/v1/tasks", asked).await.faults(), ["/workspace/blob"]);
    }
}

#[tokio::test]
async fn a_full_disk_is_507() {
    let server = Server::new(Setup { disk_full: true, ..Setup::default() }).await;
    let request = server.request(Method::POST, "/v1/blobs", pieces(100));
    server.send(request).await.problem(507, "no_space");
}
