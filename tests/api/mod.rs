//! The REST interface, from outside. The files mirror the URLs.

mod access;
mod around;
mod artifacts;
mod blobs;
mod checking;
mod checkpoints;
mod chromium;
mod events;
mod executors;
mod javascript;
mod left;
mod mounts;
mod openapi;
mod operations;
mod pages;
mod tasks;
mod tokens;
mod unsupported;
mod workspaces;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Client, shared};

/// Longer than any test takes: a task with this delay stays queued.
const AN_HOUR_MS: u64 = 3_600_000;

/// Submits a task that stays queued.
fn submit_for_later(client: &Client, label: &str) -> String {
    client.submit(&json!({
        "executor": shared::noop(), "delay_ms": AN_HOUR_MS, "labels": {"test": label},
    }))
}

/// Submits a task that loops for ever, and answers once it does.
fn submit_looping(client: &Client, label: &str) -> String {
    let id = client.submit(&json!({
        "executor": shared::probe(), "input": {"do": "spin_forever"}, "labels": {"test": label},
    }));
    client.follow(&id, &[]).until_it_runs();
    id
}

/// The ids of a list's items, in order.
fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list has items");
    items.iter().map(|item| text(&item["id"])).collect()
}

/// The names of an object's members.
fn members(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("it is an object").keys().map(String::as_str).collect()
}

/// The JSON pointers that a problem names.
fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().expect("the problem names its faults");
    errors.iter().filter_map(|error| error["pointer"].as_str()).collect()
}

/// The kinds of events, in order.
fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().expect("an event has a kind")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}
