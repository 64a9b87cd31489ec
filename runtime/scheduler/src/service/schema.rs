//! Inputs against an executor's JSON Schemas.

use errand_core::ExecutorProfile;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::sync::OnceLock;

use super::Fault;

/// An executor's profile with the validators of its inputs, each compiled at its first use.
pub(crate) struct Checked {
    pub(crate) profile: ExecutorProfile,
    validators: Vec<OnceLock<Result<Validator, String>>>,
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
            Ok(validator) => add_faults(validator, input, prefix, faults),
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

fn add_faults(validator: &Validator, value: &Value, prefix: &str, faults: &mut Vec<Fault>) {
    if validator.is_valid(value) {
        return;
    }
    faults.extend(validator.iter_errors(value).take(Fault::MOST).map(|error| {
        let pointer = format!("{prefix}{}", error.instance_path().as_str());
        Fault::new(pointer, bounded(error.masked().to_string()))
    }));
}

/// Compiles a schema. References lead nowhere outside it, and patterns can't backtrack.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| bounded(error.to_string()))
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
