//! Reading the arguments of this server's own tools: what is wrong is named, all of it.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::functions::object;
use crate::fault;
use crate::problem::Problem;

/// Where the description of the API keeps what it names.
const NAMED: &str = "#/components/schemas/";

/// Reads arguments.
///
/// # Errors
/// 422 with every fault.
pub(super) fn read<T: DeserializeOwned + ToSchema>(arguments: JsonObject) -> Result<T, Problem> {
    fault::parse(Value::Object(given(arguments)).to_string().as_bytes())
}

/// Leaves out what is null: some clients send that for each argument that a model left out.
pub(super) fn given(arguments: JsonObject) -> JsonObject {
    arguments.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// Returns the JSON Schema of arguments, in one piece: not every client follows references.
pub(super) fn schema<T: ToSchema>() -> Arc<JsonObject> {
    let mut schema = fault::root_schema::<T>().unwrap_or_default();
    let named = schema.as_object_mut().and_then(|schema| schema.remove("components"));
    let named = named.and_then(|mut components| components.get_mut("schemas").map(Value::take));
    put_in(&mut schema, &named.unwrap_or_default());
    object(&schema)
}

/// Returns the other one of two types of which one is null. What may be null may be left out, and not every
/// client knows of values of several types.
fn but_null(kinds: &mut Value) -> Option<Value> {
    match kinds.as_array_mut()?.as_mut_slice() {
        [one, null] | [null, one] if *null == "null" => Some(one.take()),
        _ => None,
    }
}

/// Puts what is referred to in place of the references. None of our types is part of itself.
fn put_in(schema: &mut Value, named: &Value) {
    if let Some(name) = schema.get("$ref").and_then(|it| it.as_str()?.strip_prefix(NAMED)) {
        *schema = named.get(name).cloned().unwrap_or_default();
    }
    match schema {
        Value::Object(members) => {
            members.remove("example");
            if let Some(one) = members.get_mut("type").and_then(but_null) {
                members.insert("type".to_owned(), one);
            }
            members.values_mut().for_each(|member| put_in(member, named));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| put_in(item, named)),
        _ => {}
    }
}
