//! The rules of the mapping, one by one.

use errand_core::{Case, Field, InputFault, Signature, TypeIndex, WitType};
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::echoing;
use crate::typed::{WriteError, check, input_schema, output_schema, read, write};

/// What is wrong with an input: pointers and messages.
fn faults(signature: &Signature, input: &Value) -> Vec<(String, String)> {
    let faults = check(signature, input).expect_err("faults");
    faults.into_iter().map(|InputFault { pointer, message }| (pointer, message)).collect()
}

/// The value that one argument is read as, if it is right.
fn argument(types: Vec<WitType>, json: Value) -> Option<Val> {
    read(&echoing(types), &json!({ "x": json })).ok()?.pop()
}

fn field(name: &str, ty: u32) -> Field {
    Field { name: name.into(), ty: TypeIndex(ty) }
}

#[test]
fn integers_keep_their_bounds_and_every_digit() {
    use WitType::{S8, S64, U8, U64};
    assert_eq!(argument(vec![U8], json!(255)), Some(Val::U8(255)));
    assert_eq!(argument(vec![U8], json!(256)), None);
    assert_eq!(argument(vec![U8], json!(-1)), None);
    assert_eq!(argument(vec![U8], json!("1")), None);
    assert_eq!(argument(vec![S8], json!(-128)), Some(Val::S8(-128)));
    // As JSON Schema has it, a number without a fraction is an integer however it is written.
    assert_eq!(argument(vec![S8], json!(7.0)), Some(Val::S8(7)));
    assert_eq!(argument(vec![S8], json!(7.5)), None);

    assert_eq!(argument(vec![U64], json!(u64::MAX)), Some(Val::U64(u64::MAX)));
    assert_eq!(argument(vec![U64], json!("18446744073709551615")), Some(Val::U64(u64::MAX)));
    assert_eq!(argument(vec![U64], json!("18446744073709551616")), None);
    assert_eq!(argument(vec![S64], json!("-9223372036854775808")), Some(Val::S64(i64::MIN)));
    assert_eq!(argument(vec![S64], json!("-9223372036854775809")), None);
    // A float that could have been another number is none.
    assert_eq!(argument(vec![U64], json!(9_007_199_254_740_994.0)), None);
    assert_eq!(argument(vec![U64], json!(1e30)), None);
    for wrong in ["", "-", "+1", " 1", "01", "1e3", "0x1", "1.0", "٣"] {
        assert_eq!(argument(vec![S64], json!(wrong)), None, "{wrong}");
    }
}

#[test]
fn floats_take_the_three_words_that_json_has_no_number_for() {
    use WitType::{F32, F64};
    assert_eq!(argument(vec![F64], json!(1)), Some(Val::Float64(1.0)));
    assert_eq!(argument(vec![F64], json!("Infinity")), Some(Val::Float64(f64::INFINITY)));
    assert_eq!(argument(vec![F64], json!("-Infinity")), Some(Val::Float64(f64::NEG_INFINITY)));
    assert_eq!(argument(vec![F32], json!("NaN")), Some(Val::Float32(f32::NAN)));
    assert_eq!(argument(vec![F32], json!(0.1)), Some(Val::Float32(0.1)));
    assert_eq!(argument(vec![F32], json!(1e300)), None);
    assert_eq!(argument(vec![F64], json!("1.5")), None);
    assert_eq!(argument(vec![F64], json!("nan")), None);
    let output = write(&echoing(vec![F32]), Some(Val::Float32(0.1)), 100);
    assert_eq!(output.unwrap().unwrap().to_string(), "0.1");
}

#[test]
fn a_char_is_one_scalar_value() {
    assert_eq!(argument(vec![WitType::Char], json!("é")), Some(Val::Char('é')));
    assert_eq!(argument(vec![WitType::Char], json!("👍")), Some(Val::Char('👍')));
    assert_eq!(argument(vec![WitType::Char], json!("")), None);
    assert_eq!(argument(vec![WitType::Char], json!("e\u{301}")), None);
    assert_eq!(argument(vec![WitType::Char], json!(101)), None);
}

#[test]
fn bytes_are_base64_with_padding() {
    let bytes = || vec![WitType::U8, WitType::List(TypeIndex(0))];
    let three = Val::List(vec![Val::U8(1), Val::U8(2), Val::U8(255)]);
    assert_eq!(argument(bytes(), json!("AQL/")), Some(three.clone()));
    assert_eq!(argument(bytes(), json!("")), Some(Val::List(Vec::new())));
    for wrong in [json!("AQ"), json!("AQL_"), json!("AQ==\n"), json!("AR=="), json!([1, 2])] {
        assert_eq!(argument(bytes(), wrong.clone()), None, "{wrong}");
    }
    assert_eq!(write(&echoing(bytes()), Some(three), 100).unwrap().unwrap(), json!("AQL/"));
    let schema = &input_schema(&echoing(bytes()))["properties"]["x"];
    assert_eq!(*schema, json!({ "type": "string", "contentEncoding": "base64" }));
}

