//! What was found.

use findings::{Rule, Severity};
use serde::Serialize;

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file's name, as it was handed in.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in bytes, from 1.
    pub column: usize,
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is there; of a secret, how it begins and how long it is.
    pub message: String,
    /// What goes wrong because of it.
    pub why: &'static str,
    /// What to write instead.
    pub fix: &'static str,
}

impl Finding {
    pub(crate) fn new(
        rule: &Rule,
        file: &str,
        (line, column): (usize, usize),
        message: String,
    ) -> Self {
        let Rule { id, severity, why, fix } = *rule;
        Self { file: file.to_owned(), line, column, rule: id, severity, message, why, fix }
    }
}
