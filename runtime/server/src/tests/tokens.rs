//! `/v1/tokens`.

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::harness::{server, with};

#[tokio::test]
async fn a_token_is_shown_once_works_and_can_be_revoked() {
    let server = server().await;
    let wish = json!({
        "name": "ci", "namespace": "team", "rights": ["submit", "read"],
        "expires_at": "2999-01-01T00:00:00+01:00",
    });
    let reply = server.post("/v1/tokens", wish).await;
    assert_eq!(reply.status, 201);
    let made = reply.json();
    assert_eq!(made["rights"], json!(["read", "submit"]));
    assert_eq!(made["expires_at"], "2998-12-31T23:00:00.000Z");
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let ask = async || {
        let request = server.request(Method::GET, "/v1/tasks", Body::empty());
        server.send(with(request, &[("authorization", &bearer)])).await
    };
    assert_eq!(ask().await.status, 200);

    let list = server.get("/v1/tokens").await.json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert!(items.iter().all(|token| token.get("token").is_none()));
    let id = made["id"].as_str().unwrap();
    assert_eq!(server.delete(&format!("/v1/tokens/{id}")).await.status, 204);
    ask().await.problem(401, "unauthenticated");
    server.delete(&format!("/v1/tokens/{id}")).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_wish_that_is_wrong_names_every_fault() {
    let server = server().await;
    let wish = json!({"name": 1, "rights": ["fly"], "expires_at": 5, "token": "x"});
    let places = server.post("/v1/tokens", wish).await.faults();
    assert_eq!(places, ["", "/expires_at", "/name", "/rights/0"]);
    let wish = json!({"name": "x", "rights": ["read"], "expires_at": "soon"});
    assert_eq!(server.post("/v1/tokens", wish).await.faults(), ["/expires_at"]);
    let wish = json!({"name": "x\u{1}", "rights": ["read"]});
    assert_eq!(server.post("/v1/tokens", wish).await.faults(), ["/name"]);
    assert_eq!(
        server.post("/v1/tokens", json!({"name": "x", "rights": []})).await.faults(),
        ["/rights"]
    );
}
