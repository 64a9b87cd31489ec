//! Reading what was posted: a value of the types that the schema has.

use errand_scheduler::Fault;
use serde_json::{Map, Number, Value};

use super::{Choice, Field, Form, Kind};
use crate::console::posted::Posted;

impl Form {
    /// Makes the value of what a person filled in.
    ///
    /// # Errors
    /// What can't be made one: a missing field, a number that is none. Whether the value is right, the
    /// service says.
    pub(crate) fn read(&self, posted: &Posted) -> Result<Value, Vec<Fault>> {
        let mut faults = Vec::new();
        let value = self.root.read(posted, &mut faults);
        if faults.is_empty() { Ok(value.unwrap_or(Value::Null)) } else { Err(faults) }
    }
}

impl Field {
    /// Returns the field's value; nothing, if it is absent or wrong.
    fn read(&self, posted: &Posted, faults: &mut Vec<Fault>) -> Option<Value> {
        let name = self.name();
        let typed = posted.text(&name);
        if !self.is_filled_in(posted) {
            return self.empty(posted, faults);
        }
        let value = match &self.kind {
            Kind::Group(members) => Ok(members_of(members, posted, faults)),
            Kind::Text(_) => Ok(typed.into()),
            Kind::Whole => whole(typed.trim()),
            Kind::Number => number(typed.trim()),
            Kind::Switch => Ok((typed == "true").into()),
            Kind::Choice(choices) => chosen(choices, typed),
            Kind::Choices(choices) => {
                let mut values: Vec<Value> = Vec::new();
                for choice in posted.all(&name) {
                    match chosen(choices, choice) {
                        Ok(value) if values.contains(&value) => {}
                        Ok(value) => values.push(value),
                        Err(message) => {
                            faults.push(Fault::new(&*self.pointer, message));
                            break;
                        }
                    }
                }
                Ok(values.into())
            }
            Kind::Fixed(value) => Ok(value.clone()),
            Kind::Json => {
                serde_json::from_str(typed).map_err(|error| format!("is no JSON: {error}"))
            }
        };
        value.map_err(|message| faults.push(Fault::new(&*self.pointer, message))).ok()
    }

    /// Returns what an empty field means.
    fn empty(&self, posted: &Posted, faults: &mut Vec<Fault>) -> Option<Value> {
        match &self.kind {
            _ if !self.required => return None,
            // A box that is not ticked is an answer.
            Kind::Switch => return Some(false.into()),
            Kind::Fixed(value) => return Some(value.clone()),
            _ if self.nullable => return Some(Value::Null),
            Kind::Choices(_) => return Some(Value::Array(Vec::new())),
            Kind::Group(members) => return Some(members_of(members, posted, faults)),
            _ => faults.push(Fault::new(&*self.pointer, "is needed")),
        }
        None
    }

    /// Tells whether a person gave it a value.
    fn is_filled_in(&self, posted: &Posted) -> bool {
        match &self.kind {
            Kind::Group(members) => members.iter().any(|(_, field)| field.is_filled_in(posted)),
            Kind::Fixed(_) => false,
            Kind::Text(_) => !posted.text(&self.name()).is_empty(),
            _ => !posted.text(&self.name()).trim().is_empty(),
        }
    }
}

fn members_of(members: &[(String, Field)], posted: &Posted, faults: &mut Vec<Fault>) -> Value {
    let mut object = Map::new();
    for (key, field) in members {
        if let Some(value) = field.read(posted, faults) {
            object.insert(key.clone(), value);
        }
    }
    Value::Object(object)
}

/// Choices are posted by their place, so that none is taken for another that is written alike.
fn chosen(choices: &[Choice], place: &str) -> Result<Value, String> {
    let choice = place.parse::<usize>().ok().and_then(|place| choices.get(place));
    choice.map(|choice| choice.value.clone()).ok_or_else(|| "is none of the choices".to_owned())
}

fn whole(typed: &str) -> Result<Value, String> {
    let plain = typed.strip_prefix('+').unwrap_or(typed);
    if let Ok(number) = plain.parse::<i64>() {
        return Ok(number.into());
    }
    plain.parse::<u64>().map(Value::from).map_err(|_| {
        let digits = plain.strip_prefix('-').unwrap_or(plain);
        let too_large = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if too_large { "is too large" } else { "must be a whole number" }.to_owned()
    })
}

fn number(typed: &str) -> Result<Value, String> {
    if let Ok(value) = whole(typed) {
        return Ok(value);
    }
    // Words that Rust takes for numbers are none to a person.
    let plain = typed.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let parsed = typed.parse::<f64>().ok().filter(|_| plain).and_then(Number::from_f64);
    parsed.map(Value::Number).ok_or_else(|| "must be a number, with a point".to_owned())
}
