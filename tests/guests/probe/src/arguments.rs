//! Reads an action's arguments out of the input.

use crate::bindings::Failure;
use crate::wrong;
use serde_json::Value;

/// The input of one task.
pub(crate) struct Arguments<'a>(&'a Value);

impl<'a> Arguments<'a> {
    pub(crate) fn of(input: &'a Value) -> Self {
        Self(input)
    }

    /// Returns the whole input.
    pub(crate) fn all(&self) -> &'a Value {
        self.0
    }

    /// Returns a text that must be there.
    pub(crate) fn text(&self, name: &str) -> Result<&'a str, Failure> {
        self.text_if_any(name).ok_or_else(|| wrong(format!("{name:?} must be a string")))
    }

    /// Returns a text that may be there.
    pub(crate) fn text_if_any(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Returns a number that must be there.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Failure> {
        self.number_if_any(name).ok_or_else(|| wrong(format!("{name:?} must be a whole number")))
    }

    /// Returns a number that may be there.
    pub(crate) fn number_if_any(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    /// Returns whether a flag is set.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Returns the JSON text of an argument, `null` where there is none.
    pub(crate) fn json(&self, name: &str) -> String {
        self.0.get(name).unwrap_or(&Value::Null).to_string()
    }

    /// Returns a list of texts, empty where there is none.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}
