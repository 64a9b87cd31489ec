//! Guests that trap, overflow their stack, and exit badly.

use serde_json::json;

use super::beside_a_neighbour;
use crate::harness::{shared, wasm};

#[test]
fn a_trap_fails_its_task_with_its_frames() {
    for how in ["unreachable", "bounds", "divide", "panic"] {
        let request = json!({"executor": shared::probe(), "input": {"do": "trap", "how": how}});
        let task = beside_a_neighbour(&request);
        assert_eq!(task["status"], "failed", "{task}");
        let error = &task["error"];
        assert_eq!((&error["code"], &error["retryable"]), (&json!("trap"), &json!(false)), "{how}");
        let frames = error["detail"]["backtrace"].as_array().expect("a trap has frames");
        assert!(!frames.is_empty(), "{error}");
    }
}

#[test]
fn endless_recursion_overflows_the_guests_stack_alone() {
    let text = r#"(module
        (memory (export "memory") 1)
        (func $deeper (param i64) (result i64)
            (i64.add (call $deeper (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
        (func (export "_start") (drop (call $deeper (i64.const 0)))))"#;
    let answer = shared::operator().upload("recurses", &wasm::from_text(text));
    assert_eq!(answer.status, 201, "{answer:?}");
    let task = beside_a_neighbour(&json!({"executor": "recurses"}));
    assert_eq!(task["error"]["code"], "trap", "{task}");
    let message = task["error"]["message"].as_str().expect("an error has a message");
    assert!(message.contains("stack"), "{message}");

    // A Rust program has its frames in its memory.
    let request = json!({"executor": shared::probe(), "input": {"do": "recurse"}});
    assert_eq!(beside_a_neighbour(&request)["error"]["code"], "trap");

    let code = "def deeper():\n    return deeper()\ndeeper()";
    let request = json!({"executor": shared::python(), "input": {"code": code}});
    let task = beside_a_neighbour(&request);
    assert_eq!(task["error"]["code"], "executor_failed", "{task}");
    assert_eq!(task["error"]["detail"]["type"], "RecursionError", "{task}");
}

#[test]
fn a_program_that_exits_3_fails_with_what_it_said() {
    let input = json!({"args": ["print", "half done", "complain", "no more", "exit", "3"]});
    let task = beside_a_neighbour(&json!({"executor": shared::command_probe(), "input": input}));
    assert_eq!(task["status"], "failed");
    assert_eq!(task["error"]["code"], "executor_failed");
    let expected = json!({"exit_code": 3, "stdout": "half done\n", "stderr": "no more\n"});
    assert_eq!(task["error"]["detail"], expected);

    let request = json!({"executor": shared::python(), "input": {"code": "raise SystemExit(3)"}});
    let task = beside_a_neighbour(&request);
    assert_eq!(task["error"]["code"], "executor_failed", "{task}");
    assert_eq!(task["error"]["detail"]["exit_code"], 3, "{task}");
}

#[test]
fn a_program_that_starts_by_trapping_fails_its_task_alone() {
    let text = r#"(module
        (memory (export "memory") 1)
        (func $start unreachable)
        (func (export "_start"))
        (start $start))"#;
    let answer = shared::operator().upload("traps-at-start", &wasm::from_text(text));
    assert_eq!(answer.status, 201, "{answer:?}");
    let task = beside_a_neighbour(&json!({"executor": "traps-at-start"}));
    assert_eq!(task["error"]["code"], "trap", "{task}");
}

#[test]
fn a_program_that_loops_before_its_start_ends_at_its_bounds_too() {
    let text = r#"(module
        (memory (export "memory") 1)
        (func $start (loop br 0))
        (func (export "_start"))
        (start $start))"#;
    let answer = shared::operator().upload("loops-at-start", &wasm::from_text(text));
    assert_eq!(answer.status, 201, "{answer:?}");
    let limits = json!({"fuel": 20_000_000});
    let task = beside_a_neighbour(&json!({"executor": "loops-at-start", "limits": limits}));
    super::met_a_bound(&task, "fuel_exhausted", "fuel", 20_000_000);
}
