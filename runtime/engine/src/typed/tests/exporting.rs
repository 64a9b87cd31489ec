//! What components export: names, kinds of functions, and bounds.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::components::{component, engine, from_text};
use crate::typed::exports;

/// The names of a component's functions, sorted, or why they can't be called.
fn names(engine: &Engine, component: &Component) -> Result<Vec<String>, String> {
    let mut names: Vec<_> =
        exports(engine, component)?.into_iter().map(|export| export.name).collect();
    names.sort_unstable();
    Ok(names)
}

/// Why a component of this text can't be called.
fn refusal(component: &str) -> String {
    let engine = engine();
    let component = from_text(&engine, component);
    exports(&engine, &component).err().expect("a refusal")
}

/// An instance of one function `run` without parameters, to export under several names.
const INTERFACE: &str = r#"
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $one (export "count" (func $f)) (export "record" (func $f)))
    (instance $two (export "count" (func $f)))"#;

fn exporting(exports: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let engine = engine();
    let exports: String =
        exports.iter().map(|(name, item)| format!("(export \"{name}\" ({item}))\n")).collect();
    let component = from_text(&engine, &format!("(component {INTERFACE} {exports})"));
    names(&engine, &component)
}

#[test]
fn a_function_in_an_interface_goes_by_its_short_name() {
    let names = exporting(&[("a:text/stats@1.2.0", "instance $one"), ("version", "func $f")]);
    assert_eq!(names.unwrap(), ["count", "record", "version"]);
}

#[test]
fn functions_of_one_name_are_qualified_as_far_as_needed() {
    let names = exporting(&[("a:text/stats", "instance $one"), ("a:text/words", "instance $two")]);
    assert_eq!(names.unwrap(), ["record", "stats.count", "words.count"]);

    let names = exporting(&[("a:text/stats", "instance $one"), ("b:text/stats", "instance $two")]);
    assert_eq!(names.unwrap(), ["a:text/stats.count", "b:text/stats.count", "record"]);

    let names = exporting(&[
        ("a:text/stats@1.0.0", "instance $one"),
        ("a:text/stats@2.0.0", "instance $two"),
    ]);
    assert_eq!(names.unwrap(), ["a:text/stats@1.0.0.count", "a:text/stats@2.0.0.count", "record"]);

    let names = exporting(&[("count", "func $f"), ("stats", "instance $two")]);
    assert_eq!(
        names.unwrap(),
        ["count", "stats.count"],
        "a function of the component keeps its name"
    );

    let names = exporting(&[
        ("count", "func $f"),
        ("stats", "instance $two"),
        ("a:text/stats@1.0.0", "instance $one"),
        ("a:text/stats@2.0.0", "instance $two"),
        ("a:text/words@2.0.0", "instance $two"),
    ]);
    let expected = [
        "a:text/stats@1.0.0.count",
        "a:text/stats@2.0.0.count",
        "count",
        "record",
        "stats.count",
        "words.count",
    ];
    assert_eq!(names.unwrap(), expected);
}

#[test]
fn wasi_interfaces_are_left_out_beside_a_components_own() {
    let names = exporting(&[("wasi:random/random@0.2.0", "instance $one"), ("own", "func $f")]);
    assert_eq!(names.unwrap(), ["own"]);
    let names = exporting(&[("wasi:random/random@0.2.0", "instance $one")]);
    assert_eq!(names.unwrap(), ["count", "record"]);
    let names = exporting(&[
        ("wasi:cli/run@0.2.3", "instance $two"),
        ("wasi:random/random@0.2.0", "instance $one"),
    ]);
    assert_eq!(names.unwrap(), [""; 0], "it is a program then");
}

#[test]
fn a_resource_is_refused_with_the_functions_name() {
    let engine = engine();
    let wit = "package test:files;
        interface files {
          resource file { size: func() -> u64; }
          open: func(name: string) -> result<list<file>, string>;
        }
        world w { export files; }";
    let module = r#"(module
        (import "[export]test:files/files" "[resource-new]file" (func (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "test:files/files#[method]file.size") (param i32) (result i64) unreachable)
        (func (export "test:files/files#open") (param i32 i32) (result i32) unreachable))"#;
    let component = component(&engine, &[wit], module);
    let why = exports(&engine, &component).err().unwrap();
    assert!(why.contains("resource") && why.contains("`test:files/files`"), "{why}");
    assert!(why.contains("`open`") || why.contains("`[method]file.size`"), "{why}");
}

/// A component that exports `f` with one parameter of the type `$t`.
fn taking(types: &str) -> String {
    format!(
        r#"(component
            {types}
            (core module $m
                (memory (export "memory") 1)
                (func (export "f") (param i32 i32) unreachable)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (func $f (param "x" (list $t)) (canon lift (core func $i "f")
                (memory (core memory $i "memory")) (realloc (core func $i "cabi_realloc"))))
            (export "f" (func $f)))"#
    )
}

#[test]
fn types_nested_too_deep_are_refused() {
    let nested = |levels: usize| {
        let mut types = String::from("(type $t0 (list u32))\n");
        for level in 1..levels {
            types.push_str(&format!("(type $t{level} (list $t{}))\n", level - 1));
        }
        types + &format!("(type $t (list $t{}))", levels - 1)
    };
    let engine = engine();
    let component = from_text(&engine, &taking(&nested(20)));
    assert_eq!(names(&engine, &component).unwrap(), ["f"]);
    let why = refusal(&taking(&nested(80)));
    assert_eq!(why, "its function `f` has a type nested more than 24 levels deep");
}

#[test]
fn types_that_share_others_without_end_are_refused() {
    let mut types = String::from("(type $t0 (tuple u32 u32))\n");
    for level in 1..16 {
        let below = level - 1;
        types.push_str(&format!("(type $t{level} (tuple $t{below} $t{below}))\n"));
    }
    types.push_str("(type $t (list $t15))");
    let why = refusal(&taking(&types));
    assert!(why.starts_with("its function `f` has types that are too large"), "{why}");
}

#[test]
fn types_with_too_many_parts_are_refused() {
    let names: Vec<String> = (0..1_001).map(|name| format!("\"n{name}\"")).collect();
    let why = refusal(&taking(&format!(
        "(type $e (enum {})) (export $t \"t\" (type $e))",
        names.join(" ")
    )));
    assert_eq!(why, "its function `f` has a type or parameters of more than 1000 parts");
}

#[test]
fn too_many_functions_are_refused() {
    let exports: Vec<(String, &str)> =
        (0..1_001).map(|name| (format!("f{name}"), "func $f")).collect();
    let exports: Vec<(&str, &str)> =
        exports.iter().map(|(name, item)| (name.as_str(), *item)).collect();
    assert_eq!(exporting(&exports[1..]).unwrap().len(), 1_000);
    assert_eq!(exporting(&exports).unwrap_err(), "it exports more than 1000 functions");
}
