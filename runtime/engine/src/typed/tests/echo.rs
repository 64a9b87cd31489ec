//! Any type and value, through wasmtime and a guest that hands back what it is given.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

use super::components::{component, engine, wit};
use super::strategies::{signature, trees, values};
use crate::typed::write::write_value;
use crate::typed::{exports, read, write};

/// So many numbers beside a value make its function take all of it in memory, where its result is laid
/// out alike: the guest returns the pointer that it was given.
const PADDING: usize = 17;

const GUEST: &str = r#"(module
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 16))
    (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and
            (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
            (i32.sub (i32.const 0) (local.get $align))))
        (global.set $next (i32.add (local.get $at) (local.get $size)))
        (block $enough (loop $grow
            (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
            (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
            unreachable))
        (local.get $at))
    (func (export "test:echo/api#echo") (param i32) (result i32) (local.get 0)))"#;

#[test]
fn any_value_of_any_type_comes_back_from_a_real_component() {
    let engine = engine();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() };
    let strategy = trees().prop_flat_map(|tree| {
        let values = proptest::collection::vec(values(&tree), 6);
        (Just(tree), values)
    });
    TestRunner::new(config)
        .run(&strategy, |(tree, values)| {
            let mut named = String::new();
            let ty = wit(&tree, &mut named, &mut 0);
            let padding: String = (0..PADDING).fold(String::new(), |mut text, place| {
                write!(text, ", p{place}: u32").unwrap();
                text
            });
            let text = format!(
                "package test:echo;
                 interface api {{
                   {named}
                   record padded {{ v: {ty}{padding} }}
                   echo: func(x: padded) -> padded;
                 }}
                 world echoing {{ export api; }}"
            );
            let component = component(&engine, &[&text], GUEST);
            let exports = exports(&engine, &component).map_err(TestCaseError::fail)?;
            prop_assert_eq!(&exports[0].name, "echo");
            let echo = &exports[0].signature;
            let linked = Linker::<()>::new(&engine).instantiate_pre(&component).unwrap();
            let known = signature(&tree);
            for value in values {
                let expected = write_value(&known, known.params()[0].ty, value.clone());
                let mut padded = Map::from_iter([("v".to_owned(), expected.clone())]);
                padded.extend((0..PADDING).map(|place| (format!("p{place}"), json!(place))));
                let input = json!({ "x": padded });
                let arguments = read(echo, &input)
                    .map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
                let mut store = Store::new(&engine, ());
                store.set_fuel(u64::MAX).unwrap();
                store.set_epoch_deadline(u64::MAX >> 1);
                let instance = linked.instantiate(&mut store).unwrap();
                let function = instance.get_func(&mut store, exports[0].index).unwrap();
                let mut results = [Val::Bool(false)];
                function.call(&mut store, &arguments, &mut results).unwrap();
                let [result] = results;
                let output = write(echo, Some(result), u64::MAX).unwrap().unwrap();
                prop_assert_eq!(&output, &Value::Object(padded));
            }
            Ok(())
        })
        .unwrap();
}
