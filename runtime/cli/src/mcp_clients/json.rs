//! Entries in JSON files, with comments where the client allows them.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use serde_json::Value;

use super::InstallError;

/// Puts `table.name` into a file.
///
/// # Errors
/// Where the file or the table is no object.
pub(super) fn put(
    text: &str,
    table: &str,
    name: &str,
    value: &Value,
) -> Result<String, InstallError> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let root = CstRootNode::parse(text, &ParseOptions::default())
        .map_err(|error| InstallError::NotUnderstood(error.to_string()))?;
    let whole = root
        .object_value_or_create()
        .ok_or_else(|| InstallError::NotUnderstood("it is no object".to_owned()))?;
    let servers = whole
        .object_value_or_create(table)
        .ok_or_else(|| InstallError::NoTable(table.to_owned()))?;
    let wanted = input(value);
    match servers.get(name) {
        Some(there) => {
            let same = there.value().and_then(|node| node.to_serde_value());
            if same.as_ref() != Some(value) {
                there.set_value(wanted);
            }
        }
        None => drop(servers.append(name, wanted)),
    }
    Ok(root.to_string())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(bool) => CstInputValue::Bool(*bool),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => CstInputValue::Object(
            members.iter().map(|(key, value)| (key.clone(), input(value))).collect(),
        ),
    }
}
