//! YAML as a tree that remembers on which line each key and value stands.
//!
//! It knows nothing of Kubernetes. Aliases share the node that they name, so a file of a few lines cannot
//! grow into gigabytes; merge keys (`<<`) are resolved.

mod parse;
mod scalar;
pub(crate) mod template;

pub(crate) use parse::{Parsed, parse};

use std::rc::Rc;

/// A value, and the line on which it begins.
#[derive(Debug)]
pub(crate) struct Node {
    /// Counted from 1. For a mapping that of its first key, for a list that of its first item.
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<Entry>),
}

/// A single value as it was written.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Whether it stands without quotes, so that YAML may read it as a number, a boolean or null.
    pub(crate) plain: bool,
}

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) line: usize,
    pub(crate) node: Rc<Node>,
}

impl Node {
    /// Returns the entry of this key, where this is a mapping that has it with a value other than null.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key && !entry.node.is_null())
    }

    /// Returns the value of this key; null counts as absent, as it does in Kubernetes.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &*entry.node)
    }

    /// Returns the value at the end of a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the keys of a mapping, nothing for another value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list, nothing for another value.
    pub(crate) fn items(&self) -> &[Rc<Node>] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Returns the text of the value of this key.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// Returns the truth value of the value of this key, where it is one.
    pub(crate) fn flag_of(&self, key: &str) -> Option<bool> {
        self.text_of(key).and_then(scalar::boolean)
    }

    /// Returns the whole number that the value of this key is.
    pub(crate) fn number_of(&self, key: &str) -> Option<i64> {
        self.text_of(key).and_then(|text| text.parse().ok())
    }

    /// Returns whether YAML reads this as null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.plain && scalar::is_null(&scalar.text))
    }

    /// Returns whether YAML reads this as a text, rather than as a number, a boolean or null.
    pub(crate) fn is_string(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => !scalar.plain || scalar::is_string(&scalar.text),
            _ => false,
        }
    }

    /// Returns whether a template engine has yet to fill this value in.
    pub(crate) fn is_templated(&self) -> bool {
        self.text().is_some_and(template::is_templated)
    }

    /// Returns whether two trees say the same, wherever they stand.
    ///
    /// It compares so much and no more: aliases can make a tree that has no end in practice.
    pub(crate) fn same_as(&self, other: &Node) -> bool {
        same(self, other, &mut 100_000)
    }
}

fn same(a: &Node, b: &Node, nodes_left: &mut u32) -> bool {
    if *nodes_left == 0 {
        return true;
    }
    *nodes_left -= 1;
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => a.text == b.text,
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, nodes_left))
        }
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len()
                && a.iter().all(|a| {
                    b.iter()
                        .find(|b| a.key == b.key)
                        .is_some_and(|b| same(&a.node, &b.node, nodes_left))
                })
        }
        _ => false,
    }
}
