//! How large a JSON Schema is once its references are followed.
//!
//! A schema of forty lines, each of which refers to the next one twice, takes 2^40 steps for any input. So
//! what a schema unfolds to is counted before it is used, without unfolding it.

use std::collections::HashMap;

use serde_json::Value;

/// Subschemas that a schema may unfold to: some hundred times what the largest in use come to.
pub(super) const MOST: u64 = 100_000;

/// What a schema unfolds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfolded {
    /// Its values, those it refers to counted each time; a reference back to what is being unfolded is one.
    pub(super) size: u64,
    /// Whether there is such a reference.
    pub(super) recursive: bool,
}

/// Counts what a schema unfolds to.
pub(super) fn of(schema: &Value) -> Unfolded {
    let mut walk =
        Walk { root: schema, named: HashMap::new(), sizes: HashMap::new(), recursive: false };
    walk.collect_names(schema);
    let size = walk.size(schema);
    Unfolded { size, recursive: walk.recursive }
}

struct Walk<'a> {
    root: &'a Value,
    /// Subschemas by the names that they give themselves.
    named: HashMap<&'a str, &'a Value>,
    /// What is known, by address; nothing for what is being unfolded.
    sizes: HashMap<*const Value, Option<u64>>,
    recursive: bool,
}

impl<'a> Walk<'a> {
    fn collect_names(&mut self, value: &'a Value) {
        match value {
            Value::Object(fields) => {
                for name in ["$anchor", "$dynamicAnchor", "$id"] {
                    if let Some(Value::String(name)) = fields.get(name) {
                        self.named.insert(name, value);
                    }
                }
                fields.values().for_each(|value| self.collect_names(value));
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect_names(value)),
            _ => {}
        }
    }

    fn size(&mut self, value: &'a Value) -> u64 {
        let (Value::Object(_) | Value::Array(_)) = value else { return 1 };
        match self.sizes.get(&std::ptr::from_ref(value)) {
            Some(Some(size)) => return *size,
            Some(None) => {
                self.recursive = true;
                return 1;
            }
            None => {}
        }
        self.sizes.insert(value, None);
        let size = match value {
            Value::Object(fields) => fields.iter().fold(1_u64, |sum, (keyword, value)| {
                sum.saturating_add(match (keyword.as_str(), value) {
                    // Definitions cost where they are referred to.
                    ("$defs" | "definitions", _) => 0,
                    ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                        self.target(reference).map_or(1, |target| self.size(target))
                    }
                    _ => self.size(value),
                })
            }),
            Value::Array(values) => {
                values.iter().fold(1_u64, |sum, value| sum.saturating_add(self.size(value)))
            }
            _ => 1,
        };
        self.sizes.insert(value, Some(size));
        size
    }

    /// What a reference leads to; nothing where it leads out of the schema, which validators refuse.
    fn target(&self, reference: &str) -> Option<&'a Value> {
        let (resource, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let resource = match resource {
            "" => self.root,
            named => self.named.get(named)?,
        };
        match fragment {
            "" => Some(resource),
            pointer if pointer.starts_with('/') => resource.pointer(&decoded(pointer)),
            anchor => self.named.get(anchor).copied(),
        }
    }
}

/// Decodes `%2F` and the like.
fn decoded(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_count_each_time_they_are_met() {
        let plain = json!({"type": "object", "properties": {"a": {}}});
        assert_eq!(of(&plain), Unfolded { size: 4, recursive: false });
        let mut definitions = serde_json::Map::new();
        for n in 0..60 {
            let next = json!({"$ref": format!("#/$defs/d%20{}", n + 1)});
            definitions.insert(format!("d {n}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("d 60".to_owned(), json!({"$anchor": "end"}));
        let doubling = json!({"$ref": "#/$defs/d%200", "$defs": definitions});
        let unfolded = of(&doubling);
        assert!(unfolded.size > 1 << 60, "{unfolded:?}");
        assert!(!unfolded.recursive);
        assert_eq!(of(&json!({"$ref": "#"})), Unfolded { size: 2, recursive: true });
        let tree = json!({"$id": "tree", "properties": {
            "left": {"$ref": "tree"}, "right": {"$ref": "tree#"}, "leaf": {"$ref": "#/none"},
        }});
        assert!(of(&tree).recursive);
        assert!(of(&tree).size < 12);
    }
}
