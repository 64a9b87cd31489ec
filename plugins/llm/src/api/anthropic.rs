//! Anthropic's messages.
//!
//! <https://docs.anthropic.com/en/api/messages>, <https://docs.anthropic.com/en/api/errors>

use super::{count, object, put, sum, text};
use crate::answer::{Answer, Finish, Usage};
use crate::ask::{Ask, Role};
use crate::failure::Refusal;
use serde_json::{Map, Value, json};

pub(super) const PLACE: &str = "https://api.anthropic.com";
pub(super) const RESERVED: &[&str] =
    &["model", "messages", "system", "stream", "tools", "tool_choice", "mcp_servers"];

/// The version of the API that this is written for.
const VERSION: &str = "2023-06-01";
/// The API has no bound of its own, and needs one.
const MAX_TOKENS: u32 = 4096;

type Request = (Vec<String>, Vec<(&'static str, String)>, Map<String, Value>);

pub(super) fn request(ask: &Ask, texts: &[Vec<String>], key: Option<&str>) -> Request {
    let messages: Vec<Value> = ask
        .turns(texts)
        .map(|(role, texts)| {
            let role = if role == Role::Assistant { "assistant" } else { "user" };
            json!({"role": role, "content": blocks(texts)})
        })
        .collect();
    let mut body = object(json!({
        "model": ask.model,
        "max_tokens": ask.max_tokens.unwrap_or(MAX_TOKENS),
        "messages": messages,
    }));
    let instructions = ask.instructions(texts);
    put(&mut body, "system", (!instructions.is_empty()).then(|| blocks(&instructions)));
    put(&mut body, "temperature", ask.temperature);
    put(&mut body, "top_p", ask.top_p);
    if !ask.stop.is_empty() {
        body.insert("stop_sequences".to_owned(), json!(ask.stop));
    }
    let mut headers = vec![("anthropic-version", VERSION.to_owned())];
    headers.extend(key.map(|key| ("x-api-key", key.to_owned())));
    (vec!["v1".to_owned(), "messages".to_owned()], headers, body)
}

fn blocks(texts: &[String]) -> Value {
    texts.iter().map(|text| json!({"type": "text", "text": text})).collect()
}

pub(super) fn answer(body: &Value) -> Result<Answer, String> {
    let blocks = body.get("content").and_then(Value::as_array).ok_or("it has no \"content\"")?;
    let said = blocks.iter().filter(|block| block["type"] == "text");
    let finish_reason = text(body, "/stop_reason");
    let cached = count(body, "/usage/cache_read_input_tokens");
    Ok(Answer {
        text: said.filter_map(|block| block["text"].as_str()).collect(),
        model: text(body, "/model").unwrap_or_default(),
        finish: match finish_reason.as_deref() {
            Some("end_turn" | "stop_sequence") => Finish::Stop,
            Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
            Some("refusal") => Finish::Filtered,
            _ => Finish::Other,
        },
        finish_reason,
        usage: Usage {
            // What is read from a cache or written to it is counted apart.
            input_tokens: sum(&[
                count(body, "/usage/input_tokens"),
                count(body, "/usage/cache_creation_input_tokens"),
                cached,
            ]),
            cached_input_tokens: cached,
            output_tokens: count(body, "/usage/output_tokens"),
            reasoning_tokens: None,
        },
        id: text(body, "/id"),
    })
}

pub(super) fn refusal(body: &Value) -> Refusal {
    Refusal {
        code: text(body, "/error/type"),
        message: text(body, "/error/message"),
        is_final: false,
        after_ms: None,
    }
}
