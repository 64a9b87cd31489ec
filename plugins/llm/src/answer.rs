//! What a model said, whichever API it came by.

use serde::Serialize;

/// The JSON Schema of an output.
pub(crate) const OUTPUT_SCHEMA: &str = include_str!("output.schema.json");

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// The model, as the endpoint names it.
    pub model: String,
    /// Why it ended.
    pub finish: Finish,
    /// The same in the endpoint's word.
    pub finish_reason: Option<String>,
    /// What was counted.
    pub usage: Usage,
    /// The endpoint's name for it.
    pub id: Option<String>,
}

/// Why a model ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// At its end, or at a stop text.
    Stop,
    /// At a bound of tokens.
    Length,
    /// For what was asked or said.
    Filtered,
    /// For another reason.
    Other,
}

/// Tokens, as the endpoint counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All of the input, what came from a cache included.
    pub input_tokens: Option<u64>,
    /// Of these, read from a cache.
    pub cached_input_tokens: Option<u64>,
    /// All of the output, reasoning included.
    pub output_tokens: Option<u64>,
    /// Of these, reasoning.
    pub reasoning_tokens: Option<u64>,
}
