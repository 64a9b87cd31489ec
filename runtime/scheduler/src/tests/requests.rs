//! Checking and submitting requests, and the executors that they name.

use bytes::Bytes;
use errand_core::{Submitted, Task};
use serde_json::{Value, json};

use super::harness::Harness;
use crate::{BatchRequest, Caller, Fault, ListRequest, ServiceError, TaskRequest};

fn pointers(error: &ServiceError) -> Vec<&str> {
    match error {
        ServiceError::Invalid { faults } => {
            faults.iter().map(|Fault { pointer, .. }| pointer.as_str()).collect()
        }
        other => panic!("{other}"),
    }
}

fn read(json: &Value) -> Result<TaskRequest, ServiceError> {
    TaskRequest::from_slice(json.to_string().as_bytes())
}

#[test]
fn a_request_has_the_defaults_of_the_contract() {
    let request = read(&json!({"executor": "python"})).unwrap();
    assert_eq!(request, TaskRequest::new("python", json!({})));
    assert_eq!(request.limits.fuel, 10_000_000_000_000);
    assert_eq!((request.retry.max_attempts, request.retry.backoff_max_ms), (3, 60_000));
}

#[test]
fn every_fault_of_a_request_is_named_with_its_pointer() {
    let error = read(&json!({
        "executr": "python",
        "priority": "high",
        "labels": {"a/b": 1, "ok": "x"},
        "limits": {"fuel": -1, "memory": 3},
        "retry": {"backoff_factor": "two"},
        "artifacts": ["a", 2],
        "workspace": {"from": "empty", "color": "red"},
        "parent_id": null,
    }))
    .unwrap_err();
    let mut found = pointers(&error);
    found.sort_unstable();
    let expected = [
        "/artifacts/1",
        "/executor",
        "/executr",
        "/labels/a~1b",
        "/limits/fuel",
        "/limits/memory",
        "/priority",
        "/retry/backoff_factor",
        "/workspace",
    ];
    assert_eq!(found, expected);
    assert!(matches!(TaskRequest::from_slice(b"{"), Err(ServiceError::Malformed { .. })));
    assert_eq!(pointers(&read(&json!([1])).unwrap_err()), [""]);
    let batch = json!({"tasks": [{"executor": "a"}, {"executor": 1}, {"x": 1}]}).to_string();
    let error = BatchRequest::from_slice(batch.as_bytes()).unwrap_err();
    assert_eq!(pointers(&error), ["/tasks/1/executor", "/tasks/2/x", "/tasks/2/executor"]);
}

#[tokio::test]
async fn every_rule_is_checked_at_once_and_pointed_to() {
    let h = Harness::new().await;
    let mut request = TaskRequest::new("work", json!({"n": "one", "name": 2}));
    request.function = Some("run".into());
    request.limits.fuel = 0;
    request.limits.memory_bytes = u64::MAX;
    request.retry.max_attempts = 0;
    request.retry.backoff_factor = f64::NAN;
    request.labels.insert("a:b".into(), "x".into());
    request.artifacts = vec!["../x".into(), "ok".into(), "[".into()];
    request.delay_ms = u64::MAX;
    request.parent_id = Some("nobody".into());
    request.idempotency_key = Some(String::new());
    request.workspace.path = Some("/etc".into());
    let error = h.service.submit(&h.caller, request.clone()).await.unwrap_err();
    let mut found = pointers(&error);
    found.sort_unstable();
    let expected = [
        "/artifacts/0",
        "/artifacts/2",
        "/delay_ms",
        "/function",
        "/idempotency_key",
        "/input/n",
        "/input/name",
        "/labels/a:b",
        "/limits/fuel",
        "/limits/memory_bytes",
        "/parent_id",
        "/retry/backoff_factor",
        "/retry/max_attempts",
        "/workspace/path",
    ];
    assert_eq!(found, expected);

    let tasks = vec![TaskRequest::new("work", json!({})), TaskRequest::new("nope", json!({}))];
    let error = h.service.submit_batch(&h.caller, BatchRequest { tasks }).await.unwrap_err();
    assert_eq!(pointers(&error), ["/tasks/1/executor"]);
    assert!(error.to_string().contains("there are `work`"), "{error}");
    let page = h.service.list(&h.caller, ListRequest::default()).await.unwrap();
    assert!(page.items.is_empty(), "a part of the batch was kept");
}

#[tokio::test]
async fn what_is_not_there_yet_is_said_to_be_unsupported() {
    let h = Harness::new().await;
    let mut request = TaskRequest::new("work", json!({}));
    request.notify.push(errand_core::Notify { url: "https://example.org".into(), events: vec![] });
    let error = h.service.submit(&h.caller, request).await.unwrap_err();
    assert!(matches!(&error, ServiceError::Unsupported { what } if what.contains("notify")));
}

