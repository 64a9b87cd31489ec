//! `/openapi.json`: the description is whole, and says what is there.

use std::collections::BTreeSet;

use errand_scheduler::{MountRequest, TaskRequest};
use serde_json::{Value, json};

use super::harness::{Server, server, working_server};

async fn description(server: &Server) -> Value {
    let reply = server.get("/openapi.json").await;
    assert_eq!(reply.status, 200);
    reply.json()
}

fn operations(api: &Value) -> Vec<(String, String, &Value)> {
    let paths = api["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &'_ Value)| {
        let item = item.as_object().unwrap().clone();
        item.into_iter().map(|(method, _)| (path.clone(), method)).collect::<Vec<_>>()
    };
    let names: Vec<_> = paths.iter().flat_map(of_path).collect();
    names
        .into_iter()
        .map(|(path, method)| {
            let operation = &api["paths"][&path][&method];
            (path, method, operation)
        })
        .collect()
}

/// Returns every `$ref` in a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_schema_is_one() {
    let server = server().await;
    let api = description(&server).await;
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut found = Vec::new();
    references(&api, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("references stay inside");
        assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (name, schema) in api["components"]["schemas"].as_object().unwrap() {
        let mut schema = schema.clone();
        schema["components"] = api["components"].clone();
        let built = jsonschema::draft202012::new(&schema);
        assert!(built.is_ok(), "{name}: {:?}", built.err());
    }
}

#[tokio::test]
async fn operations_are_named_once_described_and_have_their_parameters() {
    let server = server().await;
    let api = description(&server).await;
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&api) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} twice");
        assert!(operation["summary"].is_string(), "{method} {path}");
        assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
        for response in operation["responses"].as_object().unwrap().values() {
            assert!(response["description"].is_string(), "{method} {path}");
        }
        let given: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let named: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(given, named, "{method} {path}");
    }
}

/// The contract's calls, by path.
const CONTRACT: &[(&str, &str)] = &[
    ("/v1/executors", "get post"),
    ("/v1/executors/{name}", "delete get"),
    ("/v1/tasks", "get post"),
    ("/v1/tasks/batch", "post"),
    ("/v1/tasks/retry", "post"),
    ("/v1/tasks/discard", "post"),
    ("/v1/tasks/{id}", "delete get"),
    ("/v1/tasks/{id}/events", "get"),
    ("/v1/tasks/{id}/tree", "get"),
    ("/v1/tasks/{id}/cancel", "post"),
    ("/v1/tasks/{id}/retry", "post"),
    ("/v1/tasks/{id}/signals", "post"),
    ("/v1/tasks/{id}/artifacts", "get"),
    ("/v1/tasks/{id}/artifacts/{path}", "get"),
    ("/v1/tasks/{id}/diff", "get"),
    ("/v1/tasks/{id}/workspace", "get"),
    ("/v1/blobs", "post"),
    ("/v1/approvals", "get"),
    ("/v1/approvals/{id}", "get post"),
    ("/v1/approvals/{id}/diff", "get"),
    ("/v1/approvals/{id}/attachments/{path}", "get"),
    ("/v1/console/codes", "post"),
    ("/v1/contexts/{id}", "get"),
    ("/v1/contexts/{id}/state", "put"),
    ("/v1/contexts/{id}/events", "get"),
    ("/v1/schedules", "get post"),
    ("/v1/schedules/{id}", "delete get patch"),
    ("/v1/queue", "get"),
    ("/v1/queue/pause", "post"),
    ("/v1/queue/resume", "post"),
    ("/v1/workers", "get"),
    ("/v1/tokens", "get post"),
    ("/v1/tokens/{id}", "delete"),
    ("/v1/grants/{executor}", "get put"),
    ("/v1/backup", "post"),
    ("/healthz", "get"),
    ("/readyz", "get"),
    ("/metrics", "get"),
    ("/openapi.json", "get"),
    ("/.well-known/agent-card.json", "get"),
    ("/", "get"),
];

#[tokio::test]
async fn the_description_is_the_contract_and_every_call_in_it_is_answered() {
    let server = server().await;
    let api = description(&server).await;
    let mut described: Vec<(String, Vec<String>)> = Vec::new();
    for (path, method, _) in operations(&api) {
        match described.last_mut() {
            Some((last, methods)) if *last == path => methods.push(method),
            _ => described.push((path, vec![method])),
        }
    }
    let described: BTreeSet<(String, String)> = described
        .into_iter()
        .map(|(path, mut methods)| {
            methods.sort();
            (path, methods.join(" "))
        })
        .collect();
    let contract =
        CONTRACT.iter().map(|(path, methods)| ((*path).to_owned(), (*methods).to_owned()));
    assert_eq!(described, contract.collect());

    for (path, methods) in CONTRACT {
        let path = path.replace(['{', '}'], "");
        for method in methods.split(' ') {
            let method = http::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let reply = server.send(server.request(method, &path, "")).await;
            assert_ne!(reply.status, 405, "{path}");
            let unknown = reply.status == 404
                && reply.json()["detail"].as_str().unwrap().contains("nothing at");
            assert!(!unknown, "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_answered_fits_what_is_described() {
    let server = working_server().await;
    let api = description(&server).await;
    let check = |name: &str, value: &Value| {
        let schema = json!({
            "$ref": format!("#/components/schemas/{name}"), "components": api["components"],
        });
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?} in {value}");
    };
    let done = server.run(json!({"do": "publish"})).await;
    check("Task", &server.get(&format!("/v1/tasks/{done}")).await.json());
    let failed = server.run(json!({"do": "fail"})).await;
    check("Task", &server.get(&format!("/v1/tasks/{failed}")).await.json());
    for id in [&done, &failed] {
        let events = server.get(&format!("/v1/tasks/{id}/events")).await.json();
        events["items"].as_array().unwrap().iter().for_each(|event| check("Event", event));
    }
    check("Tree", &server.get(&format!("/v1/tasks/{done}/tree")).await.json());
    let artifacts = server.get(&format!("/v1/tasks/{done}/artifacts")).await.json();
    check("Artifact", &artifacts["items"][0]);
    check("Executor", &server.get("/v1/executors/prog").await.json());
    check("Queue", &server.get("/v1/queue").await.json());
    check("Worker", &server.get("/v1/workers").await.json()["items"][0]);
    let token = server.post("/v1/tokens", json!({"name": "x", "rights": ["read"]})).await.json();
    check("Token", &token);
    check("Problem", &server.post("/v1/tasks", json!({"executor": 1})).await.json());
    check("Problem", &server.get("/nowhere").await.json());

    // The service reads requests: what it knows is what is described.
    let mount = MountRequest { path: "/data".into(), blob: "0".repeat(64) };
    let request = TaskRequest { mounts: vec![mount], ..TaskRequest::new("prog", json!({})) };
    let request = serde_json::to_value(request).unwrap();
    check("TaskRequest", &request);
    let described = &api["components"]["schemas"]["TaskRequest"]["properties"];
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let mut known = names(&request);
    known.insert("idempotency_key".to_owned());
    assert_eq!(names(described), known);
    for (part, schema) in [("limits", "Limits"), ("retry", "Retry")] {
        let described = &api["components"]["schemas"][schema]["properties"];
        assert_eq!(names(described), names(&request[part]));
        for (name, field) in described.as_object().unwrap() {
            assert_eq!(field["default"].as_f64(), request[part][name].as_f64(), "{part} {name}");
        }
    }
}
