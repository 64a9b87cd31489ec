//! Why an input is not one.

use crate::Rule;
use std::fmt;

/// Why an input is not one.
#[derive(Debug)]
pub struct InvalidInput {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub message: String,
}

impl InvalidInput {
    /// Makes one whose JSON is not of the input's schema.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: "invalid_input", message: message.into() }
    }

    /// Looks for a rule that is left out and does not exist.
    ///
    /// # Errors
    /// `unknown_rule` where there is one.
    pub fn where_unknown(
        disabled: &[String],
        rules: impl Iterator<Item = &'static Rule>,
    ) -> Result<(), Self> {
        let known: Vec<&str> = rules.map(|rule| rule.id).collect();
        match disabled.iter().find(|id| !known.contains(&id.as_str())) {
            Some(id) => {
                Err(Self { code: "unknown_rule", message: format!("no rule has the id {id:?}") })
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for InvalidInput {}
