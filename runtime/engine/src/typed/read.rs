//! From JSON to a call's arguments, in one pass, with all that is wrong with it.
//!
//! The walk follows the types, whose depth is bounded, never the JSON's own nesting.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use errand_core::{Case, Field, InputFault, Signature, TypeIndex, WitType};
use serde_json::{Map, Value};
use wasmtime::component::Val;

use super::{EXACT, INFINITY, NAN, NEGATIVE_INFINITY, SOME};

/// Host memory that the arguments of one call may take: as much as a result may. A short JSON can ask
/// for far more than itself: `{}` for a record of a thousand options.
const VALUE_BYTES: usize = 64 << 20;
/// Faults that are told of one input.
const MAX_FAULTS: usize = 100;
/// Names that one fault lists.
const MAX_NAMES: usize = 10;

/// Makes a call's arguments of an input.
///
/// # Errors
/// Everything that is wrong with it, each with its JSON pointer from the input on; 100 at most.
pub fn read(signature: &Signature, input: &Value) -> Result<Vec<Val>, Vec<InputFault>> {
    let mut reader = Reader { signature, faults: Vec::new(), left_bytes: VALUE_BYTES };
    let mut arguments = Vec::with_capacity(signature.params().len());
    let nothing = Map::new();
    let given = match input {
        Value::Object(given) => given,
        // Who needs no argument need not write `{}`.
        Value::Null if signature.params().iter().all(|param| reader.is_option(param.ty)) => {
            &nothing
        }
        _ => {
            reader.fault(&Path::Root, "must be an object of the function's parameters");
            return Err(reader.faults);
        }
    };
    reader.fields(signature.params(), given, &Path::Root, |_, value| arguments.push(value));
    if reader.faults.is_empty() { Ok(arguments) } else { Err(reader.faults) }
}