#[tokio::test]
async fn a_typed_functions_name_and_input_are_checked_before_it_is_queued() {
    let h = Harness::new().await;
    h.service.upload(&h.caller, "adder", Bytes::from_static(b"functions")).await.unwrap();
    let refused = async |executor: &str, function: Option<&str>, input| {
        let mut request = TaskRequest::new(executor, input);
        request.function = function.map(str::to_owned);
        let error = h.service.submit(&h.caller, request).await.unwrap_err();
        (pointers(&error).join(" "), error.to_string())
    };
    let (at, why) = refused("adder", None, json!({})).await;
    assert_eq!(at, "/function");
    assert!(why.contains("is missing; there are `add`"), "{why}");
    let (at, why) = refused("adder", Some("sub"), json!({})).await;
    assert_eq!(at, "/function");
    assert!(why.contains("is not a function of `adder`; there are `add`"), "{why}");
    let (at, _) = refused("adder", Some("add"), json!({"a": "1", "b": 2, "c": null})).await;
    assert_eq!(at, "/input/a /input/c");
    let (at, _) = refused("work", Some("run"), json!({})).await;
    assert_eq!(at, "/function");

    let mut request = TaskRequest::new("adder", json!({"a": 1}));
    request.function = Some("add".to_owned());
    let task = created(h.service.submit(&h.caller, request.clone()).await.unwrap());
    assert_eq!(task.function.as_deref(), Some("add"));
    request.input = json!({"a": true});
    let tasks = vec![TaskRequest::new("work", json!({})), request];
    let error = h.service.submit_batch(&h.caller, BatchRequest { tasks }).await.unwrap_err();
    assert_eq!(pointers(&error), ["/tasks/1/input/a"]);
}

fn created(submitted: Submitted) -> Task {
    match submitted {
        Submitted::Created(task) => task,
        Submitted::Existing(task) => panic!("task {} was there", task.id),
    }
}

#[tokio::test]
async fn the_same_key_and_request_gives_the_same_task_also_after_a_new_upload() {
    let h = Harness::new().await;
    let mut request = TaskRequest::new("work", json!({"n": 1}));
    request.idempotency_key = Some("k".into());
    let first = created(h.service.submit(&h.caller, request.clone()).await.unwrap());
    h.service.upload(&h.caller, "work", Bytes::from_static(b"newer")).await.unwrap();
    let again = h.service.submit(&h.caller, request.clone()).await.unwrap();
    assert!(matches!(again, Submitted::Existing(task) if task.id == first.id));
    request.priority = 1;
    let error = h.service.submit(&h.caller, request).await.unwrap_err();
    assert!(matches!(error, ServiceError::Conflict { .. }), "{error}");
}

#[tokio::test]
async fn a_task_is_pinned_to_the_newest_upload_or_to_the_one_named() {
    let h = Harness::new().await;
    let old = h.service.upload(&h.caller, "work", Bytes::from_static(b"work")).await.unwrap();
    assert!(!old.created);
    let new = h.service.upload(&h.caller, "work", Bytes::from_static(b"newer")).await.unwrap();
    assert!(new.created);
    let pinned = |text: String| {
        let (service, caller) = (h.service.clone(), h.caller.clone());
        async move {
            let request = TaskRequest::new(text, json!({}));
            service.submit(&caller, request).await.map(|one| created(one).executor.digest)
        }
    };
    let (old, new) = (old.version.profile.digest, new.version.profile.digest);
    assert_eq!(pinned("work".into()).await.unwrap(), new);
    assert_eq!(pinned(format!("work@{}", &old.to_string()[..8])).await.unwrap(), old);
    assert_eq!(pinned(format!("work@{new}")).await.unwrap(), new);
    assert_eq!(pointers(&pinned("work@zz".into()).await.unwrap_err()), ["/executor"]);
    assert_eq!(pointers(&pinned("work@".into()).await.unwrap_err()), ["/executor"]);
    // What is uploaded again is what the bare name means.
    h.service.upload(&h.caller, "work", Bytes::from_static(b"work")).await.unwrap();
    assert_eq!(pinned("work".into()).await.unwrap(), old);
}

#[tokio::test]
async fn an_executor_stays_while_a_task_is_pinned_to_it() {
    let h = Harness::new().await;
    let task =
        created(h.service.submit(&h.caller, TaskRequest::new("work", json!({}))).await.unwrap());
    let error = h.service.remove_executor(&h.caller, "work").await.unwrap_err();
    assert!(matches!(error, ServiceError::Conflict { .. }), "{error}");
    h.service.cancel(&h.caller, task.id, None).await.unwrap();
    h.service.delete(&h.caller, task.id).await.unwrap();
    h.service.remove_executor(&h.caller, "work").await.unwrap();
    let error = h.service.submit(&h.caller, TaskRequest::new("work", json!({}))).await;
    assert_eq!(pointers(&error.unwrap_err()), ["/executor"]);
    assert!(h.service.executors(&h.caller).await.unwrap().is_empty());
    let error = h.service.remove_executor(&h.caller, "work").await.unwrap_err();
    assert!(matches!(error, ServiceError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_bad_upload_is_refused_with_its_reason() {
    let h = Harness::new().await;
    let error = h.service.upload(&h.caller, "x", Bytes::from_static(b"bad")).await.unwrap_err();
    assert!(error.to_string().contains("it is no component"), "{error}");
    for name in ["../x", "A", ""] {
        let error = h.service.upload(&h.caller, name, Bytes::from_static(b"ok")).await.unwrap_err();
        assert_eq!(pointers(&error), ["/name"]);
    }
}

#[tokio::test]
async fn a_batch_is_listed_in_its_order() {
    let h = Harness::new().await;
    let tasks = (0..100).map(|n| TaskRequest::new("work", json!({"n": n}))).collect();
    let batch = h.service.submit_batch(&h.caller, BatchRequest { tasks }).await.unwrap();
    let ids: Vec<_> = batch.into_iter().map(|one| created(one).id).collect();
    assert!(ids.is_sorted());
    let caller = Caller::system();
    let request = ListRequest { limit: 60, ..ListRequest::default() };
    let page = h.service.list(&caller, request.clone()).await.unwrap();
    let request = ListRequest { cursor: page.next, ..request };
    let rest = h.service.list(&caller, request).await.unwrap();
    let mut listed: Vec<_> = page.items.iter().chain(&rest.items).map(|task| task.id).collect();
    listed.reverse();
    assert_eq!(listed, ids);
}
