//! Executors as tools: each function of each executor that the operator exposes is one of its own.

use std::collections::HashSet;
use std::sync::Arc;

use errand_core::{ExecutorKind, ExecutorRecord, ExecutorRef, FunctionProfile};
use errand_scheduler::{ServiceError, TaskRequest};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::asking::Asking;
use super::{outcome, tools};

/// The longest name. Clients put the server's name before it and allow 64 characters in all.
const MAX_NAME_CHARS: usize = 48;
/// Digits of the digest that tells apart names that would be the same.
const TAIL_CHARS: usize = 6;
/// The one member of an input that is no object by itself.
const INPUT: &str = "input";

/// A function that is a tool.
pub(super) struct FunctionTool {
    pub(super) name: String,
    executor: ExecutorRef,
    /// Of executors of kind `functions` alone.
    function: Option<String>,
    title: String,
    description: Option<String>,
    input_schema: Value,
    output_schema: Value,
    /// Whether the input is the value of [`INPUT`].
    is_wrapped: bool,
    reaches_out: bool,
}

/// Returns the functions that are tools for a caller, by name.
pub(super) async fn all(asking: &Asking) -> Result<Vec<FunctionTool>, ServiceError> {
    let home = asking.caller.home();
    let records = asking.service().executors(&asking.caller).await?;
    let exposed = &asking.app.config.exposed;
    let is_exposed = |record: &&ExecutorRecord| {
        let name = record.name.as_str();
        record.namespace == home
            && exposed.as_ref().is_none_or(|names| names.iter().any(|one| one == name))
    };
    let mut taken: HashSet<String> = tools::names().map(str::to_owned).collect();
    let mut found = Vec::new();
    for record in records.iter().filter(is_exposed) {
        let Some(version) = record.versions.last() else { continue };
        let profile = &version.profile;
        let executor = ExecutorRef { name: record.name.clone(), digest: profile.digest };
        let reaches_out = !asking.service().granted(&home, &executor).http.is_empty();
        for function in &profile.functions {
            let named = (profile.kind == ExecutorKind::Functions).then_some(function);
            let name = free_name(&record.name.to_string(), named, &taken);
            taken.insert(name.clone());
            let about = function.description.as_ref().or(profile.description.as_ref());
            let (mut input_schema, is_wrapped) = input_schema(&function.input_schema);
            mirror_nothing(&mut input_schema);
            found.push(FunctionTool {
                name,
                title: match named {
                    Some(function) => format!("{}: {}", record.name, function.name),
                    None => record.name.to_string(),
                },
                description: about.cloned(),
                input_schema,
                output_schema: function.output_schema.clone(),
                is_wrapped,
                reaches_out,
                function: named.map(|function| function.name.clone()),
                executor: executor.clone(),
            });
        }
    }
    Ok(found)
}

/// Returns one of them.
pub(super) async fn find(
    asking: &Asking,
    name: &str,
) -> Result<Option<FunctionTool>, ServiceError> {
    Ok(all(asking).await?.into_iter().find(|function| function.name == name))
}

impl FunctionTool {
    /// Describes it to clients.
    pub(super) fn describe(&self) -> Tool {
        let about = self.description.as_deref().unwrap_or("Runs the executor in a sandbox.");
        let description = format!(
            "{about}\n\nRuns as a task of its own in a sandbox. What takes longer than a few seconds goes \
             on in the background: the answer then has its `task_id`, for `wait_for_task`."
        );
        let annotations = ToolAnnotations::with_title(self.title.clone())
            .read_only(false)
            .destructive(false)
            .idempotent(false)
            .open_world(self.reaches_out);
        // What refers to parts of itself can't be put inside another schema.
        let output = (!refers(&self.output_schema)).then_some(&self.output_schema);
        Tool::new(self.name.clone(), description, object(&self.input_schema))
            .with_title(self.title.clone())
            .with_raw_output_schema(object(&outcome::or_refusal(outcome::schema(output))))
            .with_annotations(annotations)
    }

