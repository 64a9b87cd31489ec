//! Gemini's `generateContent`, at Google AI with a key and on Vertex AI with an access token.
//!
//! <https://ai.google.dev/api/generate-content>,
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>

use super::{count, object, put, sum, text};
use crate::answer::{Answer, Finish, Usage};
use crate::api::Api;
use crate::ask::{Ask, Role};
use crate::failure::Refusal;
use serde_json::{Map, Value, json};

pub(super) const PLACE: &str = "https://generativelanguage.googleapis.com/v1beta";
pub(super) const RESERVED: &[&str] =
    &["contents", "systemInstruction", "system_instruction", "tools", "toolConfig", "tool_config"];

type Request = (Vec<String>, Vec<(&'static str, String)>, Map<String, Value>);

/// Returns where Vertex AI has the models of Google.
pub(super) fn vertex_place(project: &str, location: &str) -> String {
    let host = match location {
        "global" => "aiplatform.googleapis.com".to_owned(),
        location => format!("{location}-aiplatform.googleapis.com"),
    };
    format!("https://{host}/v1/projects/{project}/locations/{location}/publishers/google")
}

pub(super) fn request(ask: &Ask, texts: &[Vec<String>], key: Option<&str>) -> Request {
    let contents: Vec<Value> = ask
        .turns(texts)
        .map(|(role, texts)| {
            let role = if role == Role::Assistant { "model" } else { "user" };
            json!({"role": role, "parts": parts(texts)})
        })
        .collect();
    let mut body = object(json!({ "contents": contents }));
    let instructions = ask.instructions(texts);
    if !instructions.is_empty() {
        body.insert("systemInstruction".to_owned(), json!({"parts": parts(&instructions)}));
    }
    let mut config = Map::new();
    put(&mut config, "maxOutputTokens", ask.max_tokens);
    put(&mut config, "temperature", ask.temperature);
    put(&mut config, "topP", ask.top_p);
    if !ask.stop.is_empty() {
        config.insert("stopSequences".to_owned(), json!(ask.stop));
    }
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), Value::Object(config));
    }
    let header = |key: &str| match ask.api {
        Api::Vertex => ("authorization", format!("Bearer {key}")),
        _ => ("x-goog-api-key", key.to_owned()),
    };
    // `gemini-2.5-flash`, or with where it is: `models/…`, `tunedModels/…`.
    let model = match ask.model.contains('/') {
        true => format!("{}:generateContent", ask.model),
        false => format!("models/{}:generateContent", ask.model),
    };
    let steps = model.split('/').map(str::to_owned).collect();
    (steps, key.map(header).into_iter().collect(), body)
}

fn parts(texts: &[String]) -> Value {
    texts.iter().map(|text| json!({"text": text})).collect()
}

pub(super) fn answer(body: &Value) -> Result<Answer, String> {
    let candidate = body.pointer("/candidates/0");
    let blocked = text(body, "/promptFeedback/blockReason");
    if candidate.is_none() && blocked.is_none() {
        return Err("it has neither \"candidates\" nor a \"blockReason\"".to_owned());
    }
    let parts = candidate.and_then(|one| one.pointer("/content/parts")).and_then(Value::as_array);
    // Thoughts are no part of what is said.
    let said = parts.into_iter().flatten().filter(|part| part["thought"] != true);
    let finish_reason = candidate.and_then(|one| text(one, "/finishReason")).or(blocked);
    let reasoning = count(body, "/usageMetadata/thoughtsTokenCount");
    Ok(Answer {
        text: said.filter_map(|part| part["text"].as_str()).collect(),
        model: text(body, "/modelVersion").unwrap_or_default(),
        finish: match finish_reason.as_deref() {
            Some("STOP") => Finish::Stop,
            Some("MAX_TOKENS") => Finish::Length,
            Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII") => {
                Finish::Filtered
            }
            _ if candidate.is_none() => Finish::Filtered,
            _ => Finish::Other,
        },
        finish_reason,
        usage: Usage {
            input_tokens: count(body, "/usageMetadata/promptTokenCount"),
            cached_input_tokens: count(body, "/usageMetadata/cachedContentTokenCount"),
            // Thoughts are counted apart.
            output_tokens: sum(&[count(body, "/usageMetadata/candidatesTokenCount"), reasoning]),
            reasoning_tokens: reasoning,
        },
        id: text(body, "/responseId"),
    })
}

pub(super) fn refusal(body: &Value) -> Refusal {
    // Some of Google's front ends wrap an error in a list.
    let body = body.get(0).unwrap_or(body);
    let details = body.pointer("/error/details").and_then(Value::as_array);
    let delay = details.into_iter().flatten().find_map(|one| one["retryDelay"].as_str());
    Refusal {
        code: text(body, "/error/status"),
        message: text(body, "/error/message"),
        is_final: false,
        after_ms: delay.and_then(milliseconds),
    }
}

/// Reads a duration as Google's APIs write it: `13s`, `0.5s`.
fn milliseconds(duration: &str) -> Option<u64> {
    let seconds: f64 = duration.strip_suffix('s')?.parse().ok()?;
    let bound = f64::from(u32::MAX);
    (0.0..bound).contains(&seconds).then(|| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within bounds"
        )]
        let ms = (seconds * 1_000.0).ceil() as u64;
        ms
    })
}
