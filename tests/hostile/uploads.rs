//! Uploads that are no executors.

use serde_json::json;

use super::Neighbour;
use crate::harness::{Server, plugin, shared, wasm};

/// Uploads what must be refused, and returns what was said about it.
fn refused(name: &str, bytes: &[u8]) -> String {
    let answer = shared::operator().upload(name, bytes);
    assert_eq!(answer.status, 422, "{name}: {}", String::from_utf8_lossy(&answer.bytes));
    let problem = answer.json();
    assert!(matches!(problem["code"].as_str(), Some("invalid" | "unsupported")), "{problem}");
    shared::operator().get(&format!("/v1/executors/{name}")).problem(404, "not_found");
    problem["detail"].as_str().expect("it says what is wrong").to_owned()
}

#[test]
fn truncated_wasm_is_refused() {
    let neighbour = Neighbour::start();
    for file in ["test/noop", "test/probe"] {
        let whole = plugin(file);
        for length in [1, 7, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
            refused("truncated", &whole[..length]);
        }
    }
    refused("truncated", &[]);
    neighbour.finishes_unharmed();
}

#[test]
fn random_bytes_are_refused_with_and_without_the_magic_of_wasm() {
    let neighbour = Neighbour::start();
    // The same every time: a failure can be looked at.
    let noise: Vec<u8> =
        (0..64_u64).flat_map(|seed| *blake3::hash(&seed.to_le_bytes()).as_bytes()).collect();
    refused("noise", &noise);
    for magic in [&b"\0asm\x01\0\0\0"[..], b"\0asm\x0d\0\x01\0", b"\0asm\x02\0\0\0", b"\0asm"] {
        refused("noise", &[magic, &noise].concat());
    }
    // One byte wrong in the middle of what would be right.
    let whole = plugin("test/noop");
    for at in [10, 100, 1_000, whole.len() / 2] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let answer = shared::operator().upload("noise", &damaged);
        assert!(matches!(answer.status, 201 | 422), "at {at}: {answer:?}");
    }
    neighbour.finishes_unharmed();
}

#[test]
fn native_code_is_never_accepted() {
    let program = std::fs::read(crate::harness::errand_path()).expect("it can be read");
    let said = refused("native", &program[..1 << 20]);
    assert!(said.contains("native"), "{said}");

    // What the server itself compiled is no executor either.
    shared::noop();
    let compiled = std::fs::read_dir(shared::server().data().join("compiled"))
        .expect("compiled executors lie there")
        .map(|entry| entry.expect("an entry can be read").path())
        .filter_map(|path| std::fs::read(path).ok())
        .find(|bytes| bytes.starts_with(b"\x7fELF"))
        .expect("there is a compiled executor");
    let said = refused("native", &compiled);
    assert!(said.contains(".cwasm"), "{said}");
}

#[test]
fn what_is_no_executor_is_refused_with_the_reason() {
    for (bytes, reason) in [
        (b"#!/bin/sh\necho hello\n".to_vec(), "wasm"),
        (b"(module)".to_vec(), "wasm"),
        (wasm::from_text("(component)"), "export"),
        (wasm::from_text("(component (core module))"), "export"),
        (wasm::from_text("(module)"), ""),
        (wasm::from_text("(module (memory (export \"memory\") 1) (func (export \"main\")))"), ""),
    ] {
        let said = refused("no-executor", &bytes);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn an_import_that_the_host_lacks_is_named() {
    let core = r#"(module
        (import "env" "launch_missiles" (func))
        (memory (export "memory") 1)
        (func (export "_start")))"#;
    let said = refused("imports", &wasm::from_text(core));
    assert!(said.contains("env"), "{said}");

    let preview1 = r#"(module
        (import "wasi_snapshot_preview1" "launch_missiles" (func))
        (memory (export "memory") 1)
        (func (export "_start")))"#;
    let said = refused("imports", &wasm::from_text(preview1));
    assert!(said.contains("launch_missiles"), "{said}");

    let component = r#"(component
        (import "acme:missiles/launch@1.2.3" (instance (export "fire" (func))))
        (core module $main (func (export "run") (result i32) (i32.const 0)))
        (core instance $main (instantiate $main))
        (func $run (result (result)) (canon lift (core func $main "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $cli)))"#;
    let said = refused("imports", &wasm::from_text(component));
    assert!(said.contains("acme:missiles/launch@1.2.3"), "{said}");
}

#[test]
fn an_import_of_another_type_than_the_hosts_is_named() {
    let component = r#"(component
        (import "wasi:random/random@0.2.0"
            (instance (export "get-random-u64" (func (param "a" string) (result u64)))))
        (core module $main (func (export "run") (result i32) (i32.const 0)))
        (core instance $main (instantiate $main))
        (func $run (result (result)) (canon lift (core func $main "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $cli)))"#;
    let said = refused("mistyped", &wasm::from_text(component));
    assert!(said.contains("wasi:random/random"), "{said}");
}

#[test]
fn more_than_an_instance_may_have_is_refused() {
    for (bytes, what) in [
        (wasm::component_of_parts("(core module $part (memory 1))", 200, ""), "memories"),
        (wasm::component_of_parts("(core module $part (table 1 funcref))", 200, ""), "tables"),
        (wasm::component_of_parts("(core module $part (table 10000000 funcref))", 1, ""), "table"),
        (wasm::component_of_parts("(core module $part)", 5_000, ""), "instances"),
    ] {
        let said = refused("too-many", &bytes);
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn a_name_can_not_lead_out_of_the_catalogue() {
    let server = shared::server();
    let before = listing(server);
    let wasm = wasm::ends_at_once("names");
    for name in [
        "..",
        ".",
        "../x",
        "a/b",
        "/etc/x",
        "..%2fx",
        "%2e%2e%2fx",
        "a%5Cb",
        "a%00",
        "%0a",
        "~",
        "$(x)",
    ] {
        let answer = shared::operator().upload(name, &wasm);
        assert!(matches!(answer.status, 400 | 422), "{name}: {answer:?}");
        shared::operator().delete(&format!("/v1/executors/{}", name.replace('/', "%2f")));
        let answer = shared::operator().get(&format!("/v1/executors/{}", name.replace('/', "%2f")));
        assert!(answer.status >= 400, "{name}: {answer:?}");
    }
    assert_eq!(listing(server), before);
    let problem = shared::operator().upload("a/b", &wasm).problem(422, "invalid");
    assert_eq!(problem["errors"][0]["parameter"], "name");
    let task = shared::agent().post("/v1/tasks", &json!({"executor": "../noop"}));
    task.problem(422, "invalid");
}

fn listing(server: &Server) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(server.data()).expect("it has a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("it can be read").file_name()).collect();
    names.sort();
    names
}
