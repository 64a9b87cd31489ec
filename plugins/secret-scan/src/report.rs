//! The outcome of a check, as JSON for programs and as Markdown for people.

use crate::finding::Finding;
use findings::Counts;
use findings::markdown::{self, Told, code, plain};
use serde::Serialize;
use std::fmt::Write;

/// What checking brought.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Counts.
    pub summary: Summary,
    /// By file, line and column.
    pub findings: Vec<Finding>,
    /// What was passed over, and why.
    pub notes: Vec<Note>,
}

/// Counts of a report.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Files that were looked at.
    pub files: usize,
    /// Lines of those that are text.
    pub lines: usize,
    /// Rules that there are.
    pub rules: usize,
    /// Findings that the files themselves allow.
    pub allowed: usize,
    /// How much was found.
    #[serde(flatten)]
    pub found: Counts,
}

/// Something worth saying that is no fault.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// The file's name, as it was handed in.
    pub file: String,
    /// What there is to know.
    pub note: String,
}

impl Report {
    pub(crate) fn of(
        files: usize,
        lines: usize,
        allowed: usize,
        findings: Vec<Finding>,
        notes: Vec<Note>,
    ) -> Self {
        let found = Counts::of(findings.iter().map(|one| (one.rule, one.severity)));
        let summary = Summary { files, lines, rules: crate::rules().count(), allowed, found };
        Self { summary, findings, notes }
    }

    /// Writes the report for a person: errors first, each rule explained once.
    pub fn to_markdown(&self) -> String {
        let mut out = String::from("# Secrets and risky calls: what was found\n\n");
        let Summary { files, lines, rules, allowed, found } = &self.summary;
        let Counts { errors, warnings, infos, .. } = found;
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{lines} lines in {files} files, checked by {rules} rules: **{errors} errors, {warnings} \
             warnings, {infos} remarks**; {allowed} more are allowed where they are."
        );
        let told = self.findings.iter().map(|finding| Told {
            severity: finding.severity,
            rule: finding.rule,
            why: finding.why,
            fix: finding.fix,
            line: format!(
                "{} {}",
                code(&format!("{}:{}:{}", finding.file, finding.line, finding.column)),
                plain(&finding.message)
            ),
        });
        markdown::sections(&mut out, told);
        if !self.notes.is_empty() {
            out.push_str("\n## Notes\n\n");
            for note in &self.notes {
                let _ = writeln!(out, "- {}: {}", code(&note.file), plain(&note.note));
            }
        }
        out
    }
}
