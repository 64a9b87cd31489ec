//! `/openapi.json`: the description of all the rest.

use serde_json::Value;

use crate::harness::{Client, shared};

/// Every call of the contract, as OpenAPI writes it.
const CALLS: &[(&str, &str)] = &[
    ("/v1/executors", "get post"),
    ("/v1/executors/{name}", "get delete"),
    ("/v1/tasks", "get post"),
    ("/v1/tasks/batch", "post"),
    ("/v1/tasks/retry", "post"),
    ("/v1/tasks/discard", "post"),
    ("/v1/tasks/{id}", "get delete"),
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
    ("/v1/contexts/{id}", "get"),
    ("/v1/contexts/{id}/state", "put"),
    ("/v1/contexts/{id}/events", "get"),
    ("/v1/schedules", "get post"),
    ("/v1/schedules/{id}", "get patch delete"),
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
];

fn description() -> Value {
    Client::anonymous(shared::server().url()).get("/openapi.json").expect(200)
}

#[test]
fn it_describes_every_call_of_the_contract() {
    let description = description();
    let version = description["openapi"].as_str().expect("it has a version");
    assert!(version.starts_with("3.1"), "{version}");
    for (path, methods) in CALLS {
        for method in methods.split(' ') {
            let call = &description["paths"][path][method];
            assert!(call["responses"].is_object(), "{method} {path} is not described");
            let parameters = call["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            for variable in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let name = variable.trim_end_matches('}');
                let named = parameters
                    .iter()
                    .any(|parameter| parameter["name"] == name && parameter["in"] == "path");
                assert!(named, "{method} {path} does not describe {name}");
            }
        }
    }
}

#[test]
fn every_reference_in_it_leads_somewhere_and_every_call_has_a_name_of_its_own() {
    let description = description();
    let mut references = Vec::new();
    collect(&description, "$ref", &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a reference stays in the document");
        assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut names = Vec::new();
    collect(&description["paths"], "operationId", &mut names);
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == key => found.push(text.to_owned()),
                    _ => collect(member, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, found)),
        _ => {}
    }
}
