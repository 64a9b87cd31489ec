//! What a function takes and gives, as JSON Schema (2020-12).

use errand_core::{Case, Field, Signature, TypeIndex, WitType};
use serde_json::{Map, Value, json};

use super::{INFINITY, NAN, NEGATIVE_INFINITY, SOME};

/// The schema of a function's input: an object of its parameters by name.
pub fn input_schema(signature: &Signature) -> Value {
    let schemas = Schemas { signature, direction: Direction::Input };
    let mut schema = schemas.object(signature.params());
    if schema.get("required").is_none() {
        schema["type"] = json!(["object", "null"]);
    }
    schema
}

/// The schema of what a function gives: of the `ok` side where it gives a `result`.
pub fn output_schema(signature: &Signature) -> Value {
    let schemas = Schemas { signature, direction: Direction::Output };
    match (signature.fallible(), signature.result()) {
        (Some((ok, _)), _) => schemas.payload(ok),
        (None, result) => schemas.payload(result),
    }
}

/// What is taken is wider than what is given: options may be left out, large numbers be strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Input,
    Output,
}

struct Schemas<'a> {
    signature: &'a Signature,
    direction: Direction,
}

impl Schemas<'_> {
    fn of(&self, index: TypeIndex) -> Value {
        let signature = self.signature;
        match signature.get(index) {
            WitType::Bool => json!({ "type": "boolean" }),
            WitType::S8 => integer(i8::MIN, i8::MAX),
            WitType::U8 => integer(u8::MIN, u8::MAX),
            WitType::S16 => integer(i16::MIN, i16::MAX),
            WitType::U16 => integer(u16::MIN, u16::MAX),
            WitType::S32 => integer(i32::MIN, i32::MAX),
            WitType::U32 => integer(u32::MIN, u32::MAX),
            WitType::S64 => self.long(integer(i64::MIN, i64::MAX), "^-?(0|[1-9][0-9]{0,18})$"),
            WitType::U64 => self.long(integer(u64::MIN, u64::MAX), "^(0|[1-9][0-9]{0,19})$"),
            WitType::F32 => float(json!({
                "type": "number", "minimum": f64::from(f32::MIN), "maximum": f64::from(f32::MAX),
            })),
            WitType::F64 => float(json!({ "type": "number" })),
            WitType::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            WitType::String => json!({ "type": "string" }),
            WitType::List(item) if *signature.get(*item) == WitType::U8 => {
                json!({ "type": "string", "contentEncoding": "base64" })
            }
            WitType::List(item) => json!({ "type": "array", "items": self.of(*item) }),
            WitType::Option(some) => {
                let value = match signature.get(*some) {
                    WitType::Option(_) => single(SOME, self.of(*some)),
                    _ => self.of(*some),
                };
                json!({ "anyOf": [value, { "type": "null" }] })
            }
            WitType::Record(fields) => self.object(fields),
            WitType::Tuple(members) => {
                let members: Vec<Value> = members.iter().map(|&member| self.of(member)).collect();
                json!({
                    "type": "array", "minItems": members.len(), "items": false,
                    "prefixItems": members,
                })
            }
            WitType::Variant(cases) => {
                one_of(cases.iter().map(|Case { name, ty }| (name.as_str(), self.payload(*ty))))
            }
            WitType::Enum(names) => json!({ "type": "string", "enum": names }),
            WitType::Flags(names) => json!({
                "type": "array", "uniqueItems": true,
                "items": { "type": "string", "enum": names },
            }),
            WitType::Result { ok, err } => {
                one_of([("ok", self.payload(*ok)), ("err", self.payload(*err))].into_iter())
            }
        }
    }

    fn payload(&self, ty: Option<TypeIndex>) -> Value {
        ty.map_or_else(|| json!({ "type": "null" }), |ty| self.of(ty))
    }

    fn object(&self, fields: &[Field]) -> Value {
        let is_required = |field: &&Field| {
            self.direction == Direction::Output
                || !matches!(self.signature.get(field.ty), WitType::Option(_))
        };
        let required: Vec<&str> =
            fields.iter().filter(is_required).map(|field| field.name.as_str()).collect();
        let properties: Map<String, Value> =
            fields.iter().map(|field| (field.name.clone(), self.of(field.ty))).collect();
        let mut schema = json!({
            "type": "object", "properties": properties, "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    fn long(&self, mut schema: Value, pattern: &str) -> Value {
        if self.direction == Direction::Input {
            schema["type"] = json!(["integer", "string"]);
            schema["pattern"] = json!(pattern);
        }
        schema
    }
}

fn integer<T: Into<Value>>(least: T, most: T) -> Value {
    json!({ "type": "integer", "minimum": least.into(), "maximum": most.into() })
}

fn float(number: Value) -> Value {
    json!({ "anyOf": [number, { "enum": [NAN, INFINITY, NEGATIVE_INFINITY] }] })
}

fn one_of<'a>(cases: impl Iterator<Item = (&'a str, Value)>) -> Value {
    json!({ "oneOf": cases.map(|(name, value)| single(name, value)).collect::<Vec<_>>() })
}

fn single(name: &str, value: Value) -> Value {
    json!({
        "type": "object", "properties": { name: value }, "required": [name],
        "additionalProperties": false,
    })
}