#[test]
fn options_may_be_absent_or_null() {
    let types = vec![WitType::U8, WitType::Option(TypeIndex(0))];
    let signature = Signature::new(types, vec![field("n", 1), field("m", 1)], None).unwrap();
    let none = Val::Option(None);
    let some = Val::Option(Some(Box::new(Val::U8(1))));
    assert_eq!(read(&signature, &json!({ "m": 1 })).unwrap(), [none.clone(), some]);
    let both = [none.clone(), none];
    assert_eq!(read(&signature, &json!({ "n": null })).unwrap(), both);
    assert_eq!(read(&signature, &Value::Null).unwrap(), both, "no argument is needed");
    assert_eq!(input_schema(&signature)["type"], json!(["object", "null"]));
}

#[test]
fn an_option_of_an_option_keeps_its_three_states_apart() {
    let nested = || vec![WitType::U8, WitType::Option(TypeIndex(0)), WitType::Option(TypeIndex(1))];
    let some = |value| Val::Option(Some(Box::new(value)));
    let states = [
        (json!(null), Val::Option(None)),
        (json!({ "some": null }), some(Val::Option(None))),
        (json!({ "some": 5 }), some(some(Val::U8(5)))),
    ];
    for (json, value) in states {
        assert_eq!(argument(nested(), json.clone()).as_ref(), Some(&value));
        assert_eq!(write(&echoing(nested()), Some(value), 100).unwrap(), Ok(json));
    }
    assert_eq!(argument(nested(), json!(5)), None);
    let wrong = faults(&echoing(nested()), &json!({ "x": { "some": 256 } }));
    assert_eq!(wrong[0].0, "/x/some");
}

#[test]
fn variants_enums_flags_and_results_have_their_forms() {
    let variant = || {
        let circle = Case { name: "circle".into(), ty: Some(TypeIndex(0)) };
        let empty = Case { name: "empty".into(), ty: None };
        vec![WitType::U8, WitType::Variant(vec![circle, empty])]
    };
    let circle = Val::Variant("circle".into(), Some(Box::new(Val::U8(3))));
    assert_eq!(argument(variant(), json!({ "circle": 3 })), Some(circle));
    let empty = Val::Variant("empty".into(), None);
    assert_eq!(argument(variant(), json!({ "empty": null })), Some(empty.clone()));
    let written = write(&echoing(variant()), Some(empty), 100).unwrap();
    assert_eq!(written, Ok(json!({ "empty": null })));
    let wrong = |json: Value| faults(&echoing(variant()), &json!({ "x": json })).remove(0);
    assert_eq!(wrong(json!({ "circle": "3" })).0, "/x/circle");
    assert_eq!(wrong(json!({ "empty": 1 })).0, "/x/empty");
    let (pointer, message) = wrong(json!({ "square": 1 }));
    assert_eq!(pointer, "/x/square");
    assert_eq!(message, "is not a case; there are `circle`, `empty`");
    assert_eq!(wrong(json!({})).0, "/x");
    assert_eq!(wrong(json!({ "circle": 3, "empty": null })).0, "/x");
    assert_eq!(wrong(json!("empty")).0, "/x");

    let names = || vec!["red".to_owned(), "green".to_owned()];
    let color = || vec![WitType::Enum(names())];
    assert_eq!(argument(color(), json!("red")), Some(Val::Enum("red".into())));
    assert_eq!(argument(color(), json!("blue")), None);
    let lights = || vec![WitType::Flags(names())];
    let green = Val::Flags(vec!["green".into()]);
    assert_eq!(argument(lights(), json!(["green"])), Some(green));
    assert_eq!(argument(lights(), json!([])), Some(Val::Flags(Vec::new())));
    let wrong = faults(&echoing(lights()), &json!({ "x": ["red", "blue", "red", 1] }));
    let pointers: Vec<_> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/x/1", "/x/2", "/x/3"]);

    let result = || vec![WitType::U8, WitType::Result { ok: Some(TypeIndex(0)), err: None }];
    let ok = Val::Result(Ok(Some(Box::new(Val::U8(1)))));
    assert_eq!(argument(result(), json!({ "ok": 1 })), Some(ok));
    assert_eq!(argument(result(), json!({ "err": null })), Some(Val::Result(Err(None))));
    assert_eq!(argument(result(), json!({ "err": "x" })), None);
    assert_eq!(argument(result(), json!(1)), None);
}

