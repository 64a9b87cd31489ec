//! All objects that were handed in, and which of them belong together.
//!
//! Files may hold alternatives (a variant for each environment), so a rule that compares objects asks
//! whether both end up in one cluster: they stand in one directory, or one kustomization brings both in.

use crate::kustomize::Kustomizations;
use crate::resource::{Pod, Resource};
use crate::yaml::Node;

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) resources: Vec<Resource>,
    pub(crate) kustomizations: Kustomizations,
}

impl Set {
    /// Returns the other objects that are applied together with this one, to the same namespace.
    pub(crate) fn beside<'a>(
        &'a self,
        resource: &'a Resource,
    ) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |other| {
            !std::ptr::eq(*other, resource)
                && self.are_together(resource, other)
                && same_namespace(resource, other)
        })
    }

    /// Returns the objects beside it that make pods, with their pods.
    pub(crate) fn pods_beside<'a>(
        &'a self,
        resource: &'a Resource,
    ) -> impl Iterator<Item = (&'a Resource, Pod<'a>)> {
        self.beside(resource).filter_map(|other| Some((other, other.pod()?)))
    }

    fn are_together(&self, a: &Resource, b: &Resource) -> bool {
        directory(&a.file) == directory(&b.file) || self.kustomizations.share(&a.file, &b.file)
    }
}

/// Returns the folder part of a file's name.
pub(crate) fn directory(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Returns whether two objects may be in one namespace. One that names none may be in any.
pub(crate) fn same_namespace(a: &Resource, b: &Resource) -> bool {
    a.namespace.is_none() || b.namespace.is_none() || a.namespace == b.namespace
}

/// Returns whether a plain selector (a map of labels) selects these labels.
pub(crate) fn map_selects(selector: &Node, labels: Option<&Node>) -> bool {
    selector.entries().iter().all(|wanted| {
        let label = labels.and_then(|labels| labels.get(&wanted.key));
        match label {
            Some(label) => {
                label.is_templated()
                    || wanted.node.is_templated()
                    || label.text() == wanted.node.text()
            }
            None => labels.is_some_and(Node::is_templated),
        }
    })
}

/// Returns whether a `LabelSelector` selects these labels.
pub(crate) fn selector_selects(selector: &Node, labels: Option<&Node>) -> bool {
    let expressions = selector.get("matchExpressions").map_or(&[][..], Node::items);
    selector.get("matchLabels").is_none_or(|map| map_selects(map, labels))
        && expressions.iter().all(|expression| expression_selects(expression, labels))
}

fn expression_selects(expression: &Node, labels: Option<&Node>) -> bool {
    let key = expression.text_of("key").unwrap_or_default();
    let label = labels.and_then(|labels| labels.get(key)).and_then(Node::text);
    let values = expression.get("values").map_or(&[][..], Node::items);
    let is_listed =
        label.is_some_and(|label| values.iter().any(|value| value.text() == Some(label)));
    match expression.text_of("operator") {
        Some("In") => is_listed,
        Some("NotIn") => !is_listed,
        Some("Exists") => label.is_some(),
        Some("DoesNotExist") => label.is_none(),
        _ => true,
    }
}
