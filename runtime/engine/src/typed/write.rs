//! From what a function returned to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use errand_core::{Case, Field, Signature, TypeIndex, WitType};
use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::{INFINITY, NAN, NEGATIVE_INFINITY, SOME};

/// What a function returned: its value, or the payload of the error that it gave instead.
pub type Returned = Result<Value, Option<Value>>;

/// Why a result can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Its JSON is larger than it may be.
    #[error("is larger as JSON than it may be")]
    TooLarge,
    /// It is not of the type that the signature names.
    #[error("is not of the function's type")]
    OtherType,
}

/// Writes what a function returned, as JSON of so many bytes at most.
///
/// A function without a result returns `null`. A `result` is taken apart: its `ok` is what the function
/// returned, its `err` is how it failed.
///
/// # Errors
/// [`WriteError::TooLarge`] beyond the limit, [`WriteError::OtherType`] for a value that no function of
/// this signature returns.
pub fn write(
    signature: &Signature,
    result: Option<Val>,
    limit_bytes: u64,
) -> Result<Returned, WriteError> {
    let mut writer = Writer { signature, left_bytes: limit_bytes };
    match (signature.result(), result) {
        (None, None) => Ok(Ok(Value::Null)),
        (Some(ty), Some(value)) => match (signature.fallible(), value) {
            (Some((ok, _)), Val::Result(Ok(value))) => {
                Ok(Ok(writer.payload(ok, value)?.unwrap_or(Value::Null)))
            }
            (Some((_, err)), Val::Result(Err(value))) => Ok(Err(writer.payload(err, value)?)),
            (_, value) => Ok(Ok(writer.value(ty, value)?)),
        },
        _ => Err(WriteError::OtherType),
    }
}

/// Writes one value of a type, without a limit.
#[cfg(test)]
pub(super) fn write_value(signature: &Signature, ty: TypeIndex, value: Val) -> Value {
    Writer { signature, left_bytes: u64::MAX }.value(ty, value).expect("a value of its type")
}

struct Writer<'a> {
    signature: &'a Signature,
    left_bytes: u64,
}