#[test]
fn a_functions_own_result_is_taken_apart() {
    let types = vec![
        WitType::U8,
        WitType::String,
        WitType::Result { ok: Some(TypeIndex(0)), err: Some(TypeIndex(1)) },
    ];
    let signature = Signature::new(types, Vec::new(), Some(TypeIndex(2))).unwrap();
    assert_eq!(output_schema(&signature)["type"], "integer");
    let ok = Val::Result(Ok(Some(Box::new(Val::U8(7)))));
    assert_eq!(write(&signature, Some(ok), 100).unwrap(), Ok(json!(7)));
    let err = Val::Result(Err(Some(Box::new(Val::String("no".into())))));
    assert_eq!(write(&signature, Some(err), 100).unwrap(), Err(Some(json!("no"))));
    let nothing = Signature::new(Vec::new(), Vec::new(), None).unwrap();
    assert_eq!(write(&nothing, None, 0).unwrap(), Ok(Value::Null));
    assert_eq!(output_schema(&nothing), json!({ "type": "null" }));
}

#[test]
fn every_fault_is_told_with_its_pointer() {
    let types = vec![
        WitType::U8,
        WitType::Record(vec![field("a", 0), field("b-c", 0)]),
        WitType::List(TypeIndex(1)),
        WitType::Tuple(vec![TypeIndex(0), TypeIndex(0)]),
    ];
    let signature = Signature::new(types, vec![field("list", 2), field("pair", 3)], None).unwrap();
    let input = json!({
        "list": [{ "a": 1, "b-c": 2 }, { "a": "one", "d/e~": 3 }, 4],
        "pair": [1, 256],
        "other": 1,
    });
    let expected = [
        ("/list/1/a", "must be a whole number from 0 to 255"),
        ("/list/1/b-c", "is missing"),
        ("/list/1/d~1e~0", "is not a known field"),
        ("/list/2", "must be an object"),
        ("/pair/1", "must be a whole number from 0 to 255"),
        ("/other", "is not a known field"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(at, why)| ((*at).to_owned(), (*why).to_owned())).collect();
    assert_eq!(faults(&signature, &input), expected);
    assert_eq!(faults(&signature, &json!({ "list": [], "pair": [1] }))[0].0, "/pair");
    assert_eq!(faults(&signature, &json!([]))[0].0, "");
    assert_eq!(faults(&signature, &Value::Null)[0].0, "");
    let missing: Vec<_> = faults(&signature, &json!({})).into_iter().map(|(at, _)| at).collect();
    assert_eq!(missing, ["/list", "/pair"]);
}

#[test]
fn no_more_than_a_hundred_faults_are_told() {
    let signature =
        echoing(vec![WitType::U8, WitType::Option(TypeIndex(0)), WitType::List(TypeIndex(1))]);
    let wrong = vec!["x"; 10_000];
    assert_eq!(faults(&signature, &json!({ "x": wrong })).len(), 100);
}

#[test]
fn a_short_input_can_not_ask_for_much_memory() {
    let options = (0..1_000).map(|place| field(&format!("n{place}"), 1)).collect();
    let types = vec![
        WitType::U8,
        WitType::Option(TypeIndex(0)),
        WitType::Record(options),
        WitType::List(TypeIndex(2)),
    ];
    let signature = echoing(types);
    let objects = vec![json!({}); 100];
    assert!(check(&signature, &json!({ "x": objects })).is_ok());
    let objects = vec![json!({}); 100_000];
    let wrong = faults(&signature, &json!({ "x": objects }));
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].1, "holds more values than the 64 MiB that one call may take");
}

#[test]
fn deep_json_is_no_deeper_than_the_type() {
    let mut deep = json!(1);
    for _ in 0..100_000 {
        deep = Value::Array(vec![deep]);
    }
    let signature =
        echoing(vec![WitType::U8, WitType::List(TypeIndex(0)), WitType::List(TypeIndex(1))]);
    let input = Value::Object([("x".to_owned(), Value::Array(vec![deep]))].into_iter().collect());
    assert_eq!(faults(&signature, &input)[0].0, "/x/0");
    // Values of `serde_json` are dropped one inside the other.
    std::mem::forget(input);
}

#[test]
fn output_is_counted_while_it_is_written() {
    let list = || vec![WitType::String, WitType::List(TypeIndex(0))];
    let texts = || Val::List(vec![Val::String("0123456789".into()); 10]);
    assert!(write(&echoing(list()), Some(texts()), 200).is_ok());
    assert_eq!(write(&echoing(list()), Some(texts()), 100), Err(WriteError::TooLarge));
    let wrong = write(&echoing(list()), Some(Val::U8(1)), 100);
    assert_eq!(wrong, Err(WriteError::OtherType));
}
