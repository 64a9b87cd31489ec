//! Components of absurd shape: thousands of this, nested that, types that double.

use std::fmt::Write as _;

use super::{Ends, Entry, ended};
use crate::harness::wasm;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::made("exports_20_000_functions", many_exports, Ends::Completed(ended())),
        Entry::made("imports_20_000_functions", many_imports, Ends::Refused("f0x")),
        Entry::made("nests_components", nested, Ends::Completed(ended())),
        Entry::made("instantiates_5_000_times", many_instances, Ends::Refused("instances")),
        Entry::made("has_types_that_double", doubling, Ends::Refused("effective type size")),
        Entry::made("has_types_that_nest", deep_type, Ends::Refused("nesting is too deep")),
        Entry::made("has_a_name_of_a_megabyte", long_name, Ends::Refused("string size")),
        Entry::made("has_a_record_of_10_000_fields", wide_record, Ends::Completed(ended())),
        Entry::made(
            "exports_run_of_another_type",
            other_run,
            Ends::Refused("run: func() -> result"),
        ),
        Entry::made("exports_describe_of_another_type", other_describe, Ends::Refused("describe")),
        Entry::made("carries_60_mb_of_nothing", ballast, Ends::Completed(ended())),
        Entry::made("streams_what_no_host_gives", streams, Ends::Refused("async")),
    ]
}

const RUN: &str = r#"
    (core module $main (func (export "run") (result i32) (i32.const 0)))
    (core instance $main (instantiate $main))
    (func $run (result (result)) (canon lift (core func $main "run")))
    (instance $cli (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $cli))"#;

/// A program with more around it.
fn program(before: &str, after: &str) -> Vec<u8> {
    wasm::from_text(&format!("(component {before} {RUN} {after})"))
}

fn repeated(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        writeln!(all, "{}", one(number)).expect("writing to a string does not fail");
        all
    })
}

fn many_exports() -> Vec<u8> {
    program("", &repeated(20_000, |n| format!("(export \"run-{n}x\" (func $run))")))
}

fn many_imports() -> Vec<u8> {
    let imports = repeated(20_000, |n| format!("(import \"f{n}x\" (func))"));
    program(&imports, "")
}

fn nested() -> Vec<u8> {
    let depth = 90;
    program(&format!("{}{}", "(component ".repeat(depth), ")".repeat(depth)), "")
}

fn many_instances() -> Vec<u8> {
    wasm::component_of_parts("(core module $part)", 5_000, "")
}

fn doubling() -> Vec<u8> {
    let types = repeated(40, |n| format!("(type $t{} (tuple $t{n} $t{n}))", n + 1));
    program(
        &format!("(type $t0 (tuple u8 u8)) {types} (import \"f\" (func (param \"p\" $t40)))"),
        "",
    )
}

fn deep_type() -> Vec<u8> {
    let types = repeated(500, |n| format!("(type $t{} (list $t{n}))", n + 1));
    program(&format!("(type $t0 (list u8)) {types} (import \"f\" (func (param \"p\" $t500)))"), "")
}

fn long_name() -> Vec<u8> {
    program(&format!("(import \"{}\" (func))", "n".repeat(1 << 20)), "")
}

fn wide_record() -> Vec<u8> {
    let fields = repeated(10_000, |n| format!("(field \"f{n}x\" u8)"));
    program(&format!("(type $wide (record {fields})) (export $w \"wide\" (type $wide))"), "")
}

fn other_run() -> Vec<u8> {
    wasm::from_text(
        r#"(component
            (core module $main (func (export "run") (param i32) (result i32) (i32.const 0)))
            (core instance $main (instantiate $main))
            (func $run (param "a" u32) (result u32) (canon lift (core func $main "run")))
            (instance $cli (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $cli)))"#,
    )
}

fn other_describe() -> Vec<u8> {
    wasm::from_text(
        r#"(component
            (core module $main
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
                (func (export "describe") (result i32) (i32.const 0))
                (func (export "run") (param i32 i32) (result i32) (i32.const 0)))
            (core instance $main (instantiate $main))
            (func (export "describe") (result u32) (canon lift (core func $main "describe")))
            (func (export "run") (param "input" string) (result (result string (error string)))
                (canon lift (core func $main "run") (memory (core memory $main "memory"))
                    (realloc (core func $main "realloc")))))"#,
    )
}

fn ballast() -> Vec<u8> {
    let data = "x".repeat(60 << 20);
    wasm::program(&data, "")
}

fn streams() -> Vec<u8> {
    program("(import \"f\" (func (param \"p\" (stream u8)) (result (future u8))))", "")
}

#[test]
fn components_of_absurd_shape_are_refused_or_run() {
    super::running::run(&entries());
}
