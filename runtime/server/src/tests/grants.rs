//! `/v1/grants`.

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::harness::{Server, server, with};

async fn put(server: &Server, uri: &str, body: Value) -> super::harness::Reply {
    let request = server.request(Method::PUT, uri, Body::from(body.to_string()));
    server.send(with(request, &[("content-type", "application/json")])).await
}

#[tokio::test]
async fn what_is_granted_is_shown_and_can_be_taken_back() {
    let server = server().await;
    let empty = server.get("/v1/grants/python").await.json();
    assert_eq!(
        empty,
        json!({"executor": "python", "namespace": "default", "http": [], "environment": {},
            "limits": {}, "configured": {"http": [], "environment": {}, "limits": {}}})
    );
    let wish = json!({
        "http": [{"url": "https://API.example.com:443/", "methods": ["GET"], "rate_per_minute": 60}],
        "environment": {"MODE": "test"},
        "limits": {"memory_bytes": 4_294_967_296_u64},
    });
    let set = put(&server, "/v1/grants/python", wish).await;
    assert_eq!(set.status, 200);
    let shown = server.get("/v1/grants/python").await.json();
    assert_eq!(shown, set.json());
    assert_eq!(shown["http"][0]["url"], "https://api.example.com");
    let elsewhere = server.get("/v1/grants/python?namespace=team").await.json();
    assert_eq!((&elsewhere["namespace"], &elsewhere["http"]), (&json!("team"), &json!([])));
    assert_eq!(put(&server, "/v1/grants/python", json!({})).await.status, 200);
    assert_eq!(server.get("/v1/grants/python").await.json(), empty);
    assert_eq!(put(&server, "/v1/grants/*", json!({"http": [{"url": "a.b"}]})).await.status, 200);
}

#[tokio::test]
async fn a_wrong_grant_names_every_fault() {
    let server = server().await;
    for (wish, faults) in [
        (json!({"http": [{"url": "ftp://x"}]}), vec!["/http/0/url"]),
        (json!({"https": []}), vec![""]),
        (json!({"http": [{"url": "a.b", "method": "GET"}]}), vec!["/http/0/method"]),
        (
            json!({"http": [{"url": "a.b", "methods": ["get"], "rate_per_minute": 0,
                "secrets": {"none": ["authorization"]}}]}),
            vec!["/http/0/methods", "/http/0/rate_per_minute", "/http/0/secrets/none"],
        ),
        (
            json!({"environment": {"A=B": "x", "K": {"secret": "none"}}}),
            vec!["/environment/A=B", "/environment/K/secret"],
        ),
    ] {
        let reply = put(&server, "/v1/grants/python", wish.clone()).await;
        assert_eq!(reply.status, 422, "{wish}: {reply:?}");
        assert_eq!(reply.faults(), faults, "{wish}");
    }
    put(&server, "/v1/grants/python@12", json!({})).await.problem(422, "invalid");
    put(&server, "/v1/grants/Python", json!({})).await.problem(422, "invalid");
}

#[tokio::test]
async fn grants_are_the_administrators() {
    let server = server().await;
    let token = server.post("/v1/tokens", json!({"name": "a", "rights": ["read", "upload"]})).await;
    let bearer = format!("Bearer {}", token.json()["token"].as_str().unwrap());
    for method in [Method::GET, Method::PUT] {
        let request = server.request(method, "/v1/grants/python", Body::from("{}"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        server.send(with(request, &headers)).await.problem(403, "forbidden");
    }
}
