//! Guests that end by a trap, or with a code.

use serde_json::json;

use super::{Ends, Entry, ended, text, trap};
use crate::harness::wasm;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        text!("traps", "reaches_the_unreachable", trap("unreachable")),
        text!("traps", "divides_by_zero", trap("divide by zero")),
        text!("traps", "overflows_a_division", trap("overflow")),
        text!("traps", "converts_nan", trap("conversion")),
        text!("traps", "reads_past_its_memory", trap("out of bounds")),
        text!("traps", "wraps_an_address", trap("out of bounds")),
        text!("traps", "calls_nothing", trap("uninitialized element")),
        text!("traps", "calls_another_type", trap("indirect call type mismatch")),
        text!("traps", "dereferences_null", trap("null reference")),
        text!("traps", "casts_to_what_it_is_not", trap("cast")),
        text!("traps", "indexes_past_an_array", trap("out of bounds")),
        Entry::made("has_names_that_explode", explodes, trap("unreachable")),
        Entry::program("exits_with_255", &["exit", "255"], exit("code 255")),
        Entry::program("exits_with_1", &["print", "x", "exit", "1"], exit("code 1")),
        Entry::program("panics", &["panic"], trap("unreachable")),
        Entry::program("exits_with_0", &["exit", "0"], Ends::Completed(ended())),
        Entry::probe(
            "exits_where_it_should_answer",
            json!({"do": "exit", "code": 3}),
            exit("exited with code 1"),
        ),
    ]
}

fn exit(message: &'static str) -> Ends {
    Ends::Failed { code: "executor_failed", message }
}

/// Traps in functions with mangled names that double with each letter once they are spelt out.
fn explodes() -> Vec<u8> {
    // A C++ name whose substitutions name each other, two by two.
    let doubling: String = (0..60).map(|n| format!("S{n}_S{n}_")).collect();
    let name = format!("_Z1fI1aIiiE{doubling}Evv");
    let rust = format!("_R{}", "INvC1a1b".repeat(3_000));
    wasm::from_text(&format!(
        r#"(module
             (memory (export "memory") 1)
             (func $a (@name "{name}") unreachable)
             (func $b (@name "{rust}") (call $a))
             (func (export "_start") (call $b)))"#
    ))
}

#[test]
fn guests_that_trap_fail_their_task_alone() {
    super::running::run(&entries());
}
