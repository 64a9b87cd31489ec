//! The tools that the conformance suite of MCP wants to find, as executors.
//!
//! Each is this one wasm with another name in it: who uploads it writes the name over [`NAME`], so that each
//! is an executor of its own, with a description and a schema of its own.

use bindings::errand::task::approval::{Question, Verdict, ask, decision_of, request};
use bindings::errand::task::progress::{log, report};
use bindings::errand::task::timers::sleep;
use bindings::errand::task::types::{Error, Level};
use bindings::errand::task::waiting::{Awaitable, wait_any};
use bindings::{Descriptor, Failure, Guest, Persistence};
use serde_json::{Value, json};

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ world: "executor", path: "../../../wit", generate_all });
    export!(Conformance);
    pub(crate) use self::errand::task::execution::Persistence;
    use super::Conformance;
}

/// The room for a name, behind a mark by which it is found.
#[used]
static NAME: [u8; 96] = *b"conformance-fixture:............................................................................";
/// How long the mark is.
const MARK_BYTES: usize = "conformance-fixture:".len();
/// Longer than a call is waited for before it is answered with a task.
const A_WHILE_MS: u64 = 1_000;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==";

struct Conformance;

fn name() -> String {
    let bytes = std::hint::black_box(&NAME)[MARK_BYTES..].iter().copied();
    bytes.take_while(|byte| *byte != b'.').map(char::from).collect()
}

impl Guest for Conformance {
    fn describe() -> Descriptor {
        let name = name();
        let schema = match name.as_str() {
            "json_schema_2020_12_tool" => json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "$defs": {"address": {
                    "$anchor": "addressDef", "type": "object",
                    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
                }},
                "properties": {
                    "name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
                    "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                    "phone": {"type": "string"}, "email": {"type": "string"},
                },
                "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
                "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
                "then": {"required": ["phone"]}, "else": {"required": ["email"]},
                "additionalProperties": false,
            }),
            "greet" => json!({"type": "object", "properties": {"name": {"type": "string"}}}),
            "slow_compute" => json!({
                "type": "object",
                "properties": {"seconds": {"type": "number"}, "label": {"type": "string"}},
            }),
            _ => json!({"type": "object"}),
        };
        Descriptor {
            description: format!("The conformance suite's `{name}`."),
            input_schema: schema.to_string(),
            output_schema: json!({"type": "object"}).to_string(),
        }
    }

    fn run(input: String) -> Result<String, Failure> {
        let input: Value =
            serde_json::from_str(&input).map_err(|error| failed(&error.to_string()))?;
        let blocks = perform(&name(), &input)?;
        Ok(json!({ "content": blocks }).to_string())
    }
}

