//! The APIs: how each is asked, what it answers, and how it refuses.

mod anthropic;
mod gemini;
mod openai;

use crate::answer::Answer;
use crate::ask::{Ask, InvalidAsk};
use crate::failure::Refusal;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// OpenAI's chat completions, and what is compatible with them.
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`, with an API key.
    Gemini,
    /// The same on Vertex AI, with an access token.
    Vertex,
}

/// A request as an API documents it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where it goes.
    pub url: Url,
    /// Headers, but for those of every request with JSON.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Value,
}

impl Api {
    /// Returns the variable that has the key where the input names none.
    pub fn key_variable(self) -> &'static str {
        match self {
            Self::Openai => "OPENAI_API_KEY",
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Gemini => "GEMINI_API_KEY",
            Self::Vertex => "GOOGLE_OAUTH_ACCESS_TOKEN",
        }
    }

    /// Writes what is asked; `texts` are those of each message.
    ///
    /// # Errors
    /// Where the place is no URL.
    pub fn prepare(
        self,
        ask: &Ask,
        texts: &[Vec<String>],
        key: Option<&str>,
    ) -> Result<Prepared, InvalidAsk> {
        let (steps, headers, mut body) = match self {
            Self::Openai => openai::request(ask, texts, key),
            Self::Anthropic => anthropic::request(ask, texts, key),
            Self::Gemini | Self::Vertex => gemini::request(ask, texts, key),
        };
        merge(&mut body, &ask.extra);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        Ok(Prepared { url: ask.url(&steps)?, headers, body: Value::Object(body) })
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// Says what is missing, where it is not one that the API documents.
    pub fn answer(self, body: &Value) -> Result<Answer, String> {
        match self {
            Self::Openai => openai::answer(body),
            Self::Anthropic => anthropic::answer(body),
            Self::Gemini | Self::Vertex => gemini::answer(body),
        }
    }

    /// Reads what the API says of an error.
    pub(crate) fn refusal(self, body: &Value) -> Refusal {
        match self {
            Self::Openai => openai::refusal(body),
            Self::Anthropic => anthropic::refusal(body),
            Self::Gemini | Self::Vertex => gemini::refusal(body),
        }
    }

    /// Returns the fields of a body that the input has words of its own for, or that turn on tools or streaming.
    pub(crate) fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Openai => openai::RESERVED,
            Self::Anthropic => anthropic::RESERVED,
            Self::Gemini | Self::Vertex => gemini::RESERVED,
        }
    }

    /// Returns where the API is, unless somebody says otherwise.
    pub(crate) fn usual_place(self, ask: &Ask) -> String {
        match self {
            Self::Openai => openai::PLACE.to_owned(),
            Self::Anthropic => anthropic::PLACE.to_owned(),
            Self::Gemini => gemini::PLACE.to_owned(),
            Self::Vertex => gemini::vertex_place(
                ask.project.as_deref().unwrap_or_default(),
                ask.location.as_deref().unwrap_or("global"),
            ),
        }
    }
}

/// Puts fields into a body, objects into objects.
fn merge(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (body.get_mut(name), value) {
            (Some(Value::Object(own)), Value::Object(more)) => merge(own, more),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Adds a field where there is a value.
fn put<T: Into<Value>>(body: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

/// Returns a text of a body.
fn text(body: &Value, pointer: &str) -> Option<String> {
    body.pointer(pointer)?.as_str().map(str::to_owned)
}

/// Returns a count of a body.
fn count(body: &Value, pointer: &str) -> Option<u64> {
    body.pointer(pointer)?.as_u64()
}

/// Adds up what is counted, where anything is.
fn sum(counts: &[Option<u64>]) -> Option<u64> {
    counts.iter().flatten().copied().reduce(u64::saturating_add)
}

/// Makes a JSON object.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
