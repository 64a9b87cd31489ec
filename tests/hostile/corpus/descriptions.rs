//! Executors whose `describe` does what it should not, and whose schemas are traps for who reads them.

use serde_json::json;

use super::{Ends, Entry, text};
use crate::harness::wasm::Native;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::made(
            "describes_itself_for_ever",
            || Native { describe: "(loop br 0)", ..Native::default() }.build(),
            refused("fuel"),
        ),
        text!("descriptions", "waits_while_it_describes", refused("longer than its 5,000 ms")),
        Entry::made(
            "traps_at_its_description",
            || Native { describe: "unreachable", ..Native::default() }.build(),
            refused("unreachable"),
        ),
        Entry::made(
            "grows_while_it_describes",
            || {
                let describe = "(loop (drop (memory.grow (i32.const 1))) (br 0))";
                Native { describe, ..Native::default() }.build()
            },
            refused("memory"),
        ),
        Entry::made("describes_itself_with_a_megabyte", long_description, refused("longer")),
        Entry::made("has_a_schema_that_is_no_json", || schema("{"), refused("not JSON")),
        Entry::made("has_a_schema_that_is_no_schema", || schema("[1, 2]"), refused("JSON Schema")),
        Entry::made(
            "has_a_schema_without_end",
            || schema(&"[".repeat(200_000)),
            refused("not JSON"),
        ),
        Entry::made(
            "refers_to_itself",
            || schema(r##"{"$ref": "#"}"##),
            Ends::Completed(json!(null)),
        ),
        Entry::made(
            "refers_to_files",
            || schema(r#"{"$ref": "file:///etc/passwd"}"#),
            refused("Retrieval is disabled"),
        ),
        Entry::made("has_a_schema_that_doubles", doubling, refused("references followed")),
        Entry::made(
            "has_a_schema_that_doubles_with_its_input",
            recursive,
            Ends::Completed(json!(null)),
        )
        .given((0..60).fold(json!([]), |inner, _| json!([inner]))),
        Entry::made("has_a_pattern_that_backtracks", backtracks, refused("regex")),
        Entry::made("has_a_pattern_that_repeats", repeats, refused("regex")),
        Entry::made("answers_at_once", || Native::default().build(), Ends::Completed(json!(null))),
        Entry::made(
            "answers_outside_its_memory",
            || Native { run: "(i32.const -4)", ..Native::default() }.build(),
            super::trap("out of bounds"),
        ),
        Entry::made(
            "answers_with_a_bad_tag",
            || {
                Native {
                    run: "(i32.store8 (i32.const 32) (i32.const 9)) (i32.const 32)",
                    ..Native::default()
                }
                .build()
            },
            super::trap("discriminant"),
        ),
    ]
}

fn refused(reason: &'static str) -> Ends {
    Ends::Refused(reason)
}

fn schema(text: &str) -> Vec<u8> {
    Native { input_schema: text, ..Native::default() }.build()
}

fn long_description() -> Vec<u8> {
    Native { description: &"d".repeat(1 << 20), ..Native::default() }.build()
}

/// Each definition asks twice for the next: 2^40 steps for any input.
fn doubling() -> Vec<u8> {
    let mut definitions = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        definitions.insert(format!("d{n}"), json!({"allOf": [next, next]}));
    }
    definitions.insert("d40".to_owned(), json!({}));
    schema(&json!({"$ref": "#/$defs/d0", "$defs": definitions}).to_string())
}

/// Two ways down at each level of the input.
fn recursive() -> Vec<u8> {
    let down = json!({"items": {"$ref": "#/$defs/down"}});
    schema(&json!({"$ref": "#/$defs/down", "$defs": {"down": {"allOf": [down, down]}}}).to_string())
}

fn backtracks() -> Vec<u8> {
    schema(&json!({"pattern": "^(a+)+$(?=x)"}).to_string())
}

fn repeats() -> Vec<u8> {
    schema(&json!({"pattern": "((((a{1,100}){1,100}){1,100}){1,100}){1,100}"}).to_string())
}

#[test]
fn executors_that_describe_themselves_badly_are_refused() {
    super::running::run(&entries());
}
