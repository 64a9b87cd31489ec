//! `/v1/tokens`: who may do what, and in which namespace.

use serde_json::{Value, json};

use super::{AN_HOUR_MS, ids, members, submit_for_later, text};
use crate::harness::{Answer, Client, plugin, shared};

/// Makes a token.
fn create(request: &Value) -> Value {
    shared::operator().post("/v1/tokens", request).expect(201)
}

/// A client with a new token.
fn client(namespace: &str, rights: &[&str]) -> Client {
    let token = create(&json!({"name": "tester", "namespace": namespace, "rights": rights}));
    Client::new(shared::server().url(), &text(&token["token"]))
}

#[test]
fn a_token_is_shown_once_and_listed_without_its_secret() {
    let operator = shared::operator();
    let token = create(&json!({"name": "ci", "rights": ["read", "submit"]}));
    assert_eq!((&token["name"], &token["rights"]), (&json!("ci"), &json!(["read", "submit"])));
    assert_eq!(token["expires_at"], Value::Null);
    let secret = text(&token["token"]);
    let list = operator.get("/v1/tokens").expect(200);
    let items = list["items"].as_array().expect("a list");
    let listed = items.iter().find(|item| item["id"] == token["id"]).expect("it is listed");
    let mut without = members(&token);
    without.remove("token");
    assert_eq!(members(listed), without);
    assert!(!list.to_string().contains(&secret));
    // Of what was given away, nothing can be made: not a part of the secret is in the list.
    let tail = &secret[secret.len() - 16..];
    assert!(!list.to_string().contains(tail));
}

#[test]
fn each_right_allows_its_own_calls_alone() {
    let noop = shared::noop();
    type Call = fn(&Client) -> Answer;
    let calls: [(&str, Call); 5] = [
        ("read", |client| client.get("/v1/tasks?limit=1")),
        ("submit", |client| {
            client.post("/v1/tasks", &json!({"executor": "noop", "delay_ms": AN_HOUR_MS}))
        }),
        ("upload", |client| client.upload("noop", &plugin("test/noop"))),
        ("admin", |client| client.get("/v1/tokens")),
        ("admin", |client| {
            client.post(
                "/v1/tokens",
                &json!({"name": "x", "namespace": "default", "rights": ["admin"]}),
            )
        }),
    ];
    assert_eq!(noop, "noop");
    for right in ["read", "submit", "upload", "approve", "admin"] {
        let client = client("default", &[right]);
        for (needed, call) in &calls {
            let answer = call(&client);
            if *needed == right {
                assert!(answer.status < 300, "{right} for {needed}: {answer:?}");
            } else {
                answer.problem(403, "forbidden");
            }
        }
    }
}

#[test]
fn another_namespaces_things_are_not_found() {
    let agent = shared::agent();
    let theirs = agent.submit(&json!({
        "executor": shared::command_probe(), "input": {"args": ["write", "a.txt", "secret"]},
        "artifacts": ["*"], "labels": {"test": "isolation"},
    }));
    agent.finish(&theirs);
    let queued = submit_for_later(&agent, "isolation");
    let stranger = client("strangers", &["read", "submit", "upload", "admin"]);
    for path in ["", "?wait_ms=1", "/events", "/tree", "/artifacts", "/artifacts/a.txt"] {
        stranger.get(&format!("/v1/tasks/{theirs}{path}")).problem(404, "not_found");
    }
    for path in ["cancel", "retry"] {
        stranger.post(&format!("/v1/tasks/{theirs}/{path}"), &json!({})).problem(404, "not_found");
        stranger.post(&format!("/v1/tasks/{queued}/{path}"), &json!({})).problem(404, "not_found");
    }
    stranger.delete(&format!("/v1/tasks/{theirs}")).problem(404, "not_found");
    assert_eq!(agent.get(&format!("/v1/tasks/{queued}")).expect(200)["status"], "queued");

    assert_eq!(ids(&stranger.get("/v1/tasks").expect(200)), [""; 0]);
    assert_eq!(ids(&stranger.get("/v1/tasks?namespace=default").expect(200)), [""; 0]);
    let filter = json!({"filter": {"label": "test:isolation", "status": "cancelled"}});
    agent.post(&format!("/v1/tasks/{queued}/cancel"), &json!({})).expect(202);
    assert_eq!(stranger.post("/v1/tasks/discard", &filter).expect(202)["count"], 0);
    agent.get(&format!("/v1/tasks/{queued}")).expect(200);

    stranger.get("/v1/executors/noop").problem(404, "not_found");
    stranger.delete("/v1/executors/noop").problem(404, "not_found");
    assert_eq!(stranger.get("/v1/executors").expect(200)["items"], json!([]));
    stranger.post("/v1/tasks", &json!({"executor": "noop"})).problem(422, "invalid");
    let parent = json!({"executor": "noop", "parent_id": theirs});
    stranger.post("/v1/tasks", &parent).problem(422, "invalid");
    let intruding = json!({"executor": "noop", "namespace": "default"});
    let refused = stranger.post("/v1/tasks", &intruding);
    assert!(matches!(refused.status, 403 | 404), "{refused:?}");

    // A name means what the caller's own namespace has under it.
    stranger.upload("noop", &plugin("test/noop")).expect(201);
    let mine = stranger.run("noop", &json!({}));
    assert_eq!((&mine["status"], &mine["namespace"]), (&json!("completed"), &json!("strangers")));
    agent.get(&format!("/v1/tasks/{}", text(&mine["id"]))).problem(404, "not_found");
    // The operator sees all.
    shared::operator().get(&format!("/v1/tasks/{}", text(&mine["id"]))).expect(200);
    assert_eq!(stranger.get("/v1/queue").expect(200)["by_status"]["queued"], 0);
}

