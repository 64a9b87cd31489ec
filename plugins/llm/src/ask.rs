//! What a task wants of a model.

use crate::api::Api;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;
use url::Url;

/// The JSON Schema of an input.
pub(crate) const INPUT_SCHEMA: &str = include_str!("input.schema.json");

/// What a task wants: a conversation, who goes on with it, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct Ask {
    /// What the endpoint speaks.
    pub api: Api,
    /// The model's name.
    pub model: String,
    /// What the user says, where there are no messages.
    #[serde(default)]
    prompt: Option<String>,
    /// The conversation.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// What comes before everything else.
    pub system: Option<String>,
    /// The most tokens of output.
    pub max_tokens: Option<u32>,
    /// How far from the likeliest it may go.
    pub temperature: Option<f64>,
    /// How much of what is likely is considered.
    pub top_p: Option<f64>,
    /// Texts at which the output ends.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Further fields of the request's body.
    #[serde(default)]
    pub extra: Map<String, Value>,
    /// Where the API is, where it is not at its usual place.
    pub base_url: Option<String>,
    /// Vertex AI's project.
    pub project: Option<String>,
    /// Vertex AI's location.
    pub location: Option<String>,
    /// The variable of the environment that has the key.
    pub key_variable: Option<String>,
    /// How long to wait for the answer, in seconds.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
    /// How often to try again what was not done.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// Whether the endpoint heeds an `Idempotency-Key`.
    #[serde(default)]
    pub idempotent: bool,
    /// What to do where nobody knows whether it was done.
    #[serde(default)]
    pub when_unknown: WhenUnknown,
}

const fn default_timeout_s() -> u64 {
    600
}

const fn default_retries() -> u32 {
    2
}

/// A turn of a conversation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    #[serde(deserialize_with = "parts")]
    pub content: Vec<Part>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever set it up.
    System,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Written out.
    Text(String),
    /// A file of the workspace.
    File(String),
}

/// What to do where nobody knows whether a completion was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnknown {
    /// Say so, and leave it to whoever asked.
    #[default]
    Fail,
    /// Ask again, which may be paid twice.
    AskAgain,
}

/// Why an input is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAsk(pub(crate) String);

impl fmt::Display for InvalidAsk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for InvalidAsk {}

impl Ask {
    /// Reads an input.
    ///
    /// # Errors
    /// Where the JSON is not of the input's schema, or its fields don't go together.
    pub fn from_json(text: &str) -> Result<Self, InvalidAsk> {
        let mut ask: Self = serde_json::from_str(text)
            .map_err(|error| InvalidAsk(format!("the input is not as it must be: {error}")))?;
        match ask.prompt.take() {
            Some(_) if !ask.messages.is_empty() => {
                return Err(InvalidAsk("the input has a prompt and messages; one says it".into()));
            }
            Some(prompt) => {
                ask.messages =
                    vec![Message { role: Role::User, content: vec![Part::Text(prompt)] }];
            }
            None => {}
        }
        if ask.messages.iter().all(|message| message.role == Role::System) {
            return Err(InvalidAsk("the input asks nothing: it needs a prompt or messages".into()));
        }
        if let Some(own) = ask.api.reserved().iter().find(|own| ask.extra.contains_key(**own)) {
            return Err(InvalidAsk(format!("\"extra\" can't have {own:?}")));
        }
        let is_vertex = ask.api == Api::Vertex;
        if !is_vertex && (ask.project.is_some() || ask.location.is_some()) {
            return Err(InvalidAsk("\"project\" and \"location\" are for Vertex AI".into()));
        }
        if is_vertex && ask.project.is_none() && ask.base_url.is_none() {
            return Err(InvalidAsk("Vertex AI needs a \"project\", or a \"base_url\"".into()));
        }
        Ok(ask)
    }

    /// Returns the place that some steps below the API's own lead to.
    ///
    /// # Errors
    /// Where the base is no URL of http or https.
    pub(crate) fn url(&self, steps: &[&str]) -> Result<Url, InvalidAsk> {
        let base = self.base_url.clone().unwrap_or_else(|| self.api.usual_place(self));
        let wrong = || InvalidAsk(format!("\"base_url\" is no http or https URL: {base:?}"));
        let mut url = Url::parse(&base).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(steps);
        Ok(url)
    }

    /// Returns what comes before everything else: the system's instructions, of all places where they may be.
    pub(crate) fn instructions(&self, texts: &[Vec<String>]) -> Vec<String> {
        let own = self.system.iter().cloned();
        let said = self.messages.iter().zip(texts);
        let said = said.filter(|(message, _)| message.role == Role::System);
        own.chain(said.flat_map(|(_, texts)| texts.iter().cloned())).collect()
    }

    /// Returns the turns of user and model, with their texts.
    pub(crate) fn turns<'a>(
        &'a self,
        texts: &'a [Vec<String>],
    ) -> impl Iterator<Item = (Role, &'a [String])> {
        let said = self.messages.iter().zip(texts);
        said.filter(|(message, _)| message.role != Role::System)
            .map(|(message, texts)| (message.role, texts.as_slice()))
    }
}

/// Reads a text, or a list of pieces.
fn parts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text, or a list of {\"text\": …} and {\"file\": …}")]
    enum Content {
        Text(String),
        Parts(Vec<Part>),
    }
    Ok(match Content::deserialize(deserializer)? {
        Content::Text(text) => vec![Part::Text(text)],
        Content::Parts(parts) => parts,
    })
}