    /// Returns the task that a call of it asks for.
    pub(super) fn request(&self, arguments: JsonObject) -> TaskRequest {
        let mut arguments = arguments;
        let input = match self.is_wrapped {
            true => arguments.remove(INPUT).unwrap_or_default(),
            false => Value::Object(arguments),
        };
        let mut request = TaskRequest::new(self.executor.to_string(), input);
        request.function = self.function.clone();
        request
    }
}

/// Makes a name that every client takes, and that no other tool has.
fn free_name(
    executor: &str,
    function: Option<&FunctionProfile>,
    taken: &HashSet<String>,
) -> String {
    let whole = match function {
        Some(function) => format!("{executor}_{}", function.name),
        None => executor.to_owned(),
    };
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = whole.chars().map(allowed).collect();
    if name.len() <= MAX_NAME_CHARS && !taken.contains(&name) {
        return name;
    }
    let digest = blake3::hash(whole.as_bytes()).to_hex();
    let head: String = name.chars().take(MAX_NAME_CHARS - TAIL_CHARS - 1).collect();
    format!("{head}_{}", &digest[..TAIL_CHARS])
}

/// Returns the schema of the tool's arguments, and whether the input is a member of them.
fn input_schema(schema: &Value) -> (Value, bool) {
    let takes_objects = match schema.get("type") {
        None => true,
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(_) => false,
    };
    if takes_objects {
        let mut schema = schema.as_object().cloned().unwrap_or_default();
        schema.insert("type".to_owned(), json!("object"));
        return (Value::Object(schema), false);
    }
    let inner = if refers(schema) { json!({}) } else { schema.clone() };
    let wrapped = json!({"type": "object", "properties": {INPUT: inner}, "required": [INPUT]});
    (wrapped, true)
}

/// Takes the marks out by which a client would send an argument as a header too: none is looked at.
fn mirror_nothing(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.remove("x-mcp-header");
            members.values_mut().for_each(mirror_nothing);
        }
        Value::Array(items) => items.iter_mut().for_each(mirror_nothing),
        _ => {}
    }
}

/// Tells whether a schema refers to parts of itself.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// Returns an object of JSON as the protocol's types have it.
pub(super) fn object(value: &Value) -> Arc<JsonObject> {
    Arc::new(value.as_object().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str) -> FunctionProfile {
        FunctionProfile {
            name: name.to_owned(),
            description: None,
            input_schema: json!({}),
            output_schema: json!({}),
            signature: None,
        }
    }

    #[test]
    fn names_are_what_every_client_takes_and_no_two_are_the_same() {
        let mut taken = HashSet::from(["get_task".to_owned()]);
        let long = "x".repeat(60);
        let functions = ["a:b/c@1.0#d", "a:b/c@1.0.d", "plain", long.as_str()].map(function);
        let mut names = vec![free_name("get_task", None, &taken), free_name("a.b", None, &taken)];
        for function in &functions {
            let name = free_name("tool", Some(function), &taken);
            assert!(taken.insert(name.clone()), "{name} is there twice");
            names.push(name);
        }
        for name in &names {
            assert!(name.len() <= MAX_NAME_CHARS, "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{name}");
        }
        assert_eq!(names[1], "a_b");
        assert!(names[0].starts_with("get_task_"), "{}", names[0]);
        assert_eq!(names[4], "tool_plain");
    }

    #[test]
    fn an_input_that_is_no_object_becomes_a_member_of_one() {
        assert_eq!(input_schema(&json!({})), (json!({"type": "object"}), false));
        let (schema, is_wrapped) = input_schema(&json!({"type": "string"}));
        assert!(is_wrapped);
        assert_eq!(schema["properties"]["input"], json!({"type": "string"}));
        let (schema, is_wrapped) = input_schema(&json!({"type": ["object", "null"]}));
        assert_eq!((&schema["type"], is_wrapped), (&json!("object"), false));
    }
}