#[test]
fn a_token_allows_no_more_than_the_one_that_makes_it() {
    let admin = client("admins", &["read", "admin"]);
    for more in [
        json!({"name": "x", "rights": ["submit"]}),
        json!({"name": "x", "rights": ["read"], "namespace": "default"}),
        json!({"name": "x", "rights": ["read", "upload"], "namespace": "admins"}),
    ] {
        admin.post("/v1/tokens", &more).problem(403, "forbidden");
    }
    let made = admin.post("/v1/tokens", &json!({"name": "x", "rights": ["read"]})).expect(201);
    assert_eq!(made["namespace"], "admins", "left out, it is that of the token that makes it");
    // Whoever administers one namespace neither sees nor revokes the tokens of others.
    let listed = ids(&admin.get("/v1/tokens").expect(200));
    assert!(listed.contains(&text(&made["id"])));
    let foreign = create(&json!({"name": "foreign", "namespace": "default", "rights": ["read"]}));
    let foreign = text(&foreign["id"]);
    assert!(!listed.contains(&foreign));
    admin.delete(&format!("/v1/tokens/{foreign}")).problem(404, "not_found");
}

#[test]
fn a_revoked_token_is_refused_from_then_on() {
    let token = create(&json!({"name": "short", "rights": ["read"]}));
    let client = Client::new(shared::server().url(), &text(&token["token"]));
    client.get("/v1/tasks?limit=1").expect(200);
    let path = format!("/v1/tokens/{}", text(&token["id"]));
    assert_eq!(shared::operator().delete(&path).status, 204);
    client.get("/v1/tasks?limit=1").problem(401, "unauthenticated");
    shared::operator().delete(&path).problem(404, "not_found");
}

#[test]
fn an_expired_token_is_refused() {
    let make = |expires_at: &str| {
        let token = create(&json!({"name": "old", "rights": ["read"], "expires_at": expires_at}));
        Client::new(shared::server().url(), &text(&token["token"])).get("/v1/tasks?limit=1")
    };
    make("2020-01-01T00:00:00Z").problem(401, "unauthenticated");
    make("2120-01-01T00:00:00+02:00").expect(200);
}

#[test]
fn a_wish_that_is_wrong_is_refused() {
    for wrong in [
        json!({"name": "x"}),
        json!({"name": "", "rights": ["read"]}),
        json!({"name": "x\n", "rights": ["read"]}),
        json!({"name": "x", "rights": []}),
        json!({"name": "x", "rights": ["root"]}),
        json!({"name": "x", "rights": ["read"], "namespace": "A/.."}),
        json!({"name": "x", "rights": ["read"], "expires_at": "tomorrow"}),
        json!({"name": "x", "rights": ["read"], "ttl": 1}),
    ] {
        let answer = shared::operator().post("/v1/tokens", &wrong);
        assert_eq!(answer.status, 422, "{wrong}: {answer:?}");
        answer.problem(422, "invalid");
    }
}
