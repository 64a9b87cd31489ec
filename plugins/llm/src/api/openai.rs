//! OpenAI's chat completions, and the many servers that speak them.
//!
//! <https://platform.openai.com/docs/api-reference/chat>

use super::{count, object, put, text};
use crate::answer::{Answer, Finish, Usage};
use crate::ask::{Ask, Role};
use crate::failure::Refusal;
use serde_json::{Map, Value, json};

pub(super) const PLACE: &str = "https://api.openai.com/v1";
pub(super) const RESERVED: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "n",
    "web_search_options",
];

type Request = (Vec<String>, Vec<(&'static str, String)>, Map<String, Value>);

pub(super) fn request(ask: &Ask, texts: &[Vec<String>], key: Option<&str>) -> Request {
    let mut messages = Vec::new();
    let instructions = ask.instructions(texts);
    if !instructions.is_empty() {
        messages.push(json!({"role": "system", "content": content(&instructions)}));
    }
    for (role, texts) in ask.turns(texts) {
        let role = if role == Role::Assistant { "assistant" } else { "user" };
        messages.push(json!({"role": role, "content": content(texts)}));
    }
    let mut body = object(json!({"model": ask.model, "messages": messages}));
    // OpenAI's own models want the newer name; servers that are compatible know the older one.
    let bound = if ask.base_url.is_none() { "max_completion_tokens" } else { "max_tokens" };
    put(&mut body, bound, ask.max_tokens);
    put(&mut body, "temperature", ask.temperature);
    put(&mut body, "top_p", ask.top_p);
    if !ask.stop.is_empty() {
        body.insert("stop".to_owned(), json!(ask.stop));
    }
    let headers = key.map(|key| ("authorization", format!("Bearer {key}"))).into_iter().collect();
    (vec!["chat".to_owned(), "completions".to_owned()], headers, body)
}

/// One text as it is, which every server takes; several as parts.
fn content(texts: &[String]) -> Value {
    match texts {
        [one] => json!(one),
        several => several.iter().map(|text| json!({"type": "text", "text": text})).collect(),
    }
}

pub(super) fn answer(body: &Value) -> Result<Answer, String> {
    let choice = body.pointer("/choices/0").ok_or("it has no \"choices\"")?;
    let message = choice.get("message").ok_or("its choice has no \"message\"")?;
    let refusal = text(message, "/refusal");
    let finish_reason = text(choice, "/finish_reason");
    let finish = match finish_reason.as_deref() {
        _ if refusal.is_some() => Finish::Filtered,
        Some("stop") => Finish::Stop,
        Some("length") => Finish::Length,
        Some("content_filter") => Finish::Filtered,
        _ => Finish::Other,
    };
    Ok(Answer {
        text: text(message, "/content").or(refusal).unwrap_or_default(),
        model: text(body, "/model").unwrap_or_default(),
        finish,
        finish_reason,
        usage: Usage {
            input_tokens: count(body, "/usage/prompt_tokens"),
            cached_input_tokens: count(body, "/usage/prompt_tokens_details/cached_tokens"),
            output_tokens: count(body, "/usage/completion_tokens"),
            reasoning_tokens: count(body, "/usage/completion_tokens_details/reasoning_tokens"),
        },
        id: text(body, "/id"),
    })
}

pub(super) fn refusal(body: &Value) -> Refusal {
    let code = text(body, "/error/code").or_else(|| text(body, "/error/type"));
    // Servers that are compatible say it in several ways.
    let message = text(body, "/error/message").or_else(|| text(body, "/error"));
    Refusal {
        is_final: code.as_deref() == Some("insufficient_quota"),
        message: message.or_else(|| text(body, "/message")).or_else(|| text(body, "/detail")),
        code,
        after_ms: None,
    }
}
