//! What goes in and comes out.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn an_input_that_is_wrong_is_named() {
    let world = World::new();
    for (input, part) in [
        (json!([]), "must be an object"),
        (json!({}), "exactly one of `code` and `file`"),
        (json!({"code": "", "file": "a.js"}), "exactly one of `code` and `file`"),
        (json!({"code": 1}), "`code` must be a string, not number"),
        (json!({"file": null}), "`file` must be a string, not null"),
        (json!({"code": "", "args": "x"}), "`args` must be an array of strings"),
        (json!({"code": "", "args": [1]}), "`args` must be an array of strings"),
        (json!({"code": "", "stdin": 1}), "`stdin` must be a string, not number"),
        (json!({"file": "missing.js"}), "the workspace doesn't have: 'missing.js'"),
        (json!({"file": "../out.js"}), "must be a path in the workspace: '../out.js'"),
        (json!({"file": "."}), "must be a path in the workspace"),
    ] {
        let failure = world.run(&input).expect_err("it is wrong");
        assert_eq!(failure.code, "invalid_input", "{input}");
        assert!(!failure.is_transient);
        assert!(failure.message.contains(part), "{input}: {}", failure.message);
    }
    let failure = javascript::run("{", world.clone()).expect_err("it is no JSON");
    assert!(failure.message.starts_with("the input is not JSON: "), "{}", failure.message);
}

#[test]
fn a_result_is_a_variable_of_any_kind_of_declaration() {
    let world = World::new();
    for (code, expected) in [
        ("result = {a: [1]}", json!({"a": [1]})),
        ("let result = 1", json!(1)),
        ("const result = 'é'", json!("é")),
        ("var result = true", json!(true)),
        ("'use strict'; const result = 2", json!(2)),
        ("globalThis.result = 3", json!(3)),
        ("function result() {} result = 4", json!(4)),
        ("const result = await Promise.resolve(5)", json!(5)),
        ("const result = (async () => 6)()", json!(6)),
        ("import 'fs'; const result = 7", json!(7)),
        ("import 'fs'; globalThis.result = 8", json!(8)),
        ("import 'fs'; export const result = 9; export default 1", json!(9)),
        ("let result; setTimeout(() => { result = 10 }, 5)", json!(10)),
        ("return 1; const result = 2", Value::Null),
        ("const other = 1", Value::Null),
        ("", Value::Null),
        ("#!/usr/bin/env node\nresult = 11", json!(11)),
        ("result = 12 // the end", json!(12)),
        ("result = errand.input.mine", Value::Null),
        ("result = NaN", Value::Null),
    ] {
        assert_eq!(world.result(code), expected, "{code}");
    }
}

#[test]
fn a_result_that_is_no_json_says_so() {
    let world = World::new();
    for (code, kind, part) in [
        ("result = () => 1", "function", "function is no JSON"),
        ("result = {}; result.self = result", "Object", "circular"),
        ("result = 1n", "bigint", "BigInt"),
        ("result = ['\\ud800']", "Array", "half a surrogate pair"),
    ] {
        let failure = world.failure(code);
        assert_eq!((failure.code, failure.is_transient), ("result_not_json", false), "{code}");
        assert!(failure.message.contains(part), "{code}: {}", failure.message);
        assert_eq!(failure.detail.expect("it has one")["type"], kind, "{code}");
    }
}

#[test]
fn keys_of_the_caller_arguments_and_standard_input_reach_the_program() {
    let world = World::new()
        .file("d/p.js", "result = [process.argv.slice(2), __filename, __dirname, process.cwd()]");
    let output = world.run(&json!({"file": "d/p.js", "args": ["a", "b c"]})).expect("it runs");
    assert_eq!(
        output["result"],
        json!([["a", "b c"], "/workspace/d/p.js", "/workspace/d", "/workspace"])
    );
    let code = "result = [errand.input.numbers, require('fs').readFileSync(0, 'utf8')]";
    let input = json!({"code": code, "stdin": "lines\nof text", "numbers": [1, 2]});
    assert_eq!(world.run(&input).expect("it runs")["result"], json!([[1, 2], "lines\nof text"]));
}

#[test]
fn a_stream_is_cut_where_it_is_too_long_and_watchers_see_all() {
    let world = World::new();
    let out = world.printed("for (let i = 0; i < 300; i++) console.log('é'.repeat(511))");
    assert!(out.len() < 257 * 1024, "{}", out.len());
    assert!(
        out.ends_with("\n[truncated: 306900 bytes were written]\n"),
        "{:?}",
        &out[out.len() - 80..]
    );
    assert!(!out.contains('\u{fffd}'), "no character was cut in two");
    let seen: usize = world.written.borrow().iter().map(|(_, text)| text.len()).sum();
    assert_eq!(seen, 306_900);
}

#[test]
fn lines_are_handed_over_as_they_are_complete() {
    let world = World::new();
    world.printed("process.stdout.write('a'); process.stdout.write('b\\nc'); console.error('e')");
    let written: Vec<String> =
        world.written.borrow().iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(written, ["ab\n", "e\n", "c"]);
}
