//! Reads Kubernetes manifests and reports what breaks good practice.
//!
//! [`lint`] is the whole of it, a function without effects: files in, findings out. `executor` is the edge
//! to the host. It never talks to a cluster, knows no schema beyond what its rules look at, and has nothing
//! to say about custom resources.
//!
//! A finding is only made where the files themselves show it. What may come from elsewhere (a kustomize
//! patch, a template, an object in another directory) is given the benefit of the doubt.

mod executor;
mod finding;
mod input;
mod kustomize;
mod quantity;
mod read;
mod report;
mod resource;
mod rules;
mod set;
pub mod workspace;
mod yaml;

pub use finding::{Finding, Note, Rule, Severity};
pub use findings::InvalidInput;
pub use input::{Input, Options};
pub use report::{Report, Summary};
pub use rules::all as rules;

use finding::Findings;
use read::Reading;
use rules::Context;
use std::collections::BTreeMap;

/// Checks files, given by their names.
///
/// `progress` is told how many documents are done, of how many, and which was the last.
pub fn lint(
    files: &BTreeMap<String, String>,
    options: &Options,
    mut progress: impl FnMut(u64, u64, &str),
) -> Report {
    let Reading { set, documents, findings, mut notes } = read::read(files);
    let mut found = Findings(findings);
    let total = documents.len() as u64;
    let mut resources = set.resources.iter().peekable();
    for (done, (file, index)) in (1..).zip(&documents) {
        while let Some(resource) =
            resources.next_if(|one| *one.file == **file && one.document == *index)
        {
            if resource.is_built_in() {
                let context = Context {
                    set: &set,
                    resource,
                    pod: resource.pod(),
                    kubernetes_minor: options.kubernetes_minor,
                };
                rules::check(&context, &mut found);
            }
        }
        progress(done, total, &format!("{file}, document {index}"));
    }
    let mut findings = found.0;
    findings.retain(|finding| {
        finding.severity >= options.min_severity
            && !options.disable.iter().any(|id| id == finding.rule)
    });
    findings.sort();
    findings.dedup();
    notes.sort();
    Report::of(files.len(), documents.len(), set.resources.len(), findings, notes)
}
