//! `/v1/executors`.

use std::time::Duration;

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::harness::{Server, Setup, WASM, server, with};
use crate::ServerConfig;

#[tokio::test]
async fn an_upload_is_described_and_the_same_again_is_200() {
    let server = server().await;
    let reply = server.upload("prog").await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("location"), "http://127.0.0.1:7420/v1/executors/prog");
    let executor = reply.json();
    assert_eq!(executor["name"], "prog");
    assert_eq!(executor["digest"], errand_core::Digest::of(WASM).to_string());
    assert_eq!(executor["kind"], "command");
    assert_eq!(executor["size_bytes"], WASM.len());
    assert_eq!(executor["functions"][0]["name"], "run");
    assert!(executor["functions"][0]["input_schema"].is_object());
    assert_eq!(server.upload("prog").await.status, 200);
}

#[tokio::test]
async fn all_digests_of_a_name_are_shown() {
    let server = server().await;
    server.upload("prog").await;
    let second = server.request(Method::POST, "/v1/executors?name=prog", &b"\0asm another"[..]);
    assert_eq!(server.send(second).await.status, 201);
    let executor = server.get("/v1/executors/prog").await.json();
    assert_eq!(executor["versions"].as_array().unwrap().len(), 2);
    assert_eq!(executor["digest"], executor["versions"][1]["digest"]);
    server.get("/v1/executors/none").await.problem(404, "not_found");
    server.get("/v1/executors/..%2f..").await.problem(404, "not_found");
}

#[tokio::test]
async fn names_are_listed_in_pages() {
    let server = server().await;
    for name in ["c", "a", "b"] {
        server.upload(name).await;
    }
    let page = server.get("/v1/executors?limit=2").await.json();
    assert_eq!(page["items"][0]["name"], "a");
    assert_eq!(page["items"][1]["name"], "b");
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = server.get(&format!("/v1/executors?limit=2&cursor={cursor}")).await.json();
    assert_eq!(page["items"][0]["name"], "c");
    assert!(page.get("next_cursor").is_none());
}

#[tokio::test]
async fn what_is_no_executor_is_422_and_says_why() {
    let server = server().await;
    let random = server.request(Method::POST, "/v1/executors?name=x", "random");
    let problem = server.send(random).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["message"], "it is not WebAssembly");
    for uri in ["/v1/executors", "/v1/executors?name=../x", "/v1/executors?name=A"] {
        let reply = server.send(server.request(Method::POST, uri, WASM)).await;
        assert_eq!(reply.faults(), ["name"], "{uri}");
    }
}

#[tokio::test]
async fn faults_of_the_server_are_not_explained_to_clients() {
    let server = server().await;
    let broken = server.request(Method::POST, "/v1/executors?name=x", "broken compiler");
    let reply = server.send(broken).await;
    reply.problem(500, "internal");
    assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
}

#[tokio::test]
async fn a_full_disk_is_507() {
    let server = Server::new(Setup { disk_full: true, ..Setup::default() }).await;
    server.upload("prog").await.problem(507, "no_space");
}

#[tokio::test]
async fn an_executor_with_tasks_stays() {
    let server = server().await;
    server.upload("prog").await;
    let id = server.submit(json!({})).await;
    server.delete("/v1/executors/prog").await.problem(409, "conflict");
    server.post(&format!("/v1/tasks/{id}/cancel"), json!({})).await;
    server.delete(&format!("/v1/tasks/{id}")).await;
    assert_eq!(server.delete("/v1/executors/prog").await.status, 204);
    server.delete("/v1/executors/prog").await.problem(404, "not_found");
}

#[tokio::test]
async fn an_upload_without_the_right_is_refused_unread() {
    let server = server().await;
    let agent = format!("Bearer {}", server.agent);
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = server.request(Method::POST, "/v1/executors?name=x", Body::from_stream(never));
    let reply = server.send(with(request, &[("authorization", &agent)])).await;
    reply.problem(403, "forbidden");
}

#[tokio::test]
async fn uploads_beyond_the_bound_wait_unread_for_their_turn() {
    let config = ServerConfig {
        max_uploads: 1,
        upload_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let server = Server::new(Setup { config, ..Setup::default() }).await;
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let stuck = server.request(Method::POST, "/v1/executors?name=x", Body::from_stream(never));
    let (stuck, next) = tokio::join!(biased; server.send(stuck), server.upload("prog"));
    stuck.problem(408, "request_timeout");
    assert_eq!(next.status, 201);
}
