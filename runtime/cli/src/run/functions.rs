//! `errand run` of a component with typed functions: `errand run FILE FUNCTION [INPUT]`.

use errand_core::ExecutorProfile;
use errand_engine::typed;
use serde_json::Value;

use crate::errors::{CommandError, Result};
use crate::output;

/// Functions that an error names.
const MAX_NAMES: usize = 10;

/// Finds the function that the arguments name, and reads its input.
pub(super) fn call(profile: &ExecutorProfile, arguments: &[&str]) -> Result<(String, Value)> {
    let (name, input) = match arguments {
        [name] => (*name, Value::Null),
        [name, input] => (*name, super::local::input(input)?),
        _ => {
            return Err(CommandError::usage("which function is called, and with what?")
                .hint("errand run x.wasm add '{\"a\": 1, \"b\": 2}'")
                .hint(there_are(profile)));
        }
    };
    let Some(function) = profile.functions.iter().find(|function| function.name == name) else {
        let name = output::for_stderr(name);
        let error = CommandError::usage(format_args!("there is no function `{name}`"));
        return Err(error.hint(there_are(profile)));
    };
    if let Some(signature) = &function.signature
        && let Err(faults) = typed::check(signature, &input)
    {
        let mut error = CommandError::usage(format_args!("the input is not one of `{name}`"));
        for fault in faults.iter().take(MAX_NAMES) {
            let text = format!("/input{}: {}", fault.pointer, fault.message);
            error = error.hint(output::for_stderr(&text));
        }
        return Err(error);
    }
    Ok((name.to_owned(), input))
}

fn there_are(profile: &ExecutorProfile) -> String {
    let names: Vec<&str> =
        profile.functions.iter().take(MAX_NAMES).map(|function| function.name.as_str()).collect();
    let more = if profile.functions.len() > MAX_NAMES { ", …" } else { "" };
    format!("there are {}{more}", names.join(", "))
}
