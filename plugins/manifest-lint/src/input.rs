//! What a task may be given.

use findings::{InvalidInput, Severity};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The newest minor version that the rules know.
const NEWEST_MINOR: u32 = 35;

/// The input of a task.
#[derive(Debug)]
pub struct Input {
    /// Texts by file name; nothing: those of the workspace.
    pub files: Option<BTreeMap<String, String>>,
    /// How to check them.
    pub options: Options,
}

/// How to check.
#[derive(Debug, Clone)]
pub struct Options {
    /// Findings below it are left out.
    pub min_severity: Severity,
    /// Rules that are left out, by id.
    pub disable: Vec<String>,
    /// The cluster's version: 31 for 1.31.
    pub kubernetes_minor: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { min_severity: Severity::Info, disable: Vec::new(), kubernetes_minor: NEWEST_MINOR }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Wire {
    files: Option<BTreeMap<String, String>>,
    min_severity: Option<Severity>,
    #[serde(default)]
    disable: Vec<String>,
    kubernetes_version: Option<String>,
}

impl Input {
    /// Reads an input.
    ///
    /// # Errors
    /// `invalid_input` where the JSON is not of the input's schema or names none in `files`, `unknown_rule` and
    /// `unknown_version` where an option names what does not exist.
    pub fn from_json(text: &str) -> Result<Self, InvalidInput> {
        let wire: Wire = serde_json::from_str(text).map_err(|error| {
            InvalidInput::new(format!("the input is not as it must be: {error}"))
        })?;
        if wire.files.as_ref().is_some_and(BTreeMap::is_empty) {
            return Err(InvalidInput::new("the input names no files"));
        }
        InvalidInput::where_unknown(&wire.disable, crate::rules())?;
        let mut options = Options { disable: wire.disable, ..Options::default() };
        if let Some(severity) = wire.min_severity {
            options.min_severity = severity;
        }
        if let Some(version) = wire.kubernetes_version {
            let minor = version
                .trim_start_matches('v')
                .strip_prefix("1.")
                .map(|rest| rest.split('.').next().unwrap_or(rest));
            options.kubernetes_minor =
                minor.and_then(|minor| minor.parse().ok()).ok_or_else(|| InvalidInput {
                    code: "unknown_version",
                    message: format!("{version:?} is no version of Kubernetes, such as 1.31"),
                })?;
        }
        Ok(Self { files: wire.files, options })
    }
}

/// The JSON Schema of an input.
pub(crate) const INPUT_SCHEMA: &str = include_str!("input.schema.json");

/// The JSON Schema of a report.
pub(crate) const OUTPUT_SCHEMA: &str = include_str!("output.schema.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let input = Input::from_json(
            r#"{"files": {"a": ""}, "min_severity": "warning", "disable": ["host-pid"], "kubernetes_version": "v1.24.3"}"#,
        )
        .expect("an input");
        assert_eq!(input.options.min_severity, Severity::Warning);
        assert_eq!(input.options.kubernetes_minor, 24);
    }

    #[test]
    fn without_files_those_of_the_workspace_are_meant() {
        assert!(Input::from_json("{}").expect("an input").files.is_none());
    }

    #[test]
    fn wrong_inputs_are_told_apart() {
        let cases = [
            ("", "invalid_input"),
            ("[]", "invalid_input"),
            (r#"{"files": {}}"#, "invalid_input"),
            (r#"{"files": {"a": 1}}"#, "invalid_input"),
            (r#"{"files": {"a": ""}, "more": 1}"#, "invalid_input"),
            (r#"{"files": {"a": ""}, "min_severity": "fatal"}"#, "invalid_input"),
            (r#"{"files": {"a": ""}, "disable": ["nothing"]}"#, "unknown_rule"),
            (r#"{"files": {"a": ""}, "kubernetes_version": "two"}"#, "unknown_version"),
        ];
        for (text, code) in cases {
            assert_eq!(Input::from_json(text).expect_err(text).code, code, "{text}");
        }
    }

    #[test]
    fn the_schemas_are_json_and_name_the_same_fields() {
        let input: serde_json::Value = serde_json::from_str(INPUT_SCHEMA).expect("JSON");
        let names: Vec<&str> = input["properties"]
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names, ["disable", "files", "kubernetes_version", "min_severity"]);
        let output: serde_json::Value = serde_json::from_str(OUTPUT_SCHEMA).expect("JSON");
        let empty = crate::lint(&BTreeMap::new(), &Options::default(), |_, _, _| {});
        let report = serde_json::to_value(empty).expect("JSON");
        let said: Vec<_> = report.as_object().expect("an object").keys().collect();
        let promised: Vec<_> =
            output["properties"].as_object().expect("an object").keys().collect();
        assert_eq!(said, promised);
    }
}
