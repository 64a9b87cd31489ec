//! An executor for a person.

use errand_core::ExecutorKind;
use serde_json::Value;

use super::table::Table;
use super::{BOLD, DIM, Look, escape};
use crate::client::Executor;
use crate::units;

/// Digits of a digest that tell uploads apart.
const SHORT_DIGEST: usize = 12;

/// Makes a list of executors.
pub(crate) fn list(executors: &[Executor], look: &Look) -> String {
    let mut table = Table::new(["NAME", "DIGEST", "KIND", "SIZE", "DESCRIPTION"]);
    for executor in executors {
        let description = executor.description.as_deref().unwrap_or_default();
        table.row([
            executor.name.as_str().into(),
            short(&executor.digest).into(),
            kind(executor.kind).into(),
            units::size(executor.size_bytes).into(),
            description.lines().next().unwrap_or_default().into(),
        ]);
    }
    table.render(look)
}

/// Makes an overview of an executor with its functions.
pub(crate) fn overview(executor: &Executor, look: &Look) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: String| {
        text.push_str(&format!("{BOLD}{name:<12}{BOLD:#}{value}\n"));
    };
    field("executor", escape::line(&executor.name).into_owned());
    field("digest", escape::line(&executor.digest).into_owned());
    field("kind", kind(executor.kind).to_owned());
    field("size", units::size(executor.size_bytes));
    if let Some(at) = executor.uploaded_at {
        field("uploaded", look.moment(at));
    }
    if let Some(description) = &executor.description {
        field("about", escape::text(description.trim()).into_owned());
    }
    for function in &executor.functions {
        let parameters = parameters(&function.input_schema);
        let about = function.description.as_deref().unwrap_or_default();
        let about = about.trim().lines().next().unwrap_or_default();
        let about = match about {
            "" => String::new(),
            about => format!("  {DIM}{}{DIM:#}", escape::line(about)),
        };
        let name = escape::line(&function.name);
        field("function", format!("{name}({}){about}", escape::line(&parameters)));
    }
    let earlier =
        executor.versions.iter().rev().filter(|version| version.digest != executor.digest);
    for version in earlier {
        text.push_str(&format!(
            "{BOLD}{:<12}{BOLD:#}{} {}\n",
            "earlier",
            escape::line(&version.digest),
            look.moment(version.uploaded_at)
        ));
    }
    text
}

/// Returns the first digits of a digest.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..SHORT_DIGEST).unwrap_or(digest)
}

fn kind(kind: ExecutorKind) -> &'static str {
    match kind {
        ExecutorKind::Native => "native",
        ExecutorKind::Functions => "functions",
        ExecutorKind::Command => "command",
    }
}

/// Writes a schema's properties as parameters: `code, args?`.
fn parameters(schema: &Value) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|each| each.as_str() == Some(name)))
    };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return String::new();
    };
    let names: Vec<String> = properties
        .keys()
        .map(|name| if is_required(name) { name.clone() } else { format!("{name}?") })
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_show_their_parameters() {
        let executor: Executor = serde_json::from_str(
            r#"{"name": "calc", "digest": "0123456789abcdef", "kind": "functions", "size_bytes": 2048,
                "functions": [{"name": "add", "description": "Adds.", "output_schema": {},
                "input_schema": {"properties": {"a": {}, "b": {}}, "required": ["a"]}}]}"#,
        )
        .expect("an executor");
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain(overview(&executor, &Look::fixed())),
            "\
executor    calc
digest      0123456789abcdef
kind        functions
size        2.0 KiB
function    add(a, b?)  Adds.
"
        );
        assert_eq!(
            plain(list(&[executor], &Look::fixed())),
            "\
NAME  DIGEST        KIND       SIZE     DESCRIPTION
calc  0123456789ab  functions  2.0 KiB
"
        );
    }
}
