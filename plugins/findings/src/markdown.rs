//! Reports for people: errors first, each rule explained once, and no text of a file is markup.

use crate::Severity;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A finding as a report tells it.
#[derive(Debug, Clone)]
pub struct Told<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The rule's id.
    pub rule: &'a str,
    /// What goes wrong where the rule is broken.
    pub why: &'a str,
    /// What to write instead.
    pub fix: &'a str,
    /// Where it is and what: Markdown.
    pub line: String,
}

/// Writes findings by severity and rule, in their order.
pub fn sections<'a>(out: &mut String, findings: impl Iterator<Item = Told<'a>> + Clone) {
    for (severity, title) in
        [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Info, "Remarks")]
    {
        let mut by_rule: BTreeMap<&str, Vec<Told<'_>>> = BTreeMap::new();
        for finding in findings.clone().filter(|finding| finding.severity == severity) {
            by_rule.entry(finding.rule).or_default().push(finding);
        }
        if by_rule.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n## {title}");
        for (rule, findings) in by_rule {
            let Told { why, fix, .. } = &findings[0];
            let _ = writeln!(out, "\n### `{rule}`\n\n{why}\n\n*{fix}*\n");
            for finding in findings {
                let _ = writeln!(out, "- {}", finding.line);
            }
        }
    }
}

/// Writes text so that nothing of it is markup.
pub fn plain(text: &str) -> String {
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

/// Writes text as code.
pub fn code(text: &str) -> String {
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
    fn text_of_files_is_no_markup() {
        assert_eq!(plain("<img src=x> [a](b)\n#"), r"\<img src=x\> \[a\](b) \#");
        assert_eq!(code("a`b\n"), "`a'b'`");
    }
}
