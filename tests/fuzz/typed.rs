//! JSON for typed functions: any types of WIT, with any JSON for them.
//!
//! An input is two lines, the signature of a function and what it is called with. Nothing may panic; what
//! is accepted must fit its schema and come back as it went; what is refused must be refused at a place
//! that is there, or for a member that is missing.

use errand_core::{Case, Field, InputFault, Signature, TypeIndex, WitType};
use errand_engine::typed;
use serde_json::{Map, Value, json};

use super::Target;
use super::finding::Finding;
use super::random::Random;

/// Types of one signature, before those that they refer to twice are counted twice.
const MOST_TYPES: usize = 12;
/// Inputs that are kept to be changed.
const MOST_KEPT: usize = 2_000;
/// What JSON can say of a number, a text or anything, and seldom does.
const ODD: &[&str] = &[
    "null",
    "true",
    "-0",
    "0.0",
    "-0.0",
    "1e400",
    "-1e400",
    "1e-400",
    "1.5",
    "255",
    "256",
    "-129",
    "65536",
    "4294967296",
    "-2147483649",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e19",
    "1E+2",
    "0.1",
    "5e-324",
    "1.7976931348623157e308",
    "\"18446744073709551615\"",
    "\"-1\"",
    "\"+1\"",
    "\" 1\"",
    "\"0x10\"",
    "\"NaN\"",
    "\"nan\"",
    "\"Infinity\"",
    "\"-Infinity\"",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"e\\u0301\"",
    "\"AAEC\"",
    "\"AAE\"",
    "\"AA==\"",
    "\"AA=\"",
    "\"A A=\"",
    "\"_-8=\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "{\"some\": null}",
    "{\"some\": 1}",
    "{\"ok\": null}",
    "{\"err\": null}",
    "{\"ok\": 1, \"err\": 1}",
    "{\"a\": 1, \"a\": 2}",
    "{\"\": null}",
    "{\"a/b~c\": 1}",
];

/// The target.
#[derive(Default)]
pub(crate) struct Typed {
    kept: Vec<Vec<u8>>,
}

impl Target for Typed {
    fn name(&self) -> &'static str {
        "typed"
    }

    fn input(&mut self, random: &mut Random) -> Vec<u8> {
        if !self.kept.is_empty() && random.one_in(3) {
            let of = random.pick(&self.kept).clone();
            return edited(of, random);
        }
        let signature = signature(random);
        let given: Map<String, Value> = signature
            .params()
            .iter()
            .map(|param| (param.name.clone(), value(&signature, param.ty, random, 0)))
            .collect();
        let text = serde_json::to_string(&signature).expect("a signature is JSON");
        let text = format!("{text}\n{}", Value::Object(given));
        match random.below(3) {
            0 => edited(text.into_bytes(), random),
            _ => text.into_bytes(),
        }
    }

    fn attempt(&mut self, input: &[u8]) -> Result<String, Finding> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            return Ok("without an input".to_owned());
        };
        let signature: Signature = match serde_json::from_slice(&input[..end]) {
            Ok(signature) => signature,
            Err(error) => return Ok(format!("no signature: {error}")),
        };
        let given: Value = match serde_json::from_slice(&input[end + 1..]) {
            Ok(given) => given,
            Err(error) => return Ok(format!("no JSON: {error}")),
        };
        let schema = typed::input_schema(&signature);
        let output = typed::output_schema(&signature);
        let arguments = match (typed::read(&signature, &given), typed::check(&signature, &given)) {
            (Ok(arguments), Ok(())) => arguments,
            (Err(faults), Err(_)) => return refused(&faults, &given),
            (read, _) => {
                return Err(Finding(format!("read {} it, check does not", told(read.is_ok()))));
            }
        };
        fits(&schema, &given, "what is accepted does not fit the input's schema")?;
        let Some(result) = signature.result() else { return Ok("accepted".to_owned()) };
        // The parameter whose type the result has comes back.
        let params = signature.params();
        let Some(index) = params.iter().position(|param| param.ty == result) else {
            return Ok("accepted".to_owned());
        };
        let Some(argument) = arguments.into_iter().nth(index) else {
            return Err(Finding("there are fewer arguments than parameters".to_owned()));
        };
        let Ok(returned) = typed::write(&signature, Some(argument), u64::MAX) else {
            return Err(Finding("what was read can't be written".to_owned()));
        };
        if let Ok(value) = &returned {
            fits(&output, value, "what is written does not fit the output's schema")?;
        }
        let again = match (signature.fallible().is_some(), &returned) {
            (false, Ok(value)) => value.clone(),
            (true, Ok(value)) => json!({ "ok": value }),
            (true, Err(payload)) => json!({ "err": payload }),
            (false, Err(_)) => return Err(Finding("what can't fail failed".to_owned())),
        };
        let mut given = given;
        given[&params[index].name] = again;
        let Ok(arguments) = typed::read(&signature, &given) else {
            return Err(Finding(format!("what was written is not accepted: {given}")));
        };
        match typed::write(&signature, arguments.into_iter().nth(index), u64::MAX) {
            Ok(twice) if twice == returned => Ok("accepted, and comes back".to_owned()),
            other => Err(Finding(format!("it comes back as {other:?}, not as {returned:?}"))),
        }
    }

    fn keep(&mut self, input: Vec<u8>) {
        if self.kept.len() < MOST_KEPT {
            self.kept.push(input);
        }
    }
}

