//! Turns files into the set of objects that rules look at.

use crate::finding::{Finding, Findings, Note};
use crate::kustomize::is_kustomization;
use crate::resource::Resource;
use crate::rules::{DUPLICATE_KEY, SYNTAX, TEMPLATED};
use crate::set::Set;
use crate::yaml::{self, Node, Parsed, template};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Everything that reading brought.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) set: Set,
    /// Each document's file and place in it, in order.
    pub(crate) documents: Vec<(Rc<str>, usize)>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) notes: Vec<Note>,
}

/// Names that end like this are read; so are names without an extension.
const EXTENSIONS: &[&str] = &["yaml", "yml", "json", "tpl"];

/// A list of lists of lists is nobody's manifest.
const MAX_LIST_DEPTH: usize = 8;

/// Reads all files, in the order of their names.
pub(crate) fn read(files: &BTreeMap<String, String>) -> Reading {
    let mut reader = Reader::default();
    for (name, text) in files {
        // So that a kustomization's paths can be compared with it.
        let plain = name.trim_start_matches("./").trim_start_matches('/');
        if is_read(name) {
            reader.read_file(&Rc::from(plain), text);
        } else {
            reader.note(plain, None, "passed over: not YAML by its name".to_owned());
        }
    }
    let Reader { mut reading, found } = reader;
    reading.findings = found.0;
    reading.set.kustomizations.resolve();
    let Set { resources, kustomizations } = &mut reading.set;
    for resource in resources {
        resource.is_fragment |= kustomizations.is_patch(&resource.file);
        if resource.is_fragment {
            let note =
                "a part of an object: what is missing in it was not held against it".to_owned();
            reading.notes.push(Note {
                file: resource.file.to_string(),
                document: Some(resource.document),
                note,
            });
        }
    }
    reading
}

fn is_read(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => {
            EXTENSIONS.iter().any(|one| extension.eq_ignore_ascii_case(one))
        }
        _ => true,
    }
}

#[derive(Default)]
struct Reader {
    reading: Reading,
    found: Findings,
}

impl Reader {
    fn note(&mut self, file: &str, document: Option<usize>, note: String) {
        self.reading.notes.push(Note { file: file.to_owned(), document, note });
    }

    fn read_file(&mut self, file: &Rc<str>, text: &str) {
        let mut parsed = yaml::parse(text);
        let template_line = template::first_expression(text).filter(|_| has_faults(&parsed));
        if template_line.is_some() {
            parsed = yaml::parse(&template::mask(text));
        }
        if let Some(line) = template_line {
            let message = "a template, checked as far as it can be without its values".to_owned();
            self.found.in_file(&TEMPLATED, file, 0, line, message);
        }
        for document in &parsed.documents {
            self.reading.documents.push((Rc::clone(file), document.index));
            match &document.error {
                // What is broken in a template may be whole when rendered.
                Some(error) if template_line.is_some() => {
                    let note = format!(
                        "no YAML before it is rendered: line {}: {}",
                        error.line, error.message
                    );
                    self.note(file, Some(document.index), note);
                }
                Some(error) => {
                    self.found.in_file(
                        &SYNTAX,
                        file,
                        document.index,
                        error.line,
                        error.message.clone(),
                    );
                }
                None => {}
            }
            // Branches of a template may both have a key.
            for duplicate in document.duplicate_keys.iter().filter(|_| template_line.is_none()) {
                let message =
                    format!("the key {:?} is also on line {}", duplicate.key, duplicate.first_line);
                self.found.in_file(&DUPLICATE_KEY, file, document.index, duplicate.line, message);
            }
            if let Some(root) = &document.root {
                self.take(file, document.index, root, template_line.is_some(), 0);
            }
        }
    }

    /// Takes in what one document holds.
    fn take(
        &mut self,
        file: &Rc<str>,
        index: usize,
        root: &Rc<Node>,
        is_templated: bool,
        depth: usize,
    ) {
        if is_kustomization(file, root) {
            self.reading.set.kustomizations.add(file, root);
            self.note(file, Some(index), "passed over: a kustomization".to_owned());
            return;
        }
        let Some(resource) = Resource::read(file, index, root, is_templated) else {
            self.note(
                file,
                Some(index),
                "passed over: no Kubernetes object (no apiVersion and kind)".to_owned(),
            );
            return;
        };
        let is_list = resource.is_built_in() && resource.kind.ends_with("List");
        if let Some(items) = root.get("items").filter(|_| is_list) {
            if depth < MAX_LIST_DEPTH {
                for item in items.items() {
                    self.take(file, index, item, is_templated, depth + 1);
                }
            }
            return;
        }
        if !resource.is_built_in() {
            let note = format!(
                "passed over: {} of {} is no kind of Kubernetes' own",
                resource.kind, resource.api_version
            );
            self.note(file, Some(index), note);
        }
        self.reading.set.resources.push(resource);
    }
}

/// Returns whether the text is not what its author meant as YAML.
fn has_faults(parsed: &Parsed) -> bool {
    parsed.documents.iter().any(|document| document.error.is_some() || document.has_complex_keys)
}