impl Writer<'_> {
    /// Takes so many bytes of the output. Escapes in strings are not counted.
    fn take(&mut self, bytes: usize) -> Result<(), WriteError> {
        self.left_bytes = self.left_bytes.checked_sub(bytes as u64).ok_or(WriteError::TooLarge)?;
        Ok(())
    }

    fn value(&mut self, index: TypeIndex, value: Val) -> Result<Value, WriteError> {
        let signature = self.signature;
        match (signature.get(index), value) {
            (WitType::Bool, Val::Bool(value)) => self.plain(value, 4),
            (WitType::S8, Val::S8(value)) => self.number(value),
            (WitType::U8, Val::U8(value)) => self.number(value),
            (WitType::S16, Val::S16(value)) => self.number(value),
            (WitType::U16, Val::U16(value)) => self.number(value),
            (WitType::S32, Val::S32(value)) => self.number(value),
            (WitType::U32, Val::U32(value)) => self.number(value),
            (WitType::S64, Val::S64(value)) => self.number(value),
            (WitType::U64, Val::U64(value)) => self.number(value),
            (WitType::F32, Val::Float32(value)) => self.float(widened(value)),
            (WitType::F64, Val::Float64(value)) => self.float(value),
            (WitType::Char, Val::Char(value)) => self.text(value.into()),
            (WitType::String, Val::String(value)) => self.text(value),
            (WitType::List(item), Val::List(items)) if *signature.get(*item) == WitType::U8 => {
                self.bytes(items)
            }
            (WitType::List(item), Val::List(items)) => {
                let types = std::iter::repeat(*item);
                self.array(types.zip(items))
            }
            (WitType::Tuple(types), Val::Tuple(items)) if types.len() == items.len() => {
                self.array(types.iter().copied().zip(items))
            }
            (WitType::Option(_), Val::Option(None)) => self.plain(Value::Null, 4),
            (WitType::Option(some), Val::Option(Some(value))) => {
                let nested = matches!(signature.get(*some), WitType::Option(_));
                let value = self.value(*some, *value)?;
                if nested { self.single(SOME.to_owned(), value) } else { Ok(value) }
            }
            (WitType::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
                self.record(fields, values)
            }
            (WitType::Variant(cases), Val::Variant(name, payload)) => {
                let case = signature.position(index, &name).ok_or(WriteError::OtherType)?;
                let Case { ty, .. } = &cases[case];
                let value = self.payload(*ty, payload)?.unwrap_or(Value::Null);
                self.single(name, value)
            }
            (WitType::Enum(_), Val::Enum(name)) => self.text(name),
            (WitType::Flags(_), Val::Flags(names)) => {
                self.take(2 + names.iter().map(|name| name.len() + 3).sum::<usize>())?;
                Ok(names.into_iter().map(Value::String).collect())
            }
            (WitType::Result { ok, .. }, Val::Result(Ok(payload))) => {
                let value = self.payload(*ok, payload)?.unwrap_or(Value::Null);
                self.single("ok".to_owned(), value)
            }
            (WitType::Result { err, .. }, Val::Result(Err(payload))) => {
                let value = self.payload(*err, payload)?.unwrap_or(Value::Null);
                self.single("err".to_owned(), value)
            }
            _ => Err(WriteError::OtherType),
        }
    }

    fn plain(&mut self, value: impl Into<Value>, bytes: usize) -> Result<Value, WriteError> {
        self.take(bytes)?;
        Ok(value.into())
    }

    fn number<N: Into<i128> + Into<Number> + Copy>(
        &mut self,
        value: N,
    ) -> Result<Value, WriteError> {
        let wide: i128 = value.into();
        let digits = wide.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
        self.take(digits)?;
        Ok(Value::Number(value.into()))
    }

    fn float(&mut self, value: f64) -> Result<Value, WriteError> {
        self.take(3)?;
        Ok(match Number::from_f64(value) {
            Some(number) => Value::Number(number),
            None if value.is_nan() => NAN.into(),
            None if value > 0.0 => INFINITY.into(),
            None => NEGATIVE_INFINITY.into(),
        })
    }

    fn text(&mut self, text: String) -> Result<Value, WriteError> {
        self.take(text.len() + 2)?;
        Ok(Value::String(text))
    }

    fn bytes(&mut self, items: Vec<Val>) -> Result<Value, WriteError> {
        self.take(items.len().div_ceil(3) * 4 + 2)?;
        let byte = |item| match item {
            Val::U8(byte) => Ok(byte),
            _ => Err(WriteError::OtherType),
        };
        let bytes: Vec<u8> = items.into_iter().map(byte).collect::<Result<_, _>>()?;
        Ok(Value::String(STANDARD.encode(bytes)))
    }

    fn array(
        &mut self,
        items: impl Iterator<Item = (TypeIndex, Val)>,
    ) -> Result<Value, WriteError> {
        self.take(2)?;
        let mut values = Vec::with_capacity(items.size_hint().0);
        for (ty, item) in items {
            self.take(1)?;
            values.push(self.value(ty, item)?);
        }
        Ok(Value::Array(values))
    }

    fn record(
        &mut self,
        fields: &[Field],
        values: Vec<(String, Val)>,
    ) -> Result<Value, WriteError> {
        self.take(2)?;
        let mut members = Map::new();
        for (field, (name, value)) in fields.iter().zip(values) {
            if name != field.name {
                return Err(WriteError::OtherType);
            }
            self.take(name.len() + 4)?;
            members.insert(name, self.value(field.ty, value)?);
        }
        Ok(Value::Object(members))
    }

    fn single(&mut self, name: String, value: Value) -> Result<Value, WriteError> {
        self.take(name.len() + 5)?;
        Ok(Value::Object(Map::from_iter([(name, value)])))
    }

    fn payload(
        &mut self,
        ty: Option<TypeIndex>,
        payload: Option<Box<Val>>,
    ) -> Result<Option<Value>, WriteError> {
        match (ty, payload) {
            (Some(ty), Some(value)) => self.value(ty, *value).map(Some),
            (None, None) => self.take(4).map(|()| None),
            _ => Err(WriteError::OtherType),
        }
    }
}

/// The 64-bit float that a person would write for one of 32 bits: 0.1 for 0.1, not 0.10000000149.
fn widened(value: f32) -> f64 {
    match value.to_string().parse::<f64>() {
        Ok(shortest) if shortest as f32 == value => shortest,
        _ => value.into(),
    }
}
