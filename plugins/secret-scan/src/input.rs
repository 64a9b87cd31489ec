//! What a task may be given.

use findings::{InvalidInput, Severity};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The JSON Schemas of an input and an output.
pub(crate) const INPUT_SCHEMA: &str = include_str!("input.schema.json");
pub(crate) const OUTPUT_SCHEMA: &str = include_str!("output.schema.json");

/// The input of a task.
#[derive(Debug)]
pub struct Input {
    /// Texts by file name; nothing: the files of the workspace.
    pub files: Option<BTreeMap<String, Vec<u8>>>,
    /// How to check.
    pub options: Options,
}

/// How to check.
#[derive(Debug, Clone)]
pub struct Options {
    /// Findings below it are left out.
    pub min_severity: Severity,
    /// Rules that are left out, by id.
    pub disable: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { min_severity: Severity::Info, disable: Vec::new() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Wire {
    files: Option<BTreeMap<String, String>>,
    min_severity: Option<Severity>,
    #[serde(default)]
    disable: Vec<String>,
}

impl Input {
    /// Reads an input.
    ///
    /// # Errors
    /// `invalid_input` where the JSON is not of the input's schema or names no files, `unknown_rule` where it
    /// leaves out a rule that does not exist.
    pub fn from_json(text: &str) -> Result<Self, InvalidInput> {
        let wire: Wire = serde_json::from_str(text).map_err(|error| {
            InvalidInput::new(format!("the input is not as it must be: {error}"))
        })?;
        if wire.files.as_ref().is_some_and(BTreeMap::is_empty) {
            return Err(InvalidInput::new("the input names no files"));
        }
        InvalidInput::where_unknown(&wire.disable, crate::rules())?;
        let files = |files: BTreeMap<String, String>| {
            files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
        };
        let min_severity = wire.min_severity.unwrap_or(Severity::Info);
        Ok(Self {
            files: wire.files.map(files),
            options: Options { min_severity, disable: wire.disable },
        })
    }
}
