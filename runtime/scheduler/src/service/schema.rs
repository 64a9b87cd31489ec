//! Inputs against an executor's JSON Schemas.

use errand_core::ExecutorProfile;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::sync::OnceLock;

use super::{Fault, unfolding};

/// An executor's profile with the validators of its inputs, each compiled at its first use.
pub(crate) struct Checked {
    pub(crate) profile: ExecutorProfile,
    validators: Vec<OnceLock<Result<Schema, String>>>,
}

impl Checked {
    pub(crate) fn new(profile: ExecutorProfile) -> Self {
        let validators = profile.functions.iter().map(|_| OnceLock::new()).collect();
        Self { profile, validators }
    }

    /// Adds what is wrong with an input to the faults, pointers under `prefix`.
    pub(crate) fn check(
        &self,
        function: usize,
        input: &Value,
        prefix: &str,
        faults: &mut Vec<Fault>,
    ) {
        let Some(profile) = self.profile.functions.get(function) else { return };
        let validator = self.validators[function].get_or_init(|| compile(&profile.input_schema));
        match validator {
            Ok(schema) => add_faults(schema, input, prefix, faults),
            Err(reason) => faults.push(Fault::new(
                prefix,
                format!("can't be checked: the executor's input schema is wrong: {reason}"),
            )),
        }
    }
}

/// Says what is wrong with a value by a JSON Schema, as an input is checked before its task is queued.
///
/// # Errors
/// What is wrong with the schema itself.
pub fn schema_faults(schema: &Value, value: &Value) -> Result<Vec<Fault>, String> {
    let mut faults = Vec::new();
    add_faults(&compile(schema)?, value, "", &mut faults);
    Ok(faults)
}

fn add_faults(schema: &Schema, value: &Value, prefix: &str, faults: &mut Vec<Fault>) {
    if schema.validator.is_valid(value) {
        return;
    }
    // To say where would take time that doubles with each level of the value.
    if schema.recursive {
        faults.push(Fault::new(prefix, "does not match the executor's input schema"));
        return;
    }
    faults.extend(schema.validator.iter_errors(value).take(Fault::MOST).map(|error| {
        let pointer = format!("{prefix}{}", error.instance_path().as_str());
        Fault::new(pointer, bounded(error.masked().to_string()))
    }));
}

/// A schema that inputs can be checked against in time that their size bounds.
pub(crate) struct Schema {
    validator: Validator,
    /// Whether it refers to itself.
    recursive: bool,
}

/// Compiles a schema. References lead nowhere outside it, patterns can't backtrack, and it does not
/// unfold without end.
pub(crate) fn compile(schema: &Value) -> Result<Schema, String> {
    let unfolded = unfolding::of(schema);
    if unfolded.size > unfolding::MOST {
        return Err(format!(
            "with its references followed it has more than {} parts",
            unfolding::MOST
        ));
    }
    let validator = jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| bounded(error.to_string()))?;
    Ok(Schema { validator, recursive: unfolded.recursive })
}

/// Longest text of one fault, in bytes: it may quote what the caller sent.
const MAX_TEXT_BYTES: usize = 500;

fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_refers_to_itself_is_checked_in_time() {
        let deep = |end: Value| (0..100).fold(end, |inner, _| json!([inner]));
        let itself = compile(&json!({"$ref": "#"})).unwrap_or_else(|error| panic!("{error}"));
        for input in [json!(null), json!(1), json!({}), deep(json!(1))] {
            assert!(itself.validator.is_valid(&input), "{input}");
        }
        // Two ways down at each level of the input.
        let down = json!({"items": {"$ref": "#/$defs/down"}});
        let down = json!({"allOf": [down, down], "not": {"const": 0}});
        let twice = compile(&json!({"$ref": "#/$defs/down", "$defs": {"down": down}}));
        let twice = twice.unwrap_or_else(|error| panic!("{error}"));
        assert!(twice.validator.is_valid(&deep(json!(1))));
        assert!(!twice.validator.is_valid(&deep(json!(0))));
        assert!(twice.recursive);
    }

    #[test]
    fn a_schema_that_unfolds_without_end_is_refused() {
        let mut definitions = serde_json::Map::new();
        for n in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            definitions.insert(format!("d{n}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("d40".to_owned(), json!({}));
        let doubling = json!({"$ref": "#/$defs/d0", "$defs": definitions});
        assert!(compile(&doubling).is_err_and(|error| error.contains("references")));
    }
}
