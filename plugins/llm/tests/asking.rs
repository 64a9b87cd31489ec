//! What is sent to each API, against what each documents.

use llm::{Api, Ask, Part, Prepared};
use serde_json::{Value, json};

/// Writes an input's request, with the contents of files in place of them.
fn prepared(input: &Value, key: Option<&str>) -> Prepared {
    let ask = Ask::from_json(&input.to_string()).expect("it is an input");
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::File(name) => format!("what is in {name}"),
    };
    let texts: Vec<Vec<String>> =
        ask.messages.iter().map(|message| message.content.iter().map(text).collect()).collect();
    ask.api.prepare(&ask, &texts, key).expect("it can be sent")
}

fn refused(input: &Value) -> String {
    Ask::from_json(&input.to_string()).expect_err("it is no input").to_string()
}

/// A conversation with all that an input can say of one.
fn conversation(api: &str) -> Value {
    json!({
        "api": api, "model": "some-model", "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": [{"text": "Sum up:"}, {"file": "notes.md"}]},
        ],
        "max_tokens": 100, "temperature": 0.5, "top_p": 0.9, "stop": ["END"],
    })
}

#[test]
fn openai_gets_a_chat_completion() {
    let sent = prepared(&conversation("openai"), Some("k"));
    assert_eq!(sent.url.as_str(), "https://api.openai.com/v1/chat/completions");
    assert_eq!(sent.headers, [("authorization", "Bearer k".to_owned())]);
    let expected = json!({
        "model": "some-model",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": [
                {"type": "text", "text": "Sum up:"}, {"type": "text", "text": "what is in notes.md"},
            ]},
        ],
        "max_completion_tokens": 100, "temperature": 0.5, "top_p": 0.9, "stop": ["END"],
    });
    assert_eq!(sent.body, expected);
}

#[test]
fn what_is_compatible_with_openai_gets_the_older_name_of_the_bound_and_no_key_that_is_not_there() {
    let input = json!({
        "api": "openai", "model": "m", "prompt": "Hello", "max_tokens": 9,
        "base_url": "http://127.0.0.1:8000/v1/",
    });
    let sent = prepared(&input, None);
    assert_eq!(sent.url.as_str(), "http://127.0.0.1:8000/v1/chat/completions");
    assert!(sent.headers.is_empty());
    assert_eq!(
        (&sent.body["max_tokens"], &sent.body["max_completion_tokens"]),
        (&json!(9), &Value::Null)
    );
}

#[test]
fn anthropic_gets_a_message_with_the_bound_that_it_needs() {
    let sent = prepared(&conversation("anthropic"), Some("k"));
    assert_eq!(sent.url.as_str(), "https://api.anthropic.com/v1/messages");
    let version = ("anthropic-version", "2023-06-01".to_owned());
    assert_eq!(sent.headers, [version, ("x-api-key", "k".to_owned())]);
    let expected = json!({
        "model": "some-model", "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "user", "content": [
                {"type": "text", "text": "Sum up:"}, {"type": "text", "text": "what is in notes.md"},
            ]},
        ],
        "temperature": 0.5, "top_p": 0.9, "stop_sequences": ["END"],
    });
    assert_eq!(sent.body, expected);
    let short = prepared(&json!({"api": "anthropic", "model": "m", "prompt": "Hello"}), None);
    assert_eq!(short.body["max_tokens"], 4096);
}

#[test]
fn gemini_and_vertex_get_the_same_contents_at_their_own_places() {
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hello"}]},
            {"role": "model", "parts": [{"text": "Hi"}]},
            {"role": "user", "parts": [{"text": "Sum up:"}, {"text": "what is in notes.md"}]},
        ],
        "generationConfig": {
            "maxOutputTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"],
        },
    });
    let google = prepared(&conversation("gemini"), Some("k"));
    assert_eq!(google.body, expected);
    let place =
        "https://generativelanguage.googleapis.com/v1beta/models/some-model:generateContent";
    assert_eq!(google.url.as_str(), place);
    assert_eq!(google.headers, [("x-goog-api-key", "k".to_owned())]);

    let mut input = conversation("vertex");
    input["project"] = json!("p-1");
    input["location"] = json!("europe-west4");
    let vertex = prepared(&input, Some("k"));
    assert_eq!(vertex.body, expected);
    let place = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/\
                 publishers/google/models/some-model:generateContent";
    assert_eq!(vertex.url.as_str(), place);
    assert_eq!(vertex.headers, [("authorization", "Bearer k".to_owned())]);
    input["location"] = Value::Null;
    let place = prepared(&input, None).url;
    assert_eq!(place.host_str(), Some("aiplatform.googleapis.com"));
    assert!(place.path().contains("/locations/global/"));
}

#[test]
fn further_fields_go_into_the_body_and_objects_into_objects() {
    let mut input = conversation("gemini");
    input["extra"] = json!({
        "generationConfig": {"responseMimeType": "application/json", "temperature": 0},
        "safetySettings": [],
    });
    let config = json!({
        "maxOutputTokens": 100, "temperature": 0, "topP": 0.9, "stopSequences": ["END"],
        "responseMimeType": "application/json",
    });
    let body = prepared(&input, None).body;
    assert_eq!((&body["generationConfig"], &body["safetySettings"]), (&config, &json!([])));
}

#[test]
fn tools_and_streaming_are_off() {
    for (api, field) in [
        ("openai", "stream"),
        ("openai", "tools"),
        ("anthropic", "stream"),
        ("anthropic", "tools"),
        ("gemini", "tools"),
        ("openai", "model"),
        ("gemini", "contents"),
    ] {
        let input = json!({"api": api, "model": "m", "prompt": "p", "extra": {field: true}});
        assert_eq!(refused(&input), format!("\"extra\" can't have {field:?}"));
    }
}

#[test]
fn what_does_not_go_together_is_said() {
    let with = |field: &str, value: Value| {
        let mut input = json!({"api": "openai", "model": "m", "prompt": "p"});
        input[field] = value;
        refused(&input)
    };
    assert!(with("messages", json!([{"role": "user", "content": "p"}])).contains("one says it"));
    assert!(with("prompt", Value::Null).contains("asks nothing"));
    assert!(with("project", json!("p")).contains("for Vertex AI"));
    assert!(with("api", json!("vertex")).contains("needs a \"project\""));
    assert!(with("api", json!("other")).contains("unknown variant `other`"));
    assert!(with("colour", json!("red")).contains("unknown field `colour`"));
    let strange = json!([{"role": "user", "content": 7}]);
    let said = refused(&json!({"api": "openai", "model": "m", "messages": strange}));
    assert!(said.contains("a text, or a list of"), "{said}");
    let system = json!([{"role": "system", "content": "s"}]);
    assert!(
        refused(&json!({"api": "openai", "model": "m", "messages": system}))
            .contains("asks nothing")
    );
}

#[test]
fn a_base_that_is_no_url_is_refused() {
    for base in ["nowhere", "file:///etc", "mailto:a@b", ""] {
        let input = json!({"api": "openai", "model": "m", "prompt": "p", "base_url": base});
        let ask = Ask::from_json(&input.to_string()).expect("only its URL is wrong");
        let error = Api::Openai.prepare(&ask, &[vec!["p".to_owned()]], None).expect_err(base);
        assert!(error.to_string().contains("no http or https URL"), "{error}");
    }
}
