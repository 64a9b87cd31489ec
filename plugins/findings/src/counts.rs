//! How much was found.

use crate::Severity;
use serde::Serialize;
use std::collections::BTreeMap;

/// How much was found: a part of a report's summary.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity info.
    pub infos: usize,
    /// Findings of each rule that has any.
    pub by_rule: BTreeMap<&'static str, usize>,
}

impl Counts {
    /// Counts findings, each by its rule and severity.
    pub fn of(findings: impl Iterator<Item = (&'static str, Severity)>) -> Self {
        let mut counts = Self::default();
        for (rule, severity) in findings {
            *counts.by_rule.entry(rule).or_default() += 1;
            *match severity {
                Severity::Error => &mut counts.errors,
                Severity::Warning => &mut counts.warnings,
                Severity::Info => &mut counts.infos,
            } += 1;
        }
        counts
    }
}