fn told(accepted: bool) -> &'static str {
    if accepted { "accepts" } else { "refuses" }
}

fn fits(schema: &Value, value: &Value, what: &str) -> Result<(), Finding> {
    let validator = jsonschema::options().offline().build(schema);
    let validator = validator.map_err(|error| Finding(format!("a schema is none: {error}")))?;
    match validator.validate(value) {
        Ok(()) => Ok(()),
        Err(error) => Err(Finding(format!("{what}: {error}"))),
    }
}

/// Checks that each fault names a place.
fn refused(faults: &[InputFault], given: &Value) -> Result<String, Finding> {
    let Some(first) = faults.first() else {
        return Err(Finding("it is refused without a reason".to_owned()));
    };
    for fault in faults {
        let missing = || {
            let (parent, name) = fault.pointer.rsplit_once('/')?;
            let name = name.replace("~1", "/").replace("~0", "~");
            let parent = given.pointer(parent)?.as_object()?;
            (!parent.contains_key(&name)).then_some(())
        };
        if given.pointer(&fault.pointer).is_none() && missing().is_none() {
            return Err(Finding(format!("{:?} is no place in {given}", fault.pointer)));
        }
        if fault.message.is_empty() {
            return Err(Finding(format!("nothing is said of {:?}", fault.pointer)));
        }
    }
    Ok(format!("refused: {}", first.message))
}

/// A function of random types.
fn signature(random: &mut Random) -> Signature {
    let mut types = Vec::new();
    for _ in 0..=random.below(MOST_TYPES) {
        let ty = wit_type(types.len(), random);
        types.push(ty);
    }
    let last = index(types.len() - 1);
    let mut params = vec![Field { name: "x".into(), ty: last }];
    for number in 0..random.below(3) {
        params.push(Field { name: format!("p{number}"), ty: index(random.below(types.len())) });
    }
    let result = (!random.one_in(8)).then_some(last);
    Signature::new(types, params, result).expect("it refers backwards, and is not deep")
}

fn index(place: usize) -> TypeIndex {
    TypeIndex(u32::try_from(place).expect("there are few"))
}

/// A type that refers to earlier ones.
fn wit_type(before: usize, random: &mut Random) -> WitType {
    use WitType as T;
    const PLAIN: &[WitType] = &[
        T::Bool,
        T::S8,
        T::U8,
        T::S16,
        T::U16,
        T::S32,
        T::U32,
        T::S64,
        T::U64,
        T::F32,
        T::F64,
        T::Char,
        T::String,
    ];
    if before == 0 || random.one_in(3) {
        return random.pick(PLAIN).clone();
    }
    // The nearer ones more often, so that types nest.
    let part =
        |random: &mut Random| index(before - 1 - random.below(before).min(random.below(before)));
    let maybe = |random: &mut Random| (!random.one_in(4)).then(|| part(random));
    let names = |random: &mut Random| -> Vec<String> {
        let count = if random.one_in(10) { 40 } else { 1 + random.below(4) };
        (0..count).map(|number| format!("n{number}")).collect()
    };
    match random.below(8) {
        0 => T::List(part(random)),
        1 => T::Option(part(random)),
        2 => {
            let names = names(random);
            T::Record(names.into_iter().map(|name| Field { name, ty: part(random) }).collect())
        }
        3 => T::Tuple((0..=random.below(3)).map(|_| part(random)).collect()),
        4 => {
            let names = names(random);
            T::Variant(names.into_iter().map(|name| Case { name, ty: maybe(random) }).collect())
        }
        5 => T::Enum(names(random)),
        6 => T::Flags(names(random)),
        _ => T::Result { ok: maybe(random), err: maybe(random) },
    }
}

