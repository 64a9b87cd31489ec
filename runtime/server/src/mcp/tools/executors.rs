//! `list_executors`.

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Answer, structured};
use crate::mcp::asking::Asking;

/// Which executors.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(in crate::mcp) struct Arguments {
    /// This one alone.
    #[schema(required = false)]
    name: Option<String>,
}

pub(super) async fn list(asking: &Asking, arguments: Arguments) -> Answer {
    let records = match arguments.name {
        Some(name) => vec![asking.service().executor(&asking.caller, &name).await?],
        None => asking.service().executors(&asking.caller).await?,
    };
    let mut items = Vec::new();
    for record in &records {
        let Some(version) = record.versions.last() else { continue };
        let profile = &version.profile;
        let functions: Vec<Value> = profile
            .functions
            .iter()
            .map(|function| {
                let mut told = json!({
                    "name": function.name,
                    "input_schema": function.input_schema,
                    "output_schema": function.output_schema,
                });
                if let Some(description) = &function.description {
                    told["description"] = json!(description);
                }
                told
            })
            .collect();
        let mut item = json!({"name": record.name, "kind": profile.kind, "functions": functions});
        if let Some(description) = &profile.description {
            item["description"] = json!(description);
        }
        items.push(item);
    }
    structured(&json!({ "items": items }))
}

/// The schema of the answer.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"items": {"type": "array", "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "kind": {
                    "type": "string",
                    "enum": ["native", "functions", "command"],
                    "description": "Tasks of the kind functions name a function.",
                },
                "description": {"type": "string"},
                "functions": {"type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"}, "description": {"type": "string"},
                        "input_schema": {}, "output_schema": {},
                    },
                    "required": ["name", "input_schema", "output_schema"],
                }},
            },
            "required": ["name", "kind", "functions"],
        }}},
        "required": ["items"],
    })
}