fn perform(name: &str, input: &Value) -> Result<Vec<Value>, Failure> {
    let image = || json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    Ok(match name {
        "greet" => vec![text(&format!("Hello, {}!", input["name"].as_str().unwrap_or("you")))],
        "slow_compute" => {
            let seconds = input["seconds"].as_f64().unwrap_or(0.0);
            wait((seconds * 1_000.0) as u64)?;
            vec![text("computed")]
        }
        "failing_job" => {
            wait(A_WHILE_MS)?;
            return Err(failed("it always fails"));
        }
        "protocol_error_job" => {
            wait(A_WHILE_MS)?;
            std::process::abort();
        }
        "confirm_delete" => {
            wait(A_WHILE_MS)?;
            vec![text(&asked("Delete it?", "confirm", "boolean")?)]
        }
        "multi_input" => {
            wait(A_WHILE_MS)?;
            vec![text(&two_at_once()?)]
        }
        "test_tool_with_task" => {
            let answer = asked("What is your name?", "name", "string")?;
            wait(A_WHILE_MS)?;
            vec![text(&format!("Hello, {answer}!"))]
        }
        "test_simple_text" => vec![text("This is a simple text response for testing.")],
        "test_image_content" => vec![image()],
        "test_audio_content" => {
            vec![json!({"type": "audio", "data": WAV, "mimeType": "audio/wav"})]
        }
        "test_embedded_resource" => vec![resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )],
        "test_multiple_content_types" => vec![
            text("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ],
        "test_error_handling" => {
            return Err(failed("This tool intentionally returns an error for testing"));
        }
        "test_tool_with_progress" => {
            for done in [0, 50, 100] {
                report(done, Some(100), None);
                wait(250)?;
            }
            vec![text("done")]
        }
        "test_tool_with_logging" | "test_logging_tool" => {
            for line in ["started", "at work", "done"] {
                log(Level::Info, line);
            }
            vec![text("logged")]
        }
        "test_elicitation" | "test_streaming_elicitation" => {
            let properties = json!({
                "username": {"type": "string", "description": "User's response"},
                "email": {"type": "string", "description": "User's email address"},
            });
            let schema = json!({"type": "object", "properties": properties, "required": ["username", "email"]});
            elicited(input["message"].as_str().unwrap_or("Who are you?"), &schema)?
        }
        "test_elicitation_sep1034_defaults" => elicited(
            "Please review",
            &json!({"type": "object", "properties": {
                "name": {"type": "string", "default": "John Doe"},
                "age": {"type": "integer", "default": 30},
                "score": {"type": "number", "default": 95.5},
                "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
                "verified": {"type": "boolean", "default": true},
            }, "required": []}),
        )?,
        "test_elicitation_sep1330_enums" => elicited(
            "Please choose",
            &json!({"type": "object", "properties": {
                "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
                "titledSingle": {"type": "string", "oneOf": [
                    {"const": "value1", "title": "First Option"}, {"const": "value2", "title": "Second Option"},
                    {"const": "value3", "title": "Third Option"},
                ]},
                "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"],
                               "enumNames": ["Option One", "Option Two", "Option Three"]},
                "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
                "titledMulti": {"type": "array", "items": {"anyOf": [
                    {"const": "value1", "title": "First Choice"}, {"const": "value2", "title": "Second Choice"},
                    {"const": "value3", "title": "Third Choice"},
                ]}},
            }, "required": []}),
        )?,
        "test_input_required_result_multi_round" => {
            let name = asked("What is your name?", "name", "string")?;
            let color = asked("What is your favorite color?", "color", "string")?;
            vec![text(&format!("{name} likes {color}"))]
        }
        "test_input_required_result_request_state" => {
            asked("Please confirm", "ok", "boolean")?;
            vec![text("state-ok")]
        }
        "test_input_required_result_tampered_state" => {
            vec![text(&asked("Please confirm", "ok", "boolean")?)]
        }
        "test_input_required_result_elicitation" => {
            vec![text(&format!("Hello, {}!", asked("What is your name?", "name", "string")?))]
        }
        _ => vec![text("called")],
    })
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn resource(uri: &str, kind: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": text}})
}

fn wait(ms: u64) -> Result<(), Failure> {
    sleep(ms).map_err(refused)
}

fn question(title: &str, schema: &Value) -> Question {
    Question {
        title: title.to_owned(),
        detail: String::new(),
        schema: Some(schema.to_string()),
        timeout_ms: None,
        show_diff: false,
        attachments: Vec::new(),
    }
}

/// A form with one field that must be filled in.
fn form(field: &str, kind: &str) -> Value {
    json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]})
}

/// Asks for one value, and returns it as text.
fn asked(title: &str, field: &str, kind: &str) -> Result<String, Failure> {
    let decision = ask(&question(title, &form(field, kind))).map_err(refused)?;
    match (decision.verdict, decision.values) {
        (Verdict::Approved, Some(values)) => {
            let values: Value = serde_json::from_str(&values).unwrap_or_default();
            Ok(match &values[field] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        }
        (verdict, _) => Err(failed(&format!("the answer was {verdict:?}"))),
    }
}

/// Asks two things at once, and waits for both.
fn two_at_once() -> Result<String, Failure> {
    let ids = [("Your name?", "name", "string"), ("Sure?", "confirm", "boolean")]
        .map(|(title, field, kind)| request(&question(title, &form(field, kind))));
    let mut said = Vec::new();
    for id in ids {
        let id = id.map_err(refused)?;
        wait_any(&[Awaitable::Approval(id.clone())]).map_err(refused)?;
        let decision = decision_of(&id).map_err(refused)?;
        said.push(format!("{:?}", decision.verdict));
    }
    Ok(said.join(", "))
}

/// Asks, and tells what the answer was, whatever it is.
fn elicited(title: &str, schema: &Value) -> Result<Vec<Value>, Failure> {
    let decision = ask(&question(title, schema)).map_err(refused)?;
    let action = match decision.verdict {
        Verdict::Approved => "accept",
        _ => "decline",
    };
    let values = decision.values.unwrap_or_else(|| "{}".to_owned());
    Ok(vec![text(&format!("User response: action={action}, content={values}"))])
}

fn refused(error: Error) -> Failure {
    failed(&format!("{error:?}"))
}

fn failed(message: &str) -> Failure {
    Failure {
        code: "failed".to_owned(),
        message: message.to_owned(),
        detail: None,
        persistence: Persistence::Permanent,
    }
}
