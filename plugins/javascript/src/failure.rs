//! How a task fails. It does not decide what counts as a failure; `run` does.

use serde_json::{Map, Value};

const MESSAGE_CHARACTERS: usize = 2_000;

/// The task failed, and this is all there is to say about it.
#[derive(Debug, Clone)]
pub struct Failure {
    /// A code of this executor's own.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
    /// Further data.
    pub detail: Option<Map<String, Value>>,
    /// Whether trying again may help.
    pub is_transient: bool,
}

impl Failure {
    /// Makes a permanent failure; a very long message loses its end.
    pub(crate) fn new(
        code: &'static str,
        message: &str,
        detail: Option<Map<String, Value>>,
    ) -> Self {
        let message = message.chars().take(MESSAGE_CHARACTERS).collect();
        Self { code, message, detail, is_transient: false }
    }

    /// Makes the failure for an input that isn't what `describe` says.
    pub(crate) fn invalid_input(message: impl AsRef<str>) -> Self {
        Self::new("invalid_input", message.as_ref(), None)
    }
}
