//! A JSON Schema in a few words, as a person reads types: `{word: string, count: integer}`.

use serde_json::Value;

/// Nesting that is written out.
const MAX_DEPTH: usize = 8;
/// Longest text of a schema, in bytes.
const MAX_BYTES: usize = 400;

/// Writes a schema; a long one is cut.
pub(crate) fn written(schema: &Value) -> String {
    let mut text = String::new();
    write(schema, 0, &mut text);
    if text.len() > MAX_BYTES {
        text.truncate(text.floor_char_boundary(MAX_BYTES));
        text.push('…');
    }
    text
}

/// The properties of an object's schema: names, with `?` where they may be left out, and their schemas.
pub(crate) fn members(schema: &Value) -> impl Iterator<Item = (String, &Value)> {
    let required = schema.get("required").and_then(Value::as_array);
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(move |(name, schema)| {
        let is_required =
            required.is_some_and(|names| names.iter().any(|each| each.as_str() == Some(name)));
        let mark = if is_required { "" } else { "?" };
        (format!("{name}{mark}"), schema)
    })
}

fn write(schema: &Value, depth: usize, text: &mut String) {
    if depth > MAX_DEPTH || text.len() > MAX_BYTES {
        text.push('…');
        return;
    }
    let below = depth + 1;
    if let Some(values) = schema["enum"].as_array() {
        return join(values.iter(), " | ", text, |value, text| text.push_str(&value.to_string()));
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(schemas) = schema[choice].as_array() {
            return join(schemas.iter(), " | ", text, |schema, text| write(schema, below, text));
        }
    }
    match schema["type"].as_str() {
        Some("object") if schema["properties"].is_object() => {
            text.push('{');
            join(members(schema), ", ", text, |(name, schema), text| {
                text.push_str(&format!("{name}: "));
                write(schema, below, text);
            });
            text.push('}');
        }
        Some("array") if schema["prefixItems"].is_array() => {
            text.push('[');
            let members = schema["prefixItems"].as_array().into_iter().flatten();
            join(members, ", ", text, |schema, text| write(schema, below, text));
            text.push(']');
        }
        Some("array") => {
            text.push_str("list of ");
            write(&schema["items"], below, text);
        }
        Some("string") if schema["contentEncoding"].is_string() => text.push_str("base64"),
        Some("integer" | "number") if schema["minimum"].is_i64() && schema["maximum"].is_i64() => {
            text.push_str(&format!("{} to {}", schema["minimum"], schema["maximum"]));
        }
        Some(ty) => text.push_str(ty),
        None => match schema["type"].as_array() {
            Some(types) => join(types.iter(), " | ", text, |ty, text| {
                text.push_str(ty.as_str().unwrap_or_default());
            }),
            None => text.push_str("anything"),
        },
    }
}

fn join<T>(
    items: impl Iterator<Item = T>,
    between: &str,
    text: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        write(item, text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_read_like_types() {
        let word = json!({ "type": "object", "required": ["count"], "properties": {
            "count": { "type": ["integer", "string"] },
            "color": { "anyOf": [{ "type": "string", "enum": ["red", "green"] }, { "type": "null" }] },
        }});
        let words = json!({ "type": "array", "items": word });
        let expected = "list of {color?: \"red\" | \"green\" | null, count: integer | string}";
        assert_eq!(written(&words), expected);
        let pair = json!({ "type": "array", "items": false, "prefixItems": [
            { "type": "integer", "minimum": -128, "maximum": 127 },
            { "type": "string", "contentEncoding": "base64" },
        ]});
        assert_eq!(written(&pair), "[-128 to 127, base64]");
        assert_eq!(written(&json!(true)), "anything");
    }

    #[test]
    fn long_and_deep_ones_are_cut() {
        let mut deep = json!({ "type": "null" });
        for _ in 0..100 {
            deep = json!({ "type": "array", "items": deep });
        }
        assert!(written(&deep).ends_with('…'));
        let names: Vec<String> = (0..1_000).map(|name| format!("n{name}")).collect();
        assert!(written(&json!({ "enum": names })).len() < MAX_BYTES + 10);
    }
}
