//! The task's input, checked by hand, and the program that it names.

use std::fs;

use serde_json::Value;

use crate::failure::Failure;
use crate::host::Host;
use crate::resolve::{WORKSPACE, normalised};

/// What an error and a stack trace call a program that is in no file.
pub(crate) const CODE: &str = "<code>";

/// What to run and with what.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) source: String,
    /// What stack traces call it: its path where it is a file.
    pub(crate) name: String,
    /// `process.argv` after the program.
    pub(crate) args: Vec<String>,
    /// What it reads from standard input; nothing given: what the host gives.
    pub(crate) stdin: Option<String>,
}

impl Program {
    /// Reads the input and, where it names a file, the program from the workspace.
    ///
    /// # Errors
    /// `invalid_input`.
    pub(crate) fn parse(text: &str, host: &dyn Host) -> Result<Self, Failure> {
        let invalid = Failure::invalid_input;
        let given: Value = serde_json::from_str(text)
            .map_err(|error| invalid(format!("the input is not JSON: {error}")))?;
        let Value::Object(given) = given else {
            return Err(invalid("the input must be an object with `code` or `file`".to_owned()));
        };
        if given.contains_key("code") == given.contains_key("file") {
            return Err(invalid("the input needs exactly one of `code` and `file`".to_owned()));
        }
        let args = match given.get("args") {
            None => Some(Vec::new()),
            Some(Value::Array(args)) => {
                args.iter().map(|arg| arg.as_str().map(str::to_owned)).collect()
            }
            Some(_) => None,
        };
        let args = args.ok_or_else(|| invalid("`args` must be an array of strings".to_owned()))?;
        let string = |key: &str| match given.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => {
                Err(invalid(format!("`{key}` must be a string, not {}", kind_of(other))))
            }
        };
        let stdin = string("stdin")?;
        if let Some(source) = string("code")? {
            return Ok(Self { source, name: CODE.to_owned(), args, stdin });
        }
        let file = string("file")?.unwrap_or_default();
        let (source, name) = read(&file, host)?;
        Ok(Self { source, name, args, stdin })
    }
}

fn read(file: &str, host: &dyn Host) -> Result<(String, String), Failure> {
    let path = normalised(WORKSPACE, file);
    if !path.strip_prefix(WORKSPACE).is_some_and(|rest| rest.starts_with('/')) {
        let message = format!("`file` must be a path in the workspace: '{file}'");
        return Err(Failure::invalid_input(message));
    }
    let bytes = fs::read(host.path(&path)).map_err(|error| {
        Failure::invalid_input(match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("`file` names a file that the workspace doesn't have: '{file}'")
            }
            _ => format!("`file` can't be read: '{file}': {error}"),
        })
    })?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), path))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
