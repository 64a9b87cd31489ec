//! Cases: inputs in files, with what is expected of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::errors::{CommandError, Result};
use crate::files;

/// An input with what is expected of it.
#[derive(Debug)]
pub(super) struct Case {
    /// What it is called: its own name, or its file's.
    pub(super) name: String,
    pub(super) function: Option<String>,
    pub(super) input: Value,
    /// Globs of files to keep.
    pub(super) artifacts: Vec<String>,
    pub(super) expected: Expected,
}

/// What is expected of a run. Where nothing is said of its end, that it completes.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) output: Option<Value>,
    pub(super) error: Option<ExpectedError>,
    /// Texts by path.
    pub(super) artifacts: BTreeMap<String, String>,
}

/// How a run is to fail. What is left out may be anything; so may what is not in `detail`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedError {
    pub(super) code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retryable: Option<bool>,
}

/// A case as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    function: Option<String>,
    input: Value,
    #[serde(default)]
    artifacts: Vec<String>,
    /// That it is null is an expectation too.
    #[serde(default, deserialize_with = "present")]
    expect: Option<Value>,
    #[serde(default)]
    expect_error: Option<ExpectedError>,
    #[serde(default)]
    expect_artifacts: BTreeMap<String, String>,
}

/// Reads the cases of a file, or of all `.json` files of a directory, by name.
pub(super) fn read(path: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    if path.is_dir() {
        for file in files::list(path)? {
            if file.extension().is_some_and(|ending| ending == "json") {
                read_file(&file, &mut cases)?;
            }
        }
    } else {
        read_file(path, &mut cases)?;
    }
    if cases.is_empty() {
        return Err(CommandError::usage(format_args!(
            "there are no cases in `{}`",
            path.display()
        ))
        .hint("a case is a file such as `adds.json`: {\"input\": …, \"expect\": …}"));
    }
    let mut names = BTreeSet::new();
    match cases.iter().find(|case| !names.insert(&case.name)) {
        Some(twice) => {
            Err(CommandError::usage(format_args!("two cases are called `{}`", twice.name)))
        }
        None => Ok(cases),
    }
}

fn read_file(path: &Path, cases: &mut Vec<Case>) -> Result<()> {
    let wrong = |error: &dyn std::fmt::Display| {
        CommandError::usage(format_args!("read the cases of `{}`: {error}", path.display()))
    };
    let text = files::read_text(path)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let stem = PathBuf::from(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match value {
        Value::Array(list) => {
            for (at, value) in (1..).zip(list) {
                let named = case(value, format!("{stem} {at}"));
                cases.push(named.map_err(|error| wrong(&format_args!("case {at}: {error}")))?);
            }
        }
        value => cases.push(case(value, stem).map_err(|error| wrong(&error))?),
    }
    Ok(())
}

fn case(value: Value, name: String) -> Result<Case, String> {
    let written: Written = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if written.expect.is_some() && written.expect_error.is_some() {
        return Err("`expect` and `expect_error` can't both be".to_owned());
    }
    Ok(Case {
        name: written.name.unwrap_or(name),
        function: written.function,
        input: written.input,
        artifacts: written.artifacts,
        expected: Expected {
            output: written.expect,
            error: written.expect_error,
            artifacts: written.expect_artifacts,
        },
    })
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn that_null_is_expected_is_told_from_that_nothing_is() {
        let expected = |value| case(value, "a".into()).expect("it is a case").expected.output;
        assert_eq!(expected(json!({"input": 1, "expect": null})), Some(Value::Null));
        assert_eq!(expected(json!({"input": 1})), None);
    }

    #[test]
    fn what_is_no_case_says_why() {
        for (value, part) in [
            (json!({"expect": 1}), "missing field `input`"),
            (json!({"input": 1, "expected": 1}), "unknown field `expected`"),
            (json!({"input": 1, "expect": 1, "expect_error": {"code": "trap"}}), "can't both be"),
            (json!({"input": 1, "expect_error": {"kode": "trap"}}), "unknown field `kode`"),
            (json!(1), "invalid type"),
        ] {
            let error = case(value, "a".into()).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_directory_gives_its_cases_by_name() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("it can be written");
        };
        write("b.json", r#"{"input": 1}"#);
        write("a.json", r#"[{"input": 1}, {"input": 2, "name": "own name"}]"#);
        write("notes.txt", "no case");
        let names = |cases: Result<Vec<Case>>| -> Vec<String> {
            cases.expect("cases").into_iter().map(|case| case.name).collect()
        };
        assert_eq!(names(read(directory.path())), ["a 1", "own name", "b"]);
        write("c.json", r#"{"input": 1, "name": "b"}"#);
        let error = read(directory.path()).expect_err("a name is there twice");
        assert_eq!(error.message(), "two cases are called `b`");
    }
}
