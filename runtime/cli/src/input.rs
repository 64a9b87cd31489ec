//! The forms of `--input`: JSON in place, a file, or standard input.

use std::str::FromStr;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::errors::{CommandError, Result};
use crate::files;

/// Where a task's input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputSource {
    /// The JSON itself.
    Json(String),
    /// `@FILE`.
    File(String),
    /// `-`.
    Stdin,
}

impl FromStr for InputSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::File(path.to_owned()),
            None if text == "-" => Self::Stdin,
            None => Self::Json(text.to_owned()),
        })
    }
}

impl InputSource {
    /// Reads the input and checks that it is JSON. The text stays as it is, so that numbers stay exact.
    pub(crate) fn read(&self) -> Result<Box<RawValue>> {
        self.read_for("--input")
    }

    /// Reads the value of another flag that is written in the same way.
    pub(crate) fn read_value(&self, flag: &str) -> Result<Value> {
        let text = self.read_for(flag)?;
        Ok(serde_json::from_str(text.get()).map_err(anyhow::Error::from)?)
    }

    fn read_for(&self, flag: &str) -> Result<Box<RawValue>> {
        match self {
            Self::Json(text) => json(text, flag).map_err(|error| {
                error.hint("quote it for the shell, or give `@FILE` or `-` for standard input")
            }),
            Self::File(path) => json(&files::read_text(path.as_ref())?, path),
            Self::Stdin => json(&files::read_stdin()?, "standard input"),
        }
    }
}

fn json(text: &str, origin: &str) -> Result<Box<RawValue>> {
    let value: &RawValue = serde_json::from_str(text).map_err(|error| {
        let what = match error.to_string().split_once(" at line ") {
            Some((what, _)) => what.to_owned(),
            None => error.to_string(),
        };
        let (line, column) = (error.line(), error.column());
        CommandError::usage(format_args!(
            "{origin} is not JSON: {what} (line {line}, column {column})"
        ))
    })?;
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> InputSource {
        text.parse().expect("every text is an input")
    }

    #[test]
    fn the_three_forms_are_told_apart() {
        assert_eq!(source("{}"), InputSource::Json("{}".into()));
        assert_eq!(source("@a.json"), InputSource::File("a.json".into()));
        assert_eq!(source("-"), InputSource::Stdin);
        assert_eq!(source("-1"), InputSource::Json("-1".into()));
    }

    #[test]
    fn large_numbers_stay_exact() {
        let input = source("[123456789012345678901234567890]").read().expect("it is JSON");
        assert_eq!(input.get(), "[123456789012345678901234567890]");
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let error = source("{\n \"a\": }").read().expect_err("it is not JSON");
        assert_eq!(error.exit(), crate::errors::Exit::Usage);
        assert_eq!(error.message(), "--input is not JSON: expected value (line 2, column 7)");
    }
}
