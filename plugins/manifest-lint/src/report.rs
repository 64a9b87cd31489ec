//! The outcome of a check, as JSON for programs and as Markdown for people.

use crate::finding::{Finding, Note};
use findings::Counts;
use findings::markdown::{self, Told, code, plain};
use serde::Serialize;
use std::fmt::Write;

/// What checking brought.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Counts.
    pub summary: Summary,
    /// By file, document, line and rule.
    pub findings: Vec<Finding>,
    /// What was passed over, and why.
    pub notes: Vec<Note>,
}

/// Counts of a report.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Files that were handed in.
    pub files: usize,
    /// YAML documents in them.
    pub documents: usize,
    /// Kubernetes objects in those.
    pub resources: usize,
    /// Rules that there are.
    pub rules: usize,
    /// How much was found.
    #[serde(flatten)]
    pub found: Counts,
}

impl Report {
    pub(crate) fn of(
        files: usize,
        documents: usize,
        resources: usize,
        findings: Vec<Finding>,
        notes: Vec<Note>,
    ) -> Self {
        let found = Counts::of(findings.iter().map(|one| (one.rule, one.severity)));
        let summary = Summary { files, documents, resources, rules: crate::rules().count(), found };
        Self { summary, findings, notes }
    }

    /// Writes the report for a person: errors first, each rule explained once.
    pub fn to_markdown(&self) -> String {
        let mut out = String::from("# Kubernetes manifests: what was found\n\n");
        let Summary { files, documents, resources, found, rules } = &self.summary;
        let Counts { errors, warnings, infos, .. } = found;
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{resources} objects in {documents} documents of {files} files, checked by {rules} rules: \
             **{errors} errors, {warnings} warnings, {infos} remarks**."
        );
        let told = self.findings.iter().map(|finding| Told {
            severity: finding.severity,
            rule: finding.rule,
            why: finding.why,
            fix: finding.fix,
            line: line_of(finding),
        });
        markdown::sections(&mut out, told);
        if !self.notes.is_empty() {
            out.push_str("\n## Notes\n\n");
            for note in &self.notes {
                let document =
                    note.document.map_or(String::new(), |index| format!(", document {index}"));
                let _ = writeln!(out, "- {}{document}: {}", code(&note.file), plain(&note.note));
            }
        }
        out
    }
}

fn line_of(finding: &Finding) -> String {
    let place = code(&format!("{}:{}", finding.file, finding.line));
    let object = match (&finding.kind, &finding.name) {
        (Some(kind), Some(name)) => format!(" {} {}:", plain(kind), plain(name)),
        (Some(kind), None) => format!(" {}:", plain(kind)),
        _ => String::new(),
    };
    format!("{place}{object} {}", plain(&finding.message))
}
