//! Reading a schema: which field shows it, or that none does.

use serde_json::{Map, Value};

use super::{Choice, Field, Kind, TextKind};
use crate::console::html::{capitalised, is_hidden, visible};

/// How deep objects nest in a form.
const MAX_DEPTH: usize = 3;
/// Most fields of a form. Nobody fills in more, and a reference can be followed without end.
const MAX_FIELDS: usize = 100;
/// Most values to choose from.
const MAX_CHOICES: usize = 200;
/// References to references that are followed.
const MAX_REFERENCES: usize = 8;
/// Texts that may be longer than this get several lines.
const LINE_CHARACTERS: u64 = 200;

/// What makes more of a value than its field says.
const NOT_COVERED: &[&str] = &[
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentSchemas",
    "dependentRequired",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "prefixItems",
    "contains",
    "minProperties",
];

/// Returns the field of a whole schema.
pub(super) fn root(schema: &Value) -> Field {
    let mut reading = Reading { root: schema, fields: 0 };
    let at = Place { pointer: String::new(), key: "", required: true, always: true, depth: 0 };
    reading.field(schema, at).unwrap_or_else(|| Field {
        pointer: String::new(),
        number: 0,
        label: text(schema.get("title")).unwrap_or_else(|| "Values".to_owned()),
        description: text(schema.get("description")),
        hint: Some("A JSON value".to_owned()),
        required: true,
        always: true,
        nullable: false,
        default: schema.get("default").cloned(),
        kind: Kind::Json,
    })
}

struct Reading<'a> {
    root: &'a Value,
    fields: usize,
}

struct Place<'a> {
    pointer: String,
    key: &'a str,
    required: bool,
    always: bool,
    depth: usize,
}

impl Reading<'_> {
    /// Returns the field of a part of the schema, or nothing if no field covers it.
    fn field(&mut self, schema: &Value, at: Place<'_>) -> Option<Field> {
        let number = self.fields;
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return None;
        }
        let (schema, nullable) = self.resolve(schema)?;
        let kind = self.kind(&schema, &at)?;
        Some(Field {
            number,
            label: text(schema.get("title")).unwrap_or_else(|| label_of_name(at.key)),
            description: text(schema.get("description")),
            hint: hint(&schema, &kind),
            required: at.required,
            always: at.always,
            nullable,
            default: schema.get("default").filter(|default| !default.is_null()).cloned(),
            pointer: at.pointer,
            kind,
        })
    }

    /// Follows references, and takes `null` out of a choice of types.
    fn resolve(&self, schema: &Value) -> Option<(Map<String, Value>, bool)> {
        let mut schema = schema.as_object()?.clone();
        let mut nullable = false;
        for _ in 0..MAX_REFERENCES {
            let mut inner = if let Some(reference) = schema.get("$ref") {
                self.root.pointer(reference.as_str()?.strip_prefix('#')?)?.as_object()?.clone()
            } else if let Some(inner) = beside_null(&schema) {
                nullable = true;
                inner
            } else {
                break;
            };
            // What stands beside a reference says more than what it leads to.
            schema.retain(|key, _| !matches!(key.as_str(), "$ref" | "anyOf" | "oneOf"));
            inner.append(&mut schema);
            schema = inner;
        }
        if let Some(Value::Array(types)) = schema.get("type") {
            let mut others = types.iter().filter(|name| *name != "null");
            let (Some(only), None) = (others.next().cloned(), others.next()) else { return None };
            nullable |= types.iter().any(|name| name == "null");
            schema.insert("type".to_owned(), only);
        }
        Some((schema, nullable))
    }

    fn kind(&mut self, schema: &Map<String, Value>, at: &Place<'_>) -> Option<Kind> {
        if let Some(choices) = choices(schema)? {
            return Some(Kind::Choice(choices));
        }
        if NOT_COVERED.iter().any(|keyword| schema.contains_key(*keyword)) {
            return None;
        }
        if let Some(value) = schema.get("const") {
            let fixed = at.required.then(|| Kind::Fixed(value.clone()));
            return fixed.or_else(|| Some(Kind::Choice(vec![Choice::of(value)])));
        }
        match schema.get("type")?.as_str()? {
            "object" => self.group(schema, at),
            "string" => Some(Kind::Text(text_kind(schema))),
            "integer" => Some(Kind::Whole),
            "number" => Some(Kind::Number),
            "boolean" => Some(Kind::Switch),
            "array" => match self.resolve(schema.get("items")?)? {
                (items, false) => choices(&items)?.map(Kind::Choices),
                _ => None,
            },
            _ => None,
        }
    }

    fn group(&mut self, schema: &Map<String, Value>, at: &Place<'_>) -> Option<Kind> {
        // Members without names that are known can't be given in a field each.
        let open = schema.get("additionalProperties").is_some_and(|more| !more.is_boolean());
        let properties = schema.get("properties")?.as_object()?;
        if at.depth >= MAX_DEPTH || open {
            return None;
        }
        let required: Vec<&str> = match schema.get("required") {
            None => Vec::new(),
            Some(names) => names.as_array()?.iter().filter_map(Value::as_str).collect(),
        };
        if required.iter().any(|name| !properties.contains_key(*name)) {
            return None;
        }
        // Members are not kept in the order that they were written in; the list of those that are needed
        // is, and what is needed comes first.
        let place = |key: &str| required.iter().position(|name| *name == key);
        let mut ordered: Vec<(&String, &Value)> = properties.iter().collect();
        ordered.sort_by_key(|(key, _)| place(key).unwrap_or(usize::MAX));
        let mut members = Vec::new();
        for (key, schema) in ordered {
            if key.contains(is_hidden) || key.contains(['\n', '\t']) {
                return None;
            }
            let segment = key.replace('~', "~0").replace('/', "~1");
            let required = required.contains(&key.as_str());
            let member = Place {
                pointer: format!("{}/{segment}", at.pointer),
                key,
                required,
                always: required && at.always,
                depth: at.depth + 1,
            };
            members.push((key.clone(), self.field(schema, member)?));
        }
        Some(Kind::Group(members))
    }
}

