//! `POST /v1/tasks/batch`.

use serde_json::{Value, json};

use super::{AN_HOUR_MS, ids, pointers};
use crate::harness::shared;

fn requests(label: &str, count: usize) -> Vec<Value> {
    let request = |number| {
        json!({
            "executor": shared::noop(), "delay_ms": AN_HOUR_MS,
            "labels": {"test": label, "number": format!("{number}")},
        })
    };
    (0..count).map(request).collect()
}

fn stored(label: &str) -> Vec<String> {
    ids(&shared::agent().get(&format!("/v1/tasks?limit=500&label=test:{label}")).expect(200))
}

#[test]
fn a_batch_is_accepted_as_a_whole_and_answered_in_order() {
    let client = shared::agent();
    let request = json!({"tasks": requests("batch", 300)});
    let answer = client.post("/v1/tasks/batch", &request).expect(202);
    let items = answer["items"].as_array().expect("a list");
    let numbers: Vec<_> = items.iter().map(|task| task["labels"]["number"].clone()).collect();
    assert_eq!(numbers, (0..300).map(|number| json!(format!("{number}"))).collect::<Vec<_>>());
    let mut newest_first = ids(&answer);
    newest_first.reverse();
    assert_eq!(stored("batch"), newest_first);
}

#[test]
fn one_wrong_request_keeps_the_whole_batch_out_and_is_named() {
    let client = shared::agent();
    let mut tasks = requests("wrong-batch", 5);
    tasks[1]["limits"] = json!({"fuel": 0});
    tasks[3]["executor"] = json!("nobody");
    let problem = client.post("/v1/tasks/batch", &json!({"tasks": tasks}));
    let problem = problem.problem(422, "invalid");
    assert_eq!(pointers(&problem), ["/tasks/1/limits/fuel", "/tasks/3/executor"]);

    tasks[1]["limits"] = json!({"fule": 1});
    tasks[4]["priority"] = json!("high");
    let problem = client.post("/v1/tasks/batch", &json!({"tasks": tasks}));
    let problem = problem.problem(422, "invalid");
    let named = pointers(&problem);
    assert!(named.contains(&"/tasks/1/limits/fule"), "{problem}");
    assert!(named.contains(&"/tasks/4/priority"), "{problem}");
    assert_eq!(stored("wrong-batch"), [""; 0]);
}

#[test]
fn a_batch_has_one_to_a_thousand_tasks() {
    let client = shared::agent();
    for count in [0, 1_001] {
        let request = json!({"tasks": requests("count", count)});
        let problem = client.post("/v1/tasks/batch", &request).problem(422, "invalid");
        assert_eq!(pointers(&problem), ["/tasks"], "{count}");
    }
    for wrong in [json!({}), json!([]), json!({"tasks": {}}), json!({"tasks": [], "more": 1})] {
        client.post("/v1/tasks/batch", &wrong).problem(422, "invalid");
    }
    assert_eq!(stored("count"), [""; 0]);
    let request = json!({"tasks": requests("thousand", 1_000)});
    let answer = client.post("/v1/tasks/batch", &request).expect(202);
    assert_eq!(ids(&answer).len(), 1_000);
}

#[test]
fn a_batch_that_is_sent_again_with_its_keys_makes_nothing_new() {
    let client = shared::agent();
    let mut tasks = requests("batch-keys", 3);
    for (number, task) in tasks.iter_mut().enumerate() {
        task["idempotency_key"] = json!(format!("batch-keys-{number}"));
    }
    let first = ids(&client.post("/v1/tasks/batch", &json!({"tasks": tasks})).expect(202));
    let again = ids(&client.post("/v1/tasks/batch", &json!({"tasks": tasks})).expect(202));
    assert_eq!(first, again);
    assert_eq!(stored("batch-keys").len(), 3);

    tasks[2]["priority"] = json!(1);
    tasks.push(requests("batch-keys", 1).remove(0));
    client.post("/v1/tasks/batch", &json!({"tasks": tasks})).problem(409, "conflict");
    assert_eq!(stored("batch-keys").len(), 3, "all or none");
}
