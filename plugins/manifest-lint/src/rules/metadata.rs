//! Rules on names, labels, namespaces, and values that must be text.

use super::Context;
use crate::finding::{Findings, Rule};
use crate::set::directory;
use crate::yaml::{Entry, Node};

pub(super) static RULES: &[&Rule] =
    &[&LABELS, &NAME, &NO_NAME, &DUPLICATE, &CONFLICT, &DEFAULT_NAMESPACE, &LABEL_VALUE, &NOT_TEXT];

static LABELS: Rule = Rule::info(
    "recommended-labels-missing",
    "Dashboards, network policies and people find things by app.kubernetes.io/name and its siblings.",
    "Add app.kubernetes.io/name, and instance, version and part-of where they say something.",
);

static NAME: Rule = Rule::error(
    "name-invalid",
    "The API server refuses it.",
    "Use lower-case letters, digits and hyphens, beginning and ending with a letter or digit; Services begin with a letter and have 63 at most.",
);

static NO_NAME: Rule = Rule::error(
    "name-missing",
    "The API server refuses an object without a name.",
    "Set metadata.name.",
);

static DUPLICATE: Rule = Rule::error(
    "resource-duplicate",
    "The second replaces the first without a word.",
    "Remove one, or give it a name of its own.",
);

static CONFLICT: Rule = Rule::warning(
    "resource-conflict",
    "Applying the directory applies both; what stays depends on the order of the files.",
    "Remove one, or move variants into directories of their own.",
);

static DEFAULT_NAMESPACE: Rule = Rule::warning(
    "default-namespace",
    "Everything ends up there that names no place: quotas, policies and rights cannot tell teams apart.",
    "Use a namespace of the application's own.",
);

static LABEL_VALUE: Rule = Rule::error(
    "label-invalid",
    "The API server refuses label values of more than 63 characters, or with others than letters, digits, '-', '_' and '.'.",
    "Shorten it, or make it an annotation.",
);

static NOT_TEXT: Rule = Rule::error(
    "value-not-text",
    "YAML reads it as a number or a boolean, and the API server takes only text here.",
    "Put it in quotes.",
);

const LABELLED: &[&str] = &["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service"];

