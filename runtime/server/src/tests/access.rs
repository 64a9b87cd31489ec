//! Who gets in: tokens, rights, hosts, origins; and paths and methods that are not there.

use axum::body::Body;
use http::Method;
use http::header::{AUTHORIZATION, HOST};
use serde_json::json;

use super::harness::{server, with, working_server};

#[tokio::test]
async fn without_a_token_that_holds_nothing_is_told() {
    let server = server().await;
    for (authorization, what) in [
        (None, "none"),
        (Some("Bearer"), "no token"),
        (Some("Bearer errand_x_y"), "an unknown one"),
        (Some("Basic dXNlcjpwYXNz"), "another scheme"),
        (Some("errand_0_0"), "no scheme"),
    ] {
        let mut request = server.request(Method::GET, "/v1/tasks", Body::empty());
        request.headers_mut().remove(AUTHORIZATION);
        if let Some(text) = authorization {
            request.headers_mut().insert(AUTHORIZATION, text.parse().unwrap());
        }
        let reply = server.send(request).await;
        reply.problem(401, "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), "Bearer", "{what}");
    }
}

#[tokio::test]
async fn a_token_in_the_url_is_not_accepted() {
    let server = server().await;
    let uri = format!("/v1/tasks?token={}", server.operator);
    let mut request = server.request(Method::GET, &uri, Body::empty());
    request.headers_mut().remove(AUTHORIZATION);
    server.send(request).await.problem(401, "unauthenticated");

    let uri = format!("/v1/queue?access_token={}", server.operator);
    let reply = server.get(&uri).await;
    assert_eq!(reply.faults(), ["access_token"]);
    assert!(!String::from_utf8_lossy(&reply.body).contains(&server.operator));
}

#[tokio::test]
async fn a_right_that_lacks_is_403() {
    let server = server().await;
    let agent = format!("Bearer {}", server.agent);
    for (method, uri) in [
        (Method::POST, "/v1/executors?name=x"),
        (Method::DELETE, "/v1/executors/x"),
        (Method::GET, "/v1/tokens"),
        (Method::POST, "/v1/queue/pause"),
        (Method::POST, "/v1/tokens"),
    ] {
        let request = server.request(method, uri, Body::empty());
        let reply = server.send(with(request, &[("authorization", &agent)])).await;
        reply.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn another_namespaces_task_is_not_there() {
    let server = working_server().await;
    let id = server.run(json!({})).await;
    let wish = json!({"name": "other", "namespace": "other", "rights": ["read", "submit"]});
    let token = server.post("/v1/tokens", wish).await.json()["token"].as_str().unwrap().to_owned();
    let other = format!("Bearer {token}");
    for (method, below) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/events"),
        (Method::GET, "/tree"),
        (Method::GET, "/artifacts"),
        (Method::POST, "/cancel"),
        (Method::POST, "/retry"),
    ] {
        let request = server.request(method, &format!("/v1/tasks/{id}{below}"), Body::empty());
        server.send(with(request, &[("authorization", &other)])).await.problem(404, "not_found");
    }
    let request = server.request(Method::GET, "/v1/tasks", Body::empty());
    let reply = server.send(with(request, &[("authorization", &other)])).await;
    assert_eq!(reply.json(), json!({"items": []}));
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_everywhere() {
    let server = server().await;
    for uri in ["/healthz", "/v1/tasks", "/nowhere", "/openapi.json"] {
        let reply = server.get_with(uri, &[("host", "evil.example")]).await;
        reply.problem(403, "foreign_host");
        let reply = server.get_with(uri, &[("origin", "http://evil.example")]).await;
        reply.problem(403, "foreign_origin");
    }
    let own = server.get_with("/healthz", &[("origin", "http://127.0.0.1:7420")]).await;
    assert_eq!(own.status, 200);

    let mut request = server.request(Method::GET, "/healthz", Body::empty());
    request.headers_mut().remove(HOST);
    server.send(request).await.problem(400, "malformed");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = server().await;
    server.get("/v2/tasks").await.problem(404, "not_found");
    server.get("/v1/tasks/").await.problem(404, "not_found");
    server.get("/v1/tasks/not-an-id").await.problem(404, "not_found");
    server.get("/v1/tasks/%ff").await.problem(400, "malformed");

    let reply = server.delete("/v1/tasks").await;
    reply.problem(405, "method_not_allowed");
    let mut allow: Vec<&str> = reply.header("allow").split(',').map(str::trim).collect();
    allow.sort_unstable();
    assert_eq!(allow, ["GET", "HEAD", "POST"]);
    let reply = server.get("/v1/tasks/batch").await;
    reply.problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "POST");
}

#[tokio::test]
async fn what_is_not_there_yet_says_so_to_those_who_may_ask() {
    let server = server().await;
    for (method, uri) in [
        (Method::POST, "/v1/schedules"),
        (Method::PATCH, "/v1/schedules/s"),
        (Method::POST, "/v1/backup"),
        (Method::GET, "/"),
    ] {
        let reply = server.send(server.request(method.clone(), uri, Body::empty())).await;
        reply.problem(422, "unsupported");
        let mut request = server.request(method, uri, Body::empty());
        request.headers_mut().remove(AUTHORIZATION);
        server.send(request).await.problem(401, "unauthenticated");
    }
    let mut card = server.request(Method::GET, "/.well-known/agent-card.json", Body::empty());
    card.headers_mut().remove(AUTHORIZATION);
    server.send(card).await.problem(422, "unsupported");
}
