//! What a rule found.

use crate::resource::Resource;
pub use findings::{Rule, Severity};
use serde::Serialize;

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file's name, as it was handed in.
    pub file: String,
    /// The document in the file, from 0.
    pub document: usize,
    /// The line of what is wrong, or of what lacks something, from 1.
    pub line: usize,
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The resource's kind; none where the document could not be read.
    pub kind: Option<String>,
    /// The resource's name.
    pub name: Option<String>,
    /// The resource's namespace, where it says one.
    pub namespace: Option<String>,
    /// What is wrong here.
    pub message: String,
    /// What goes wrong where the rule is broken.
    pub why: &'static str,
    /// What to write instead.
    pub fix: &'static str,
}

/// Something worth saying that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The file's name, as it was handed in.
    pub file: String,
    /// The document in the file, from 0; none where it is about the whole file.
    pub document: Option<usize>,
    /// What there is to know.
    pub note: String,
}

/// Takes findings in while rules run.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    /// Adds a finding about something that is there.
    pub(crate) fn present(
        &mut self,
        rule: &Rule,
        resource: &Resource,
        line: usize,
        message: String,
    ) {
        self.0.push(Finding {
            file: resource.file.to_string(),
            document: resource.document,
            line,
            rule: rule.id,
            severity: rule.severity,
            kind: Some(resource.kind.clone()),
            name: resource.name.clone(),
            namespace: resource.namespace.clone(),
            message,
            why: rule.why,
            fix: rule.fix,
        });
    }

    /// Adds a finding about something that is missing, unless it may come from elsewhere.
    pub(crate) fn absent(
        &mut self,
        rule: &Rule,
        resource: &Resource,
        line: usize,
        message: String,
    ) {
        if !resource.is_fragment {
            self.present(rule, resource, line, message);
        }
    }

    /// Adds a finding about a document of which nothing else is known.
    pub(crate) fn in_file(
        &mut self,
        rule: &Rule,
        file: &str,
        document: usize,
        line: usize,
        message: String,
    ) {
        self.0.push(Finding {
            file: file.to_owned(),
            document,
            line,
            rule: rule.id,
            severity: rule.severity,
            kind: None,
            name: None,
            namespace: None,
            message,
            why: rule.why,
            fix: rule.fix,
        });
    }
}