/// Kinds whose names may hold what others may not, such as `system:node`.
const FREE_NAMES: &[&str] = &["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];

pub(super) fn check(context: &Context<'_>, found: &mut Findings) {
    check_labels(context, found);
    check_name(context, found);
    check_duplicates(context, found);
    let resource = context.resource;
    if resource.namespace.as_deref() == Some("default") {
        let line = resource.root.get("metadata").and_then(|metadata| metadata.entry("namespace"));
        let line = line.map_or(resource.root.line, |entry| entry.line);
        found.present(
            &DEFAULT_NAMESPACE,
            resource,
            line,
            "it goes into the namespace default".to_owned(),
        );
    }
    check_text(context, found);
}

fn check_labels(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let is_templated = resource.labels().is_some_and(Node::is_templated);
    let has_name =
        resource.labels().is_some_and(|labels| labels.get("app.kubernetes.io/name").is_some());
    let is_labelled_elsewhere = context.set.kustomizations.adds_labels(&resource.file);
    if LABELLED.iter().any(|kind| resource.is(kind))
        && !has_name
        && !is_templated
        && !is_labelled_elsewhere
    {
        let metadata = resource.root.get("metadata");
        let line = metadata.and_then(|metadata| metadata.entry("labels")).map(|labels| labels.line);
        let line =
            line.or_else(|| metadata.map(|metadata| metadata.line)).unwrap_or(resource.root.line);
        found.absent(&LABELS, resource, line, "it has no label app.kubernetes.io/name".to_owned());
    }
}

fn check_name(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    let Some(name) = resource.name.as_deref() else {
        if !resource.kind.ends_with("List") && !resource.kind.ends_with("Review") {
            found.absent(&NO_NAME, resource, resource.name_line(), "it has no name".to_owned());
        }
        return;
    };
    if crate::yaml::template::is_templated(name) || FREE_NAMES.contains(&resource.kind.as_str()) {
        return;
    }
    // A generated name gets a suffix, so it may end with a hyphen.
    let is_generated = resource.root.at(&["metadata", "name"]).is_none();
    let name = if is_generated { name.trim_end_matches('-') } else { name };
    let is_valid = match resource.kind.as_str() {
        "Service" => {
            name.len() <= 63
                && is_label_name(name)
                && name.starts_with(|first: char| first.is_ascii_lowercase())
        }
        "Namespace" => name.len() <= 63 && is_label_name(name),
        _ => name.len() <= 253 && name.split('.').all(is_label_name),
    };
    if !is_valid {
        found.present(
            &NAME,
            resource,
            resource.name_line(),
            format!("{name:?} is no valid name for a {}", resource.kind),
        );
    }
}

fn is_label_name(text: &str) -> bool {
    let is_edge = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.starts_with(is_edge)
        && text.ends_with(is_edge)
        && text.chars().all(|letter| is_edge(letter) || letter == '-')
}

fn check_duplicates(context: &Context<'_>, found: &mut Findings) {
    let resource = context.resource;
    if resource.root.at(&["metadata", "name"]).is_none() || resource.is_fragment {
        return;
    }
    let before =
        context.set.resources.iter().take_while(|other| !std::ptr::eq(*other, resource)).filter(
            |other| {
                other.kind == resource.kind
                    && other.group() == resource.group()
                    && other.name == resource.name
                    && other.namespace == resource.namespace
                    && !other.is_fragment
            },
        );
    for other in before {
        let line = resource.name_line();
        if other.file == resource.file {
            let message = format!("line {} of this file has the same object", other.name_line());
            found.present(&DUPLICATE, resource, line, message);
            return;
        }
        if directory(&other.file) == directory(&resource.file)
            && !other.root.same_as(&resource.root)
        {
            let message = format!("{} has another object of this kind and name", other.file);
            found.present(&CONFLICT, resource, line, message);
            return;
        }
    }
}

fn check_text(context: &Context<'_>, found: &mut Findings) {
    let root = &context.resource.root;
    let template = context.pod.map(|pod| pod.template);
    for metadata in [root.get("metadata"), template.and_then(|template| template.get("metadata"))]
        .into_iter()
        .flatten()
    {
        for (kind, entry) in ["labels", "annotations"]
            .iter()
            .flat_map(|kind| texts(metadata.get(kind)).map(move |e| (*kind, e)))
        {
            check_is_text(context, kind, entry, found);
            if kind == "labels" {
                check_label(context, entry, found);
            }
        }
        // A pod is its own template.
        if context.resource.kind == "Pod" {
            break;
        }
    }
    if context.resource.is("ConfigMap") {
        texts(root.get("data")).for_each(|entry| check_is_text(context, "data", entry, found));
    }
    for container in context.pod.iter().flat_map(|pod| pod.containers()) {
        for variable in container.node.get("env").map_or(&[][..], Node::items) {
            if let Some(value) = variable.entry("value") {
                check_is_text(context, variable.text_of("name").unwrap_or("env"), value, found);
            }
        }
    }
}

fn texts(map: Option<&Node>) -> impl Iterator<Item = &Entry> {
    map.map_or(&[][..], Node::entries).iter().filter(|entry| !entry.node.is_null())
}

fn check_is_text(context: &Context<'_>, place: &str, entry: &Entry, found: &mut Findings) {
    if !entry.node.is_string() && !entry.node.is_templated() {
        let written = entry.node.text().unwrap_or("a list or map");
        let message = format!("{place}: {} is {written}, which is no text", entry.key);
        found.present(&NOT_TEXT, context.resource, entry.line, message);
    }
}

fn check_label(context: &Context<'_>, entry: &Entry, found: &mut Findings) {
    let Some(text) =
        entry.node.text().filter(|text| !text.is_empty() && !entry.node.is_templated())
    else {
        return;
    };
    let is_edge = |letter: char| letter.is_ascii_alphanumeric();
    let is_valid = text.len() <= 63
        && text.starts_with(is_edge)
        && text.ends_with(is_edge)
        && text.chars().all(|letter| is_edge(letter) || matches!(letter, '-' | '_' | '.'));
    if !is_valid {
        found.present(
            &LABEL_VALUE,
            context.resource,
            entry.line,
            format!("{text:?} is no label value"),
        );
    }
}