impl Choice {
    fn of(value: &Value) -> Self {
        let label = match value {
            Value::String(text) => visible(text).into_owned(),
            other => visible(&other.to_string()).into_owned(),
        };
        Self { value: value.clone(), label }
    }
}

/// Returns the other of two branches of which one is `null`.
fn beside_null(schema: &Map<String, Value>) -> Option<Map<String, Value>> {
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let is_null = |branch: &&Value| branch.get("type").is_some_and(|name| name == "null");
    let mut others = branches.iter().filter(|branch| !is_null(branch));
    match (branches.len(), others.next(), others.next()) {
        (2, Some(only), None) => only.as_object().cloned(),
        _ => None,
    }
}

/// Returns the values to choose from, if the schema lists them; nothing at all if they are too many, or
/// no list.
fn choices(schema: &Map<String, Value>) -> Option<Option<Vec<Choice>>> {
    let list = if let Some(values) = schema.get("enum") {
        let names = schema.get("enumNames").and_then(Value::as_array);
        let named = |(at, value): (usize, &Value)| {
            let choice = Choice::of(value);
            let name = names.and_then(|names| text(names.get(at)));
            Choice { label: name.unwrap_or(choice.label), value: choice.value }
        };
        values.as_array()?.iter().enumerate().map(named).collect::<Vec<_>>()
    } else if let Some(branches) = schema.get("oneOf") {
        let named = |branch: &Value| {
            let choice = Choice::of(branch.get("const")?);
            Some(Choice { label: text(branch.get("title")).unwrap_or(choice.label), ..choice })
        };
        branches.as_array()?.iter().map(named).collect::<Option<Vec<_>>>()?
    } else {
        return Some(None);
    };
    (1..=MAX_CHOICES).contains(&list.len()).then_some(Some(list))
}

fn text_kind(schema: &Map<String, Value>) -> TextKind {
    let long = schema.get("maxLength").and_then(Value::as_u64) > Some(LINE_CHARACTERS);
    let lines =
        schema.get("default").and_then(Value::as_str).is_some_and(|text| text.contains('\n'));
    match schema.get("format").and_then(Value::as_str) {
        _ if lines => TextKind::Lines,
        Some("email") => TextKind::Line("email"),
        Some("uri") => TextKind::Line("url"),
        Some("date") => TextKind::Line("date"),
        Some("textarea" | "multiline" | "markdown") => TextKind::Lines,
        _ if long => TextKind::Lines,
        _ => TextKind::Line("text"),
    }
}

/// Says what the value must be, as far as the field does not.
fn hint(schema: &Map<String, Value>, kind: &Kind) -> Option<String> {
    let number = |name: &str| schema.get(name).filter(|bound| bound.is_number());
    let between = |least: Option<&Value>, most: Option<&Value>, unit: &str| match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    };
    let parts = match kind {
        Kind::Text(_) => vec![
            between(number("minLength"), number("maxLength"), " characters"),
            schema.get("format").and_then(Value::as_str).and_then(|format| match format {
                "date-time" => Some("a time such as 2026-01-31T12:00:00Z".to_owned()),
                "time" => Some("a time of day such as 12:00:00Z".to_owned()),
                "duration" => Some("a duration such as PT15M".to_owned()),
                "uuid" => Some("a UUID".to_owned()),
                "ipv4" | "ipv6" => Some("an IP address".to_owned()),
                _ => None,
            }),
            text(schema.get("pattern")).map(|pattern| format!("must match {pattern}")),
        ],
        Kind::Whole | Kind::Number => vec![
            matches!(kind, Kind::Whole).then(|| "a whole number".to_owned()),
            between(number("minimum"), number("maximum"), ""),
            number("exclusiveMinimum").map(|bound| format!("more than {bound}")),
            number("exclusiveMaximum").map(|bound| format!("less than {bound}")),
            number("multipleOf").map(|step| format!("a multiple of {step}")),
        ],
        Kind::Choices(_) => vec![between(number("minItems"), number("maxItems"), " of them")],
        _ => Vec::new(),
    };
    let hint = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    (!hint.is_empty()).then(|| capitalised(&hint))
}

/// Returns a text of the schema as it may be shown.
fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| visible(text).into_owned())
}

/// Makes words of a member's name: `dry_run` is `Dry run`.
fn label_of_name(name: &str) -> String {
    let words = capitalised(name.replace(['_', '-'], " ").trim());
    match words.as_str() {
        "" if name.is_empty() => "Value".to_owned(),
        "" => name.to_owned(),
        _ => words,
    }
}
