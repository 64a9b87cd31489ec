//! Uploads that are made to take the compiler's time and memory.
//!
//! Each is refused or compiled within bounds, while the server answers and works for others.

use std::fmt::Write as _;
use std::thread;

use serde_json::json;

use crate::harness::{Answer, Server, wasm};

/// Uploads a bomb to a server of its own, which works for others meanwhile.
fn upload(bomb: Vec<u8>) -> Answer {
    let server = Server::start();
    let client = server.operator();
    client.upload("end", &wasm::ends_at_once("beside a bomb")).expect(201);
    let uploader = client.clone();
    let upload = thread::spawn(move || uploader.upload("bomb", &bomb));
    loop {
        let last = upload.is_finished();
        assert_eq!(client.get("/healthz").status, 200);
        assert_eq!(client.run("end", &json!({}))["status"], "completed");
        if last {
            break;
        }
    }
    let answer = upload.join().expect("it is answered");
    assert!(matches!(answer.status, 201 | 422), "{answer:?}");
    if answer.status == 201 {
        let limits = json!({"timeout_ms": 5_000});
        let request = json!({"executor": "bomb", "limits": limits, "retry": {"max_attempts": 1}});
        let task = client.finish(&client.submit(&request));
        assert_ne!(task["error"]["code"], "internal", "{task}");
    }
    // Nobody is left to compile on: the next is admitted at once.
    client.upload("next", &wasm::ends_at_once("after a bomb")).expect(201);
    let left = std::fs::read_dir(server.data().join("compiled")).expect("it is there");
    let left: Vec<_> = left
        .map(|entry| entry.expect("it can be read").file_name())
        .filter(|name| name.to_string_lossy().contains("upload"))
        .collect();
    assert!(left.is_empty(), "{left:?} was left behind");
    answer
}

fn module(functions: &str) -> Vec<u8> {
    let text =
        format!("(module (memory (export \"memory\") 1) (func (export \"_start\")) {functions})");
    wasm::from_text(&text)
}

#[test]
fn very_many_functions() {
    upload(module(&"(func)".repeat(100_000)));
}

#[test]
fn very_deep_nesting() {
    let depth = 50_000;
    upload(module(&format!("(func {} {})", "block ".repeat(depth), "end ".repeat(depth))));
}

#[test]
fn a_very_long_function() {
    let step = "local.get 0 i32.load local.get 0 i32.add local.set 0 ";
    upload(module(&format!("(func (param i32) {})", step.repeat(200_000))));
}

#[test]
fn more_values_alive_than_a_compiler_can_keep() {
    // Locals change in loops in loops: what joins where a loop starts is their product.
    let (locals, loops) = (4_000, 4_000);
    let mut body = String::from("(func (param i32) (local");
    body.push_str(&" i32".repeat(locals));
    body.push_str(") ");
    for index in 0..loops {
        let local = index % locals + 1;
        write!(body, "loop local.get {local} local.get 0 i32.add local.set {local} ")
            .expect("writing to a string does not fail");
    }
    for index in 0..loops {
        write!(body, "local.get {} br_if 0 end ", index % locals + 1)
            .expect("writing to a string does not fail");
    }
    body.push(')');
    let problem = upload(module(&body)).problem(422, "invalid");
    let detail = problem["detail"].as_str().expect("it says what is wrong");
    assert!(detail.contains("memory"), "{detail}");
}
