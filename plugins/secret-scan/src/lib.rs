//! Looks for secrets and risky calls in files: of a workspace, or handed over.
//!
//! [`scan`] is the whole of it, a function without effects: files in, findings out. `executor` is the edge
//! to the host. It asks nobody whether a secret still works, and it never repeats one: a finding says
//! where it is, of which kind, and how it begins.
//!
//! What is no secret is given the benefit of the doubt where the file shows it: placeholders, names of
//! variables, and what is not random enough to be a key.

mod calls;
mod entropy;
mod executor;
mod finding;
mod input;
mod kinds;
mod language;
mod report;
mod secrets;
mod text;
mod workspace;

pub use entropy::bits_per_char;
pub use finding::Finding;
pub use findings::{InvalidInput, Rule, Severity};
pub use input::{Input, Options};
pub use report::{Note, Report, Summary};

use std::collections::BTreeMap;

use language::Language;
use text::Text;

/// Whoever writes this into a line, or alone into the line before, has looked at it.
const ALLOWED: &[u8] = b"secret-scan: allow";

/// Returns the rules that there are.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    secrets::rules().chain(calls::rules())
}

/// Checks files, given by their names. `progress` is told how many are done, of how many, and the last.
pub fn scan(
    files: &BTreeMap<String, Vec<u8>>,
    options: &Options,
    mut progress: impl FnMut(u64, u64, &str),
) -> Report {
    let secrets = secrets::Scanner::new();
    let calls = calls::Scanner::new();
    let (mut found, mut notes, mut allowed, mut lines) = (Vec::new(), Vec::new(), 0, 0);
    for (done, (name, bytes)) in (1..).zip(files) {
        if text::is_binary(bytes) {
            notes.push(Note { file: name.clone(), note: "it is no text".to_owned() });
        } else {
            let text = Text::new(name, bytes);
            lines += text.lines();
            let mut of_file = secrets.scan(&text);
            if let Some(language) = Language::of(name) {
                of_file.extend(calls.scan(&text, language));
            }
            of_file.retain(|finding| {
                finding.severity >= options.min_severity
                    && !options.disable.iter().any(|id| id == finding.rule)
            });
            let before = of_file.len();
            of_file.retain(|finding| !text.says_near(finding.line, ALLOWED));
            allowed += before - of_file.len();
            found.extend(of_file);
        }
        progress(done, files.len() as u64, name);
    }
    found.sort();
    found.dedup();
    Report::of(files.len(), lines, allowed, found, notes)
}
