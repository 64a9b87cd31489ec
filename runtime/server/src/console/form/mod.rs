//! A JSON Schema as a form: the fields that a person fills in, and the value that they make of it.
//!
//! What people write is covered: objects of strings, numbers, switches, choices, lists of choices, and
//! objects in them; references inside the schema, and `null` beside a type. For anything else the form is
//! one text of JSON, so that every value can be given. Whether a value is right is not decided here: the
//! service checks it against the whole schema, and its faults are shown beside the fields.
//!
//! A field that is left empty is absent, or `null` where the schema takes that and not absence.

mod read;
mod schema;
mod show;

use errand_scheduler::Fault;
use serde_json::Value;

use super::posted::Posted;

/// A form made from a schema.
#[derive(Debug)]
pub(crate) struct Form {
    root: Field,
}

/// What a person typed so far, and what is wrong with it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Draft<'a> {
    /// What they sent; nothing: the form is new.
    pub(crate) posted: Option<&'a Posted>,
    /// What was wrong with it.
    pub(crate) faults: &'a [Fault],
}

#[derive(Debug)]
struct Field {
    /// Where its value is.
    pointer: String,
    /// Unique in its form, in the order of the page.
    number: usize,
    label: String,
    description: Option<String>,
    /// What the value must be, in words.
    hint: Option<String>,
    /// Whether what holds it must have it.
    required: bool,
    /// Whether it must be filled in whatever else is.
    always: bool,
    nullable: bool,
    default: Option<Value>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// An object, by the names of its members.
    Group(Vec<(String, Field)>),
    Text(TextKind),
    Whole,
    Number,
    Switch,
    Choice(Vec<Choice>),
    Choices(Vec<Choice>),
    /// A value that can't be another.
    Fixed(Value),
    /// Any value, as JSON.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextKind {
    /// One line, of an `input` type.
    Line(&'static str),
    Lines,
}

#[derive(Debug)]
struct Choice {
    value: Value,
    label: String,
}

impl Form {
    /// Makes the form of a schema. There is one for every schema.
    pub(crate) fn of(schema: &Value) -> Self {
        Self { root: schema::root(schema) }
    }

    /// Returns the field that shows a fault: the innermost one that holds its place.
    fn place_of(&self, fault: &Fault) -> Option<&Field> {
        self.root.place_of(&fault.pointer)
    }
}

impl Field {
    /// Returns the name that it is posted under: none of the page's own.
    fn name(&self) -> String {
        format!("v{}", self.pointer)
    }

    fn id(&self) -> String {
        format!("f{}", self.number)
    }

    fn place_of(&self, pointer: &str) -> Option<&Self> {
        let rest = pointer.strip_prefix(&self.pointer)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let Kind::Group(members) = &self.kind else { return Some(self) };
        let inner = members.iter().find_map(|(_, field)| field.place_of(pointer));
        // The whole form is no field of its own.
        inner.or((self.number > 0).then_some(self))
    }
}

#[cfg(test)]
mod tests;
