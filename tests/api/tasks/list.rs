//! `GET /v1/tasks`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{AN_HOUR_MS, ids, submit_for_later, text};
use crate::harness::{shared, wasm};

/// What a query finds. Which of two tasks of one millisecond is newer is left open.
fn find(query: &str) -> BTreeSet<String> {
    let list = shared::operator().get(&format!("/v1/tasks?{query}")).expect(200);
    ids(&list).into_iter().collect()
}

#[test]
fn tasks_are_listed_newest_first_in_pages_that_neither_repeat_nor_miss() {
    let client = shared::agent();
    let submitted: BTreeSet<_> = (0..25).map(|_| submit_for_later(&client, "pages")).collect();
    let list = client.get("/v1/tasks?label=test:pages").expect(200);
    let created = list["items"].as_array().expect("a list").iter();
    let created: Vec<_> = created.map(|task| text(&task["created_at"])).collect();
    assert!(created.is_sorted_by(|newer, older| newer >= older), "{created:?}");
    let all = ids(&list);
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), submitted);
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/tasks?label=test:pages&limit=10{cursor}")).expect(200);
        paged.extend(ids(&page));
        // What is submitted between two pages is newer, so it belongs to none of the rest.
        submit_for_later(&client, "pages");
        match page.get("next_cursor").filter(|cursor| !cursor.is_null()) {
            Some(next) => cursor = format!("&cursor={}", text(next)),
            None => break,
        }
    }
    assert_eq!(paged, all);
}

#[test]
fn each_filter_keeps_what_it_names() {
    let operator = shared::operator();
    let digest = text(&operator.upload("filtered", &wasm::ends_at_once("f1")).json()["digest"]);
    let submit = |more: Value| {
        let mut request = json!({
            "executor": "filtered", "delay_ms": AN_HOUR_MS, "labels": {"test": "filter", "n": "1"},
        });
        let more = more.as_object().expect("an object").clone();
        request.as_object_mut().expect("an object").extend(more);
        operator.submit(&request)
    };
    let plain = submit(json!({}));
    let child = submit(json!({"parent_id": plain}));
    let talk = submit(json!({"context_id": "filters"}));
    let labelled = submit(json!({"labels": {"test": "filter", "n": "2:3"}}));
    operator.upload("filtered", &wasm::ends_at_once("f2")).expect(201);
    let newer = submit(json!({}));
    operator.post(&format!("/v1/tasks/{talk}/cancel"), &json!({})).expect(202);

    let set = |tasks: &[&String]| -> BTreeSet<String> {
        tasks.iter().map(|task| (*task).clone()).collect()
    };
    let all = set(&[&newer, &labelled, &talk, &child, &plain]);
    let older = set(&[&labelled, &talk, &child, &plain]);
    assert_eq!(find("executor=filtered"), all);
    assert_eq!(find("label=test:filter"), all);
    assert_eq!(find("label=test:filter&namespace=default"), all);
    assert_eq!(find(&format!("executor=filtered@{digest}")), older);
    assert_eq!(find(&format!("executor=filtered@{}", &digest[..10])), older);
    assert_eq!(find("label=n:2:3"), set(&[&labelled]));
    assert_eq!(find(&format!("parent_id={plain}")), set(&[&child]));
    assert_eq!(find("context_id=filters"), set(&[&talk]));
    assert_eq!(find("label=test:filter&status=cancelled"), set(&[&talk]));
    let queued = set(&[&newer, &labelled, &child, &plain]);
    assert_eq!(find("label=test:filter&status=queued"), queued);
    for nothing in [
        "label=test:filter&namespace=elsewhere",
        "label=test:filter&status=running",
        "label=test:fil",
        "executor=filtered@000000000000",
        "executor=nobody",
        &format!("parent_id={plain}&status=completed"),
    ] {
        assert!(find(nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn a_query_that_is_wrong_is_refused_with_the_parameter() {
    let wrong = [
        ("status", "status=done"),
        ("limit", "limit=0"),
        ("limit", "limit=501"),
        ("limit", "limit=many"),
        ("label", "label=without-a-colon"),
        ("cursor", "cursor=nonsense"),
        ("parent_id", "parent_id=nobody"),
        ("sort", "sort=oldest"),
        ("status", "status=queued&status=failed"),
    ];
    for (parameter, query) in wrong {
        let problem = shared::agent().get(&format!("/v1/tasks?{query}")).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}");
    }
}