/// JSON for a type, mostly such as it takes.
fn value(signature: &Signature, ty: TypeIndex, random: &mut Random, depth: usize) -> Value {
    if random.one_in(40) {
        return odd(random);
    }
    let within = |bits: u32, random: &mut Random| random.number() >> (64 - bits);
    let signed = |bits: u32, random: &mut Random| (random.number() as i64) >> (64 - bits);
    let below = |part: TypeIndex, random: &mut Random| value(signature, part, random, depth + 1);
    match signature.get(ty) {
        WitType::Bool => json!(random.one_in(2)),
        WitType::S8 => json!(signed(8, random)),
        WitType::U8 => json!(within(8, random)),
        WitType::S16 => json!(signed(16, random)),
        WitType::U16 => json!(within(16, random)),
        WitType::S32 => json!(signed(32, random)),
        WitType::U32 => json!(within(32, random)),
        WitType::S64 if random.one_in(2) => json!(signed(64, random).to_string()),
        WitType::S64 => json!(signed(64, random)),
        WitType::U64 if random.one_in(2) => json!(random.number().to_string()),
        WitType::U64 => json!(random.number()),
        WitType::F32 => float(f64::from(f32::from_bits(random.number() as u32))),
        WitType::F64 => float(f64::from_bits(random.number())),
        WitType::Char => json!(char(random).to_string()),
        WitType::String => json!((0..random.below(6)).map(|_| char(random)).collect::<String>()),
        WitType::List(part) if *signature.get(*part) == WitType::U8 => {
            json!(*random.pick(&["", "AA==", "AAE=", "AAEC", "/+8=", "AAECAwQFBgcICQ=="]))
        }
        WitType::List(part) => {
            let most = if depth > 6 { 2 } else { 5 };
            (0..random.below(most)).map(|_| below(*part, random)).collect()
        }
        WitType::Option(_) if random.one_in(3) => Value::Null,
        WitType::Option(part) => match signature.get(*part) {
            WitType::Option(_) => json!({"some": below(*part, random)}),
            _ => below(*part, random),
        },
        WitType::Record(fields) => {
            let mut object = Map::new();
            for field in fields {
                if !random.one_in(30) {
                    object.insert(field.name.clone(), below(field.ty, random));
                }
            }
            if random.one_in(30) {
                object.insert("more".to_owned(), json!(1));
            }
            Value::Object(object)
        }
        WitType::Tuple(parts) => parts.iter().map(|part| below(*part, random)).collect(),
        WitType::Variant(cases) => {
            let case = random.pick(cases);
            let payload = case.ty.map_or(Value::Null, |ty| below(ty, random));
            json!({ &case.name: payload })
        }
        WitType::Enum(names) => json!(random.pick(names)),
        WitType::Flags(names) => {
            names.iter().filter(|_| random.one_in(2)).map(|name| json!(name)).collect()
        }
        WitType::Result { ok, err } => {
            let (name, ty) = if random.one_in(2) { ("ok", ok) } else { ("err", err) };
            json!({ name: ty.map_or(Value::Null, |ty| below(ty, random)) })
        }
    }
}

fn odd(random: &mut Random) -> Value {
    let text = random.pick(ODD);
    // Not all of them are JSON that a reader takes; as a text they are.
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn float(number: f64) -> Value {
    match number {
        number if number.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        number => json!(number),
    }
}

fn char(random: &mut Random) -> char {
    let below = *random.pick(&[0x80, 0x800, 0x1_0000, 0x11_0000]);
    char::from_u32(random.below(below) as u32).unwrap_or('\u{fffd}')
}

/// Changes the text: a piece of it for something odd, or a byte. The signature more seldom, since most
/// changes make it none.
fn edited(mut text: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let whole = random.one_in(8);
    for _ in 0..=random.below(3) {
        let line = text.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let from = if whole { 0 } else { line };
        let at = (from + random.below(text.len().saturating_sub(from))).min(text.len());
        match random.below(5) {
            0 if at < text.len() => text[at] = random.number() as u8,
            1 if at < text.len() => drop(text.remove(at)),
            2 => text.insert(at, *random.pick(b"{}[]\",:0-9.eE\\un\n")),
            _ => {
                // From here to the end of what looks like one value.
                let end = text[at..].iter().position(|byte| b",}]".contains(byte));
                let end = end.map_or(text.len(), |end| at + end);
                let start = text[..at].iter().rposition(|byte| b":[,".contains(byte));
                let start = start.map_or(at, |start| start + 1);
                text.splice(start..end, random.pick(ODD).bytes());
            }
        }
    }
    text
}