/// Where a value is: a list on the stack, written out for a fault alone.
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn write(&self, pointer: &mut String) {
        match self {
            Self::Root => {}
            Self::Member(above, name) => {
                above.write(pointer);
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Self::Item(above, index) => {
                above.write(pointer);
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
    }
}

/// One pass over an input. A method that answers nothing has told a fault.
struct Reader<'a> {
    signature: &'a Signature,
    faults: Vec<InputFault>,
    left_bytes: usize,
}

impl Reader<'_> {
    fn fault(&mut self, at: &Path<'_>, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            let mut pointer = String::new();
            at.write(&mut pointer);
            self.faults.push(InputFault { pointer, message: message.into() });
        }
    }

    /// Whether nothing that is still found would be told.
    fn is_over(&self) -> bool {
        self.faults.len() >= MAX_FAULTS || self.left_bytes == 0
    }

    /// Takes memory for values, or tells that there is none left.
    fn take(&mut self, bytes: usize) -> Option<()> {
        if self.left_bytes == 0 {
            return None;
        }
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
        if self.left_bytes == 0 {
            let most = VALUE_BYTES >> 20;
            let message = format!("holds more values than the {most} MiB that one call may take");
            self.fault(&Path::Root, message);
            return None;
        }
        Some(())
    }

    fn is_option(&self, index: TypeIndex) -> bool {
        matches!(self.signature.get(index), WitType::Option(_))
    }

    fn value(&mut self, index: TypeIndex, json: &Value, at: &Path<'_>) -> Option<Val> {
        self.take(size_of::<Val>())?;
        let signature = self.signature;
        match signature.get(index) {
            WitType::Bool => match json {
                Value::Bool(value) => Some(Val::Bool(*value)),
                _ => self.wrong(at, "must be true or false"),
            },
            WitType::S8 => self.integer(json, at, i8::MIN, i8::MAX).map(Val::S8),
            WitType::U8 => self.integer(json, at, u8::MIN, u8::MAX).map(Val::U8),
            WitType::S16 => self.integer(json, at, i16::MIN, i16::MAX).map(Val::S16),
            WitType::U16 => self.integer(json, at, u16::MIN, u16::MAX).map(Val::U16),
            WitType::S32 => self.integer(json, at, i32::MIN, i32::MAX).map(Val::S32),
            WitType::U32 => self.integer(json, at, u32::MIN, u32::MAX).map(Val::U32),
            WitType::S64 => self.long(json, at, i64::MIN, i64::MAX).map(Val::S64),
            WitType::U64 => self.long(json, at, u64::MIN, u64::MAX).map(Val::U64),
            WitType::F32 => self.float(json, at).and_then(|value| self.narrow(value, at)),
            WitType::F64 => self.float(json, at).map(Val::Float64),
            WitType::Char => {
                let text = json.as_str().unwrap_or_default();
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(char), None) => Some(Val::Char(char)),
                    _ => self.wrong(at, "must be a text of exactly one character"),
                }
            }
            WitType::String => match json {
                Value::String(text) => {
                    self.take(text.len())?;
                    Some(Val::String(text.clone()))
                }
                _ => self.wrong(at, "must be a text"),
            },
            WitType::List(item) if *signature.get(*item) == WitType::U8 => self.bytes(json, at),
            WitType::List(item) => self.list(*item, json, at),
            WitType::Option(some) => self.option(*some, json, at),
            WitType::Record(fields) => self.record(fields, json, at),
            WitType::Tuple(members) => self.tuple(members, json, at),
            WitType::Variant(cases) => self.variant(index, cases, json, at),
            WitType::Enum(_) => {
                let Value::String(name) = json else {
                    return self.wrong(at, format!("must be one of {}", self.listed(index)));
                };
                self.name(index, name, at).map(Val::Enum)
            }
            WitType::Flags(_) => self.flags(index, json, at),
            WitType::Result { ok, err } => self.result([*ok, *err], json, at),
        }
    }

    fn wrong<T>(&mut self, at: &Path<'_>, message: impl Into<String>) -> Option<T> {
        self.fault(at, message);
        None
    }

    fn integer<T>(&mut self, json: &Value, at: &Path<'_>, least: T, most: T) -> Option<T>
    where
        T: TryFrom<i128> + std::fmt::Display,
    {
        match whole(json).and_then(|value| T::try_from(value).ok()) {
            Some(value) => Some(value),
            None => self.wrong(at, format!("must be a whole number from {least} to {most}")),
        }
    }

    /// Reads an integer of 64 bits, which many a JSON writer can say exactly as a string alone.
    fn long<T>(&mut self, json: &Value, at: &Path<'_>, least: T, most: T) -> Option<T>
    where
        T: TryFrom<i128> + std::fmt::Display,
    {
        let value = match json {
            Value::String(text) => decimal(text),
            json => whole(json),
        };
        match value.and_then(|value| T::try_from(value).ok()) {
            Some(value) => Some(value),
            None => self.wrong(
                at,
                format!("must be a whole number from {least} to {most}, or a text of its digits"),
            ),
        }
    }

    fn float(&mut self, json: &Value, at: &Path<'_>) -> Option<f64> {
        let value = match json {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                NAN => Some(f64::NAN),
                INFINITY => Some(f64::INFINITY),
                NEGATIVE_INFINITY => Some(f64::NEG_INFINITY),
                _ => None,
            },
            _ => None,
        };
        let rule = "must be a number, or \"NaN\", \"Infinity\" or \"-Infinity\"";
        value.or_else(|| self.wrong(at, rule))
    }

    fn narrow(&mut self, value: f64, at: &Path<'_>) -> Option<Val> {
        if value.is_finite() && value.abs() > f64::from(f32::MAX) {
            return self.wrong(at, format!("must be a number from -{0:e} to {0:e}", f32::MAX));
        }
        Some(Val::Float32(value as f32))
    }

    fn bytes(&mut self, json: &Value, at: &Path<'_>) -> Option<Val> {
        let rule = "must be bytes as base64, with padding";
        let Value::String(text) = json else { return self.wrong(at, rule) };
        self.take((text.len() / 4 * 3).saturating_mul(size_of::<Val>()))?;
        let Ok(bytes) = STANDARD.decode(text) else { return self.wrong(at, rule) };
        Some(Val::List(bytes.into_iter().map(Val::U8).collect()))
    }

    fn list(&mut self, item: TypeIndex, json: &Value, at: &Path<'_>) -> Option<Val> {
        let Value::Array(given) = json else { return self.wrong(at, "must be an array") };
        let mut items = Vec::with_capacity(given.len());
        for (index, json) in given.iter().enumerate() {
            if self.is_over() {
                return None;
            }
            items.extend(self.value(item, json, &Path::Item(at, index)));
        }
        (items.len() == given.len()).then_some(Val::List(items))
    }

    fn tuple(&mut self, members: &[TypeIndex], json: &Value, at: &Path<'_>) -> Option<Val> {
        let rule = || format!("must be an array of {} values", members.len());
        let Value::Array(given) = json else { return self.wrong(at, rule()) };
        if given.len() != members.len() {
            return self.wrong(at, rule());
        }
        let mut values = Vec::with_capacity(members.len());
        for (index, (&member, json)) in members.iter().zip(given).enumerate() {
            values.extend(self.value(member, json, &Path::Item(at, index)));
        }
        (values.len() == members.len()).then_some(Val::Tuple(values))
    }

    fn record(&mut self, fields: &[Field], json: &Value, at: &Path<'_>) -> Option<Val> {
        let Value::Object(given) = json else {
            return self.wrong(at, "must be an object");
        };
        let names: usize = fields.iter().map(|field| size_of::<String>() + field.name.len()).sum();
        self.take(names)?;
        let mut values = Vec::with_capacity(fields.len());
        self.fields(fields, given, at, |field, value| values.push((field.name.clone(), value)));
        (values.len() == fields.len()).then_some(Val::Record(values))
    }

    /// Reads an object's members in the order of the fields.
    fn fields(
        &mut self,
        fields: &[Field],
        given: &Map<String, Value>,
        at: &Path<'_>,
        mut keep: impl FnMut(&Field, Val),
    ) {
        let mut found = 0;
        for field in fields {
            let at = Path::Member(at, &field.name);
            match given.get(&field.name) {
                Some(json) => {
                    found += 1;
                    if let Some(value) = self.value(field.ty, json, &at) {
                        keep(field, value);
                    }
                }
                None if self.is_option(field.ty) => {
                    if self.take(size_of::<Val>()).is_some() {
                        keep(field, Val::Option(None));
                    }
                }
                None => self.fault(&at, "is missing"),
            }
            if self.is_over() {
                return;
            }
        }
        if found == given.len() {
            return;
        }
        for name in given.keys().filter(|&name| fields.iter().all(|field| field.name != *name)) {
            self.fault(&Path::Member(at, name), "is not a known field");
            if self.is_over() {
                return;
            }
        }
    }

    fn option(&mut self, some: TypeIndex, json: &Value, at: &Path<'_>) -> Option<Val> {
        let value = match json {
            Value::Null => return Some(Val::Option(None)),
            // `null` is the outer one's, so a value needs a wrapper.
            json if self.is_option(some) => {
                let given = json.as_object().filter(|given| given.len() == 1);
                match given.and_then(|given| given.get(SOME)) {
                    Some(json) => self.value(some, json, &Path::Member(at, SOME))?,
                    None => return self.wrong(at, "must be null or {\"some\": value}"),
                }
            }
            json => self.value(some, json, at)?,
        };
        Some(Val::Option(Some(Box::new(value))))
    }

    fn variant(
        &mut self,
        index: TypeIndex,
        cases: &[Case],
        json: &Value,
        at: &Path<'_>,
    ) -> Option<Val> {
        let Some((name, json)) = single(json) else {
            let rule = format!(
                "must be an object of one member, named after the case: {}",
                self.listed(index)
            );
            return self.wrong(at, rule);
        };
        let at = Path::Member(at, name);
        let Some(place) = self.signature.position(index, name) else {
            return self.wrong(&at, format!("is not a case; there are {}", self.listed(index)));
        };
        let case = &cases[place];
        self.take(case.name.len())?;
        let payload = self.payload(case.ty, json, &at)?;
        Some(Val::Variant(case.name.clone(), payload))
    }

    fn result(
        &mut self,
        [ok, err]: [Option<TypeIndex>; 2],
        json: &Value,
        at: &Path<'_>,
    ) -> Option<Val> {
        match single(json) {
            Some(("ok", json)) => {
                let payload = self.payload(ok, json, &Path::Member(at, "ok"))?;
                Some(Val::Result(Ok(payload)))
            }
            Some(("err", json)) => {
                let payload = self.payload(err, json, &Path::Member(at, "err"))?;
                Some(Val::Result(Err(payload)))
            }
            _ => self.wrong(at, "must be {\"ok\": value} or {\"err\": value}"),
        }
    }

    fn payload(
        &mut self,
        ty: Option<TypeIndex>,
        json: &Value,
        at: &Path<'_>,
    ) -> Option<Option<Box<Val>>> {
        match (ty, json) {
            (Some(ty), json) => Some(Some(Box::new(self.value(ty, json, at)?))),
            (None, Value::Null) => Some(None),
            (None, _) => self.wrong(at, "must be null: it has no payload"),
        }
    }

    fn flags(&mut self, index: TypeIndex, json: &Value, at: &Path<'_>) -> Option<Val> {
        let Value::Array(given) = json else {
            return self.wrong(at, format!("must be an array of {}", self.listed(index)));
        };
        let mut names: Vec<String> = Vec::new();
        let mut all = true;
        for (place, json) in given.iter().enumerate() {
            if self.is_over() {
                return None;
            }
            let at = Path::Item(at, place);
            let named = match json {
                Value::String(name) => self.name(index, name, &at),
                _ => self.wrong(&at, format!("must be one of {}", self.listed(index))),
            };
            match named {
                Some(name) if names.contains(&name) => {
                    self.fault(&at, "is there twice");
                    all = false;
                }
                Some(name) => names.push(name),
                None => all = false,
            }
        }
        all.then_some(Val::Flags(names))
    }

    /// Reads a name of an enum or of flags.
    fn name(&mut self, index: TypeIndex, name: &str, at: &Path<'_>) -> Option<String> {
        self.take(size_of::<String>() + name.len())?;
        if self.signature.position(index, name).is_none() {
            return self.wrong(at, format!("must be one of {}", self.listed(index)));
        }
        Some(name.to_owned())
    }

    /// The names of a type, if they are few, else how they begin.
    fn listed(&self, index: TypeIndex) -> String {
        let ty = self.signature.get(index);
        let names: Vec<_> = ty.names().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
        let more = if ty.names().nth(MAX_NAMES).is_some() { ", …" } else { "" };
        names.join(", ") + more
    }
}

/// The one member of an object that has no other.
fn single(json: &Value) -> Option<(&str, &Value)> {
    let members = json.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(name, value)| (name.as_str(), value))
}

/// A number without a fraction. What a float can't tell from its neighbour is none.
fn whole(json: &Value) -> Option<i128> {
    let Value::Number(number) = json else { return None };
    if let Some(value) = number.as_i64() {
        return Some(value.into());
    }
    if let Some(value) = number.as_u64() {
        return Some(value.into());
    }
    let value = number.as_f64()?;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i128)
}

/// A whole number as a string of decimal digits, as [`super::schema`] allows it.
fn decimal(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if !plain || leading_zero || digits.len() > 20 {
        return None;
    }
    text.parse().ok()
}
