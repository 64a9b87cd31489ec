//! An executor for a person.

use errand_core::ExecutorKind;
use serde_json::Value;

use super::table::Table;
use super::{BOLD, DIM, Look, escape, schema};
use crate::client::{Executor, Function};
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
        if executor.kind == ExecutorKind::Functions {
            for line in types(function) {
                field("", format!("  {}", escape::line(&line)));
            }
        }
    }
    for line in interfaces(&executor.imports) {
        field("imports", escape::line(&line).into_owned());
    }
    for grant in &executor.granted.http {
        field("granted", escape::line(&super::grants::http(grant)).into_owned());
    }
    if !executor.granted.environment.is_empty() {
        let names = executor.granted.environment.join(" ");
        field("granted", format!("environment {}", escape::line(&names)));
    }
    if asks_for_http(executor) && executor.granted.http.is_empty() {
        field("granted", "no requests; `errand grant add` lets it send some".to_owned());
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

/// Gathers interfaces by package: `wasi:http 0.2.12: outgoing-handler types`.
fn interfaces(imports: &[String]) -> Vec<String> {
    let mut packages: Vec<(String, Vec<&str>)> = Vec::new();
    for import in imports {
        let (path, version) = import.split_once('@').unwrap_or((import, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        let package = format!("{package} {version}").trim_end().to_owned();
        match packages.iter_mut().find(|(name, _)| *name == package) {
            Some((_, interfaces)) => interfaces.push(interface),
            None => packages.push((package, vec![interface])),
        }
    }
    packages.into_iter().map(|(package, all)| format!("{package}: {}", all.join(" "))).collect()
}

fn asks_for_http(executor: &Executor) -> bool {
    executor.imports.iter().any(|import| import.starts_with("wasi:http/outgoing-handler"))
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

/// Writes what a function takes and gives, one line for each parameter.
fn types(function: &Function) -> Vec<String> {
    let parameters = schema::members(&function.input_schema);
    let gives = format!("→ {}", schema::written(&function.output_schema));
    let taken = parameters.map(|(name, ty)| format!("{name}: {}", schema::written(ty)));
    taken.chain([gives]).collect()
}

/// Writes a schema's properties as parameters: `code, args?`.
fn parameters(schema: &Value) -> String {
    schema::members(schema).map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_show_their_parameters() {
        let executor: Executor = serde_json::from_str(
            r#"{"name": "calc", "digest": "0123456789abcdef", "kind": "functions", "size_bytes": 2048,
                "functions": [{"name": "add", "description": "Adds.",
                "output_schema": {"type": "integer", "minimum": 0, "maximum": 255},
                "input_schema": {"properties": {"a": {"type": "string"}, "b": {}},
                "required": ["a"]}}]}"#,
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
              a: string
              b?: anything
              → 0 to 255
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
