//! Guests that loop, wait and allocate for ever.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{beside_a_neighbour, met_a_bound};
use crate::harness::{Server, shared, wasm};

const MIB: u64 = 1 << 20;

/// Uploads a guest of this test, and returns the name.
fn uploaded(name: &'static str, bytes: &[u8]) -> &'static str {
    let answer = shared::operator().upload(name, bytes);
    assert_eq!(answer.status, 201, "{answer:?}");
    name
}

fn request(executor: &str, input: Value, limits: Value) -> Value {
    json!({"executor": executor, "input": input, "limits": limits})
}

#[test]
fn a_loop_without_calls_ends_at_its_timeout() {
    let looping = uploaded("loops", &wasm::loops("timeout"));
    let begun = Instant::now();
    let task = beside_a_neighbour(&request(looping, json!({}), json!({"timeout_ms": 300})));
    met_a_bound(&task, "timeout", "timeout_ms", 300);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(task["progress"]["fuel_used"].as_u64() > Some(0), "{task}");
}

#[test]
fn a_loop_without_calls_ends_with_its_fuel() {
    let limits = json!({"fuel": 50_000_000});
    let task = beside_a_neighbour(&request(shared::probe(), json!({"do": "spin_forever"}), limits));
    met_a_bound(&task, "fuel_exhausted", "fuel", 50_000_000);
    assert_eq!(task["progress"]["fuel_used"], 50_000_000);
}

#[test]
fn even_the_least_fuel_and_time_end_in_their_bounds() {
    let run = |limits: Value| {
        let client = shared::agent();
        client.finish(&client.submit(&request(shared::python(), json!({"code": "1"}), limits)))
    };
    met_a_bound(&run(json!({"fuel": 1})), "fuel_exhausted", "fuel", 1);
    let looping = uploaded("loops-briefly", &wasm::loops("least"));
    let client = shared::agent();
    let briefly = request(looping, json!({}), json!({"timeout_ms": 1}));
    met_a_bound(&client.finish(&client.submit(&briefly)), "timeout", "timeout_ms", 1);
}

#[test]
fn a_sleep_is_no_time_that_a_task_runs() {
    for sleep in ["sleep", "sleep_std"] {
        let input = json!({"do": sleep, "ms": 1_000});
        let limits = json!({"timeout_ms": 500});
        let task = beside_a_neighbour(&request(shared::probe(), input, limits));
        assert_eq!(task["status"], "completed", "{task}");
    }
}

#[test]
fn bytes_that_a_host_call_moves_use_up_fuel() {
    let text = include_str!("corpus/calls/asks_for_chance_for_ever.wat");
    let executor = uploaded("asks-for-chance", &wasm::from_text(text));
    // A thousand calls, in which the guest itself executes next to nothing.
    let limits = json!({"fuel": 128 * MIB, "timeout_ms": 10_000});
    let task = beside_a_neighbour(&request(executor, json!({}), limits));
    met_a_bound(&task, "fuel_exhausted", "fuel", 128 * MIB);
}

#[test]
fn allocating_for_ever_ends_at_the_memory_limit() {
    let limits = json!({"memory_bytes": 64 * MIB});
    let input = json!({"do": "allocate_forever"});
    let task = beside_a_neighbour(&request(shared::probe(), input, limits));
    met_a_bound(&task, "memory_limit", "memory_bytes", 64 * MIB);

    let code = "kept = []\nwhile True:\n    kept.append(bytearray(1 << 20))";
    let limits = json!({"memory_bytes": 128 * MIB});
    let task = beside_a_neighbour(&request(shared::python(), json!({"code": code}), limits));
    met_a_bound(&task, "memory_limit", "memory_bytes", 128 * MIB);
}

#[test]
fn what_fits_the_memory_limit_is_given() {
    let limits = json!({"memory_bytes": 64 * MIB});
    let input = json!({"do": "allocate", "mib": 40});
    let client = shared::agent();
    let task = client.finish(&client.submit(&request(shared::probe(), input, limits)));
    assert_eq!(task["output"], json!({"mib": 40}), "{task}");
}

#[test]
fn many_memories_count_together() {
    // Eight of 4 MiB each: no single one is over the limit.
    let part = "(core module $part (memory 64))";
    let executor = uploaded("many-memories", &wasm::component_of_parts(part, 8, ""));
    let limits = json!({"memory_bytes": 16 * MIB});
    let task = beside_a_neighbour(&request(executor, json!({}), limits));
    met_a_bound(&task, "memory_limit", "memory_bytes", 16 * MIB);

    let limits = json!({"memory_bytes": 40 * MIB});
    let client = shared::agent();
    let task = client.finish(&client.submit(&request(executor, json!({}), limits)));
    assert_eq!(task["status"], "completed", "{task}");
}

#[test]
fn tables_count_as_memory() {
    // Sixteen of 60,000 elements each, eight bytes an element.
    let part = "(core module $part (table 60000 funcref))";
    let executor = uploaded("many-tables", &wasm::component_of_parts(part, 16, ""));
    let limits = json!({"memory_bytes": 4 * MIB});
    let task = beside_a_neighbour(&request(executor, json!({}), limits));
    met_a_bound(&task, "memory_limit", "memory_bytes", 4 * MIB);
}

#[test]
fn a_task_of_many_memories_runs_and_takes_none_from_others() {
    let server = Server::start_with(&["--slots", "2"]);
    let client = server.operator();
    client.upload("end", &wasm::ends_at_once("beside many memories")).expect(201);
    for count in [8, 60] {
        let part = "(core module $part (memory 1))";
        let hog = wasm::component_of_parts(part, count, "(loop br 0)");
        let answer = client.upload("hog", &hog);
        if answer.status == 422 {
            // Refused at upload, it harms nobody.
            continue;
        }
        answer.expect(201);
        let hog = client.submit(&request("hog", json!({}), json!({"timeout_ms": 1_000})));
        let begun = client.follow(&hog, &[]).any(|message| message.event == "progress");
        let beside = client.run("end", &json!({}));
        assert_eq!(beside["status"], "completed", "beside {count} memories: {beside}");
        met_a_bound(&client.finish(&hog), "timeout", "timeout_ms", 1_000);
        assert!(begun);
    }
}
