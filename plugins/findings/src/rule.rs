//! What a rule is.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know; much that works has it.
    Info,
    /// It will hurt some day.
    Warning,
    /// It does not work, or gives something away.
    Error,
}

/// One thing that files are checked for.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Stable: people disable rules by it.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// What goes wrong where it is broken.
    pub why: &'static str,
    /// What to write instead.
    pub fix: &'static str,
}

impl Rule {
    /// Makes one of severity error.
    pub const fn error(id: &'static str, why: &'static str, fix: &'static str) -> Self {
        Self { id, severity: Severity::Error, why, fix }
    }

    /// Makes one of severity warning.
    pub const fn warning(id: &'static str, why: &'static str, fix: &'static str) -> Self {
        Self { id, severity: Severity::Warning, why, fix }
    }

    /// Makes one of severity info.
    pub const fn info(id: &'static str, why: &'static str, fix: &'static str) -> Self {
        Self { id, severity: Severity::Info, why, fix }
    }
}
