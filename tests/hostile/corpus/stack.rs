//! Guests that use their stack up, and that unwind it.

use serde_json::json;

use super::{Ends, Entry, text, trap};
use crate::harness::wasm;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        text!("stack", "recurses_for_ever", trap("stack")),
        text!("stack", "recurses_through_a_table", trap("stack")),
        text!("stack", "calls_the_host_at_the_brink", trap("stack")),
        text!("stack", "calls_its_own_tail_for_ever", Ends::Never),
        text!("stack", "throws_for_ever", Ends::Never),
        text!("stack", "throws_through_its_stack", Ends::Never),
        text!("stack", "throws_what_nobody_catches", trap("")),
        Entry::probe("recurses_in_its_memory", json!({"do": "recurse"}), trap("")),
        Entry::made("keeps_thousands_of_values_across_calls", keeps_values, trap("stack")),
    ]
}

/// Calls itself with values kept across the call, so that each frame is a large one.
fn keeps_values() -> Vec<u8> {
    const VALUES: usize = 4_000;
    let set: String = (1..=VALUES)
        .map(|n| format!("(local.set {n} (i64.mul (local.get 0) (i64.const {n})))\n"))
        .collect();
    let kept: String = (1..=VALUES)
        .map(|n| format!("(local.set 0 (i64.add (local.get 0) (local.get {n})))\n"))
        .collect();
    wasm::from_text(&format!(
        r#"(module
             (memory (export "memory") 1)
             (func $deeper (param i64) (result i64) (local {})
               {set}
               (drop (call $deeper (local.get 1)))
               {kept}
               (local.get 0))
             (func (export "_start") (drop (call $deeper (i64.const 1)))))"#,
        "i64 ".repeat(VALUES)
    ))
}

#[test]
fn guests_that_overflow_their_stack_trap_alone() {
    super::running::run(&entries());
}
