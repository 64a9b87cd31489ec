//! `GET /v1/tasks`: filters, pages, cursors, and query strings that are wrong.

use serde_json::{Value, json};

use super::harness::{Server, server, working_server};

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list has items");
    items.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
}

async fn server_with(count: usize) -> (Server, Vec<String>) {
    let server = server().await;
    server.upload("prog").await;
    let mut newest_first = Vec::new();
    for number in 0..count {
        let label = (number % 2).to_string();
        let request = json!({"executor": "prog", "labels": {"odd": label}});
        let task = server.post("/v1/tasks", request).await.json();
        newest_first.push(task["id"].as_str().unwrap().to_owned());
    }
    newest_first.sort();
    newest_first.reverse();
    (server, newest_first)
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let (server, all) = server_with(7).await;
    let mut seen = Vec::new();
    let mut uri = "/v1/tasks?limit=3".to_owned();
    loop {
        let page = server.get(&uri).await.json();
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => uri = format!("/v1/tasks?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn every_condition_must_hold() {
    let (server, all) = server_with(4).await;
    for (query, count) in [
        ("status=queued", 4),
        ("status=running", 0),
        ("executor=prog", 4),
        ("executor=other", 0),
        ("label=odd:1", 2),
        ("label=odd%3A1&status=queued", 2),
        ("label=odd:1&status=failed", 0),
        ("namespace=default", 4),
        ("namespace=other", 0),
        ("context_id=c", 0),
        ("status=&label=", 4),
    ] {
        let page = server.get(&format!("/v1/tasks?{query}")).await.json();
        assert_eq!(ids(&page).len(), count, "{query}");
    }
    let page = server.get(&format!("/v1/tasks?parent_id={}", all[0])).await.json();
    assert!(ids(&page).is_empty());
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let server = working_server().await;
    let uri =
        "/v1/tasks?status=done&limit=0&label=x&cursor=zzz&parent_id=p&foo=1&executor=a&executor=b";
    let expected = ["cursor", "executor", "foo", "label", "limit", "parent_id", "status"];
    assert_eq!(server.get(uri).await.faults(), expected);
    for limit in ["501", "-1", "x", "1.5"] {
        assert_eq!(server.get(&format!("/v1/tasks?limit={limit}")).await.faults(), ["limit"]);
    }
    assert_eq!(server.get("/v1/executors?cursor=%00").await.faults(), ["cursor"]);
    assert_eq!(server.get("/v1/queue?a=1").await.faults(), ["a"]);
    let deep = server.get("/v1/tasks?executor=prog@ffff").await.json();
    assert_eq!(deep, json!({"items": []}));
}
