//! What a task may be given.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};
use url::Url;

/// The JSON Schemas of an input and an output.
pub(crate) const INPUT_SCHEMA: &str = include_str!("input.schema.json");
pub(crate) const OUTPUT_SCHEMA: &str = include_str!("output.schema.json");

/// The input of a task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct Input {
    /// What to fetch.
    pub url: Url,
    /// Where in the workspace to put it.
    pub path: Option<String>,
    /// The most that it may have.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u64,
    /// The media types that it may have; any, where there is none.
    #[serde(default)]
    pub accept: Vec<String>,
    /// Headers for the URL's own host.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Who asks.
    #[serde(default = "default_user_agent")]
    pub user_agent: String,
    /// Whether `robots.txt` counts.
    #[serde(default)]
    pub robots: Obedience,
    /// How many redirects to follow.
    #[serde(default = "default_max_redirects")]
    pub max_redirects: usize,
    /// How long to wait for each answer.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
}

/// Whether `robots.txt` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obedience {
    /// It is asked, and obeyed.
    #[default]
    Obey,
    /// It is not asked.
    Ignore,
}

const fn default_max_bytes() -> u64 {
    64 << 20
}

fn default_user_agent() -> String {
    "errand-fetch/0.1".to_owned()
}

const fn default_max_redirects() -> usize {
    10
}

const fn default_timeout_s() -> u64 {
    60
}

/// Why an input is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput(String);

impl fmt::Display for InvalidInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for InvalidInput {}

impl Input {
    /// Reads an input.
    ///
    /// # Errors
    /// Where the JSON is not of the input's schema, the URL is none that can be fetched, or the path leads out
    /// of the workspace.
    pub fn from_json(text: &str) -> Result<Self, InvalidInput> {
        let mut input: Self = serde_json::from_str(text)
            .map_err(|error| InvalidInput(format!("the input is not as it must be: {error}")))?;
        if !matches!(input.url.scheme(), "http" | "https") {
            return Err(InvalidInput(format!("{} is no http or https URL", input.url)));
        }
        if !input.url.username().is_empty() || input.url.password().is_some() {
            return Err(InvalidInput("put credentials into \"headers\", not into the URL".into()));
        }
        input.url.set_fragment(None);
        if input.token().is_empty() {
            return Err(InvalidInput("\"user_agent\" must begin with a name".into()));
        }
        let is_field = |name: &&String| {
            ["user-agent", "accept"].iter().any(|own| name.eq_ignore_ascii_case(own))
        };
        if let Some(name) = input.headers.keys().find(is_field) {
            return Err(InvalidInput(format!(
                "{name:?} is no header here, but a field of its own"
            )));
        }
        if let Some(path) = &input.path {
            let is_plain = |part| matches!(part, Component::Normal(_));
            if path.is_empty() || path.ends_with('/') || !Path::new(path).components().all(is_plain)
            {
                return Err(InvalidInput(format!(
                    "{path:?} is no path of a file in the workspace"
                )));
            }
        }
        for media in &mut input.accept {
            media.make_ascii_lowercase();
        }
        Ok(input)
    }

    /// Returns who asks, as `robots.txt` names it.
    pub fn token(&self) -> &str {
        let is_part = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '-' | '_');
        let end = self.user_agent.find(|letter| !is_part(letter));
        &self.user_agent[..end.unwrap_or(self.user_agent.len())]
    }

    /// Tells whether something of this media type is wanted.
    pub fn accepts(&self, media: Option<&str>) -> bool {
        let fits = |wanted: &String| match (wanted.as_str(), media) {
            ("*/*", _) => true,
            (_, None) => false,
            (wanted, Some(media)) => match wanted.strip_suffix("/*") {
                Some(kind) => media.split('/').next() == Some(kind),
                None => wanted == media,
            },
        };
        self.accept.is_empty() || self.accept.iter().any(fits)
    }
}
