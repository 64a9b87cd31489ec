//! The outcome of a check, as JSON for programs and as Markdown for people.

use crate::finding::{Finding, Note, Severity};
use serde::Serialize;
use std::collections::BTreeMap;
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
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity info.
    pub infos: usize,
    /// Findings of each rule that has any.
    pub by_rule: BTreeMap<&'static str, usize>,
}

impl Report {
    pub(crate) fn of(
        files: usize,
        documents: usize,
        resources: usize,
        findings: Vec<Finding>,
        notes: Vec<Note>,
    ) -> Self {
        let count =
            |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let mut by_rule = BTreeMap::new();
        for finding in &findings {
            *by_rule.entry(finding.rule).or_insert(0) += 1;
        }
        let summary = Summary {
            files,
            documents,
            resources,
            rules: crate::rules().count(),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            infos: count(Severity::Info),
            by_rule,
        };
        Self { summary, findings, notes }
    }

    /// Writes the report for a person: errors first, each rule explained once.
    pub fn to_markdown(&self) -> String {
        let mut out = String::from("# Kubernetes manifests: what was found\n\n");
        let Summary { files, documents, resources, errors, warnings, infos, rules, .. } =
            &self.summary;
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{resources} objects in {documents} documents of {files} files, checked by {rules} rules: \
             **{errors} errors, {warnings} warnings, {infos} remarks**."
        );
        for (severity, title) in [
            (Severity::Error, "Errors"),
            (Severity::Warning, "Warnings"),
            (Severity::Info, "Remarks"),
        ] {
            let mut by_rule: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
            for finding in self.findings.iter().filter(|finding| finding.severity == severity) {
                by_rule.entry(finding.rule).or_default().push(finding);
            }
            if by_rule.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n## {title}");
            for (rule, findings) in by_rule {
                let _ = writeln!(
                    out,
                    "\n### `{rule}`\n\n{}\n\n*{}*\n",
                    findings[0].why, findings[0].fix
                );
                for finding in findings {
                    let _ = writeln!(out, "- {}", line_of(finding));
                }
            }
        }
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

/// Text of a manifest must not become markup of the report.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' => {
                escaped.extend(['\\', letter])
            }
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| if letter.is_control() || letter == '`' { '\'' } else { letter })
        .collect();
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_manifests_is_no_markup() {
        assert_eq!(plain("<img src=x> [a](b)\n#"), r"\<img src=x\> \[a\](b) \#");
        assert_eq!(code("a`b\n"), "`a'b'`");
    }
}
