//! What holds for every type and every value.

use errand_core::{Signature, WitType};
use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::strategies::{Tree, signature, trees, values};
use crate::typed::write::write_value;
use crate::typed::{check, input_schema, output_schema, read, write};

fn typed_values() -> impl Strategy<Value = (Tree, Val)> {
    trees().prop_flat_map(|tree| {
        let values = values(&tree);
        (Just(tree), values)
    })
}

/// The JSON that says a value as an argument.
fn input(signature: &Signature, value: Val) -> Value {
    json!({ "x": write_value(signature, signature.params()[0].ty, value) })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_written_as_json_is_read_as_the_same_value((tree, value) in typed_values()) {
        let signature = signature(&tree);
        let input = input(&signature, value.clone());
        prop_assert_eq!(read(&signature, &input), Ok(vec![value]));
        // Also as text: numbers keep every bit.
        let text: Value = serde_json::from_str(&input.to_string()).unwrap();
        prop_assert_eq!(text, input);
    }

    #[test]
    fn what_is_written_fits_both_schemas((tree, value) in typed_values()) {
        let signature = signature(&tree);
        let taken = jsonschema::validator_for(&input_schema(&signature)).unwrap();
        let input = input(&signature, value.clone());
        prop_assert!(taken.is_valid(&input), "{} for {}", input, input_schema(&signature));
        let given = jsonschema::validator_for(&output_schema(&signature)).unwrap();
        if let Ok(output) = write(&signature, Some(value), u64::MAX).unwrap() {
            prop_assert!(given.is_valid(&output), "{} for {}", output, output_schema(&signature));
        }
    }

    /// One part of a right input is replaced by something else. Either that is still right, and then
    /// fits the schema, or the faults point into the input, at the replaced part or around it.
    #[test]
    fn what_is_wrong_is_pointed_at(
        (tree, value) in typed_values(),
        part in any::<proptest::sample::Index>(),
        other in other_values(),
    ) {
        let signature = signature(&tree);
        let mut input = input(&signature, value);
        let mut pointers = Vec::new();
        all_pointers(&input, String::new(), &mut pointers);
        let changed = part.get(&pointers).clone();
        *input.pointer_mut(&changed).unwrap() = other;
        match check(&signature, &input) {
            Ok(()) => {
                let schema = jsonschema::validator_for(&input_schema(&signature)).unwrap();
                prop_assert!(schema.is_valid(&input), "{}", input);
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                for fault in faults {
                    let related = fault.pointer.starts_with(&changed)
                        || changed.starts_with(&fault.pointer);
                    prop_assert!(related, "{:?} for a change at {:?}", fault, changed);
                    let (above, _) = fault.pointer.rsplit_once('/').unwrap_or_default();
                    let found = input.pointer(&fault.pointer).or_else(|| input.pointer(above));
                    prop_assert!(found.is_some(), "{:?} in {}", fault, input);
                }
            }
        }
    }

    #[test]
    fn no_input_is_a_panic(tree in trees(), input in other_values(), value in other_values()) {
        let signature = signature(&tree);
        let _ = check(&signature, &input);
        let _ = check(&signature, &json!({ "x": value, "y": input }));
    }

    #[test]
    fn a_signature_survives_being_stored(tree in trees()) {
        let signature = signature(&tree);
        let stored = serde_json::to_vec(&signature).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Signature>(&stored).unwrap(), signature);
    }

    #[test]
    fn a_float_of_32_bits_is_written_short_and_read_exact(bits in any::<u32>()) {
        let float = f32::from_bits(bits);
        let signature = super::echoing(vec![WitType::F32]);
        let input = input(&signature, Val::Float32(float));
        prop_assert_eq!(read(&signature, &input), Ok(vec![Val::Float32(float)]));
    }
}

/// JSON of every form, much of it near to what some type takes.
fn other_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-300..300_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-300..300_i32).prop_map(|whole| Value::from(f64::from(whole))),
        any::<String>().prop_map(Value::from),
        "[0-9]{1,21}|-[0-9]{1,20}|[A-Za-z0-9+/]{4}|[A-Za-z0-9]{2}=?=?".prop_map(Value::from),
        (0..12_usize).prop_map(|place| Value::from(super::strategies::name(place))),
        proptest::sample::select(vec!["NaN", "Infinity", "-Infinity"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let members = (0..12_usize).prop_map(super::strategies::name);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(members, inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn all_pointers(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                all_pointers(item, format!("{at}/{index}"), pointers);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                all_pointers(member, format!("{at}/{name}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(at);
}
