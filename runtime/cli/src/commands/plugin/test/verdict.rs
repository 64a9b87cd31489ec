//! What is wrong with a run: against its case, and against what its executor says of itself.

use errand_core::{Artifact, ExecutorProfile, FunctionProfile, Task};
use errand_scheduler::{Fault, schema_faults};
use serde::Serialize;
use serde_json::{Map, Value, json};
use similar::TextDiff;

use super::cases::{Expected, ExpectedError};

/// How a run ended.
pub(super) enum Ended {
    /// The input was not taken.
    Refused(Vec<Fault>),
    /// There was a task.
    Task(Box<Task>),
}

impl Ended {
    /// Returns the task, where there was one.
    pub(super) fn task(&self) -> Option<&Task> {
        match self {
            Self::Refused(_) => None,
            Self::Task(task) => Some(task),
        }
    }

    /// Returns how it failed, with the code that a server answers where the input was not taken.
    pub(super) fn error(&self) -> Option<Value> {
        match self {
            Self::Refused(faults) => Some(json!({
                "code": "invalid", "message": listed(faults), "detail": faults, "retryable": false
            })),
            Self::Task(task) => task.error.as_ref().map(|error| json!(error)),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Complaint {
    /// What, in a line.
    pub(super) what: String,
    /// From what was expected (`-`) to what came (`+`), line by line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) diff: Option<String>,
}

impl Complaint {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), diff: None }
    }

    fn differs(what: impl Into<String>, expected: &str, got: &str) -> Self {
        Self { what: what.into(), diff: Some(diff(expected, got)) }
    }
}

/// Compares the end of a run with what a case expects.
pub(super) fn of_case(expected: &Expected, ended: &Ended) -> Vec<Complaint> {
    let complaint = match (&expected.error, ended.error()) {
        (Some(expected), Some(got)) => of_error(expected, &got),
        (Some(expected), None) => {
            Some(Complaint::new(format!("it was to fail with `{}`, and completed", expected.code)))
        }
        (None, Some(got)) => {
            let text = |name: &str| got[name].as_str().unwrap_or_default().to_owned();
            let what = format!("it was to complete: {}: {}", text("code"), text("message"));
            Some(Complaint::new(what))
        }
        (None, None) => {
            let got = ended.task().and_then(|task| task.output.as_deref());
            expected.output.as_ref().zip(got).and_then(|(expected, got)| of_output(expected, got))
        }
    };
    complaint.into_iter().collect()
}

/// Compares an output with what is expected.
pub(super) fn of_output(expected: &Value, got: &Value) -> Option<Complaint> {
    if same(expected, got) {
        return None;
    }
    let what = "the output is not what is expected";
    Some(Complaint::differs(what, &pretty(expected), &pretty(got)))
}

/// Compares a file with what is expected of it.
pub(super) fn of_artifact(
    path: &str,
    expected: &str,
    got: Option<&[u8]>,
    left: &[Artifact],
) -> Option<Complaint> {
    let Some(got) = got else {
        let left: Vec<&str> = left.iter().map(|artifact| artifact.path.as_str()).collect();
        let left = if left.is_empty() { "nothing".to_owned() } else { left.join(", ") };
        return Some(Complaint::new(format!("it left no artifact `{path}`; it left {left}")));
    };
    if got == expected.as_bytes() {
        return None;
    }
    let what = format!("the artifact `{path}` is not what is expected");
    Some(Complaint::differs(what, expected, &String::from_utf8_lossy(got)))
}

/// Says where an output does not fit what its executor says of it.
pub(super) fn of_schema(called: Option<&FunctionProfile>, task: &Task) -> Option<Complaint> {
    let faults = schema_faults(&called?.output_schema, task.output.as_deref()?);
    let what = "the output does not fit the executor's own output schema";
    against(what, faults)
}

/// Says which examples in the schemas do not fit the schemas that they are in.
pub(super) fn of_examples(profile: &ExecutorProfile) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for function in &profile.functions {
        for (which, schema) in
            [("input", &function.input_schema), ("output", &function.output_schema)]
        {
            for (at, example) in (1..).zip(examples(schema)) {
                let of = match function.name.as_str() {
                    "run" => String::new(),
                    name => format!(" of `{name}`"),
                };
                let what =
                    format!("example {at} of the {which} schema{of} does not fit the schema");
                complaints.extend(against(&what, schema_faults(schema, example)));
            }
        }
    }
    complaints
}

/// Returns the first input that a function's schema gives as an example.
pub(super) fn first_example(function: &FunctionProfile) -> Option<Value> {
    examples(&function.input_schema).first().cloned()
}

fn examples(schema: &Value) -> &[Value] {
    schema.get("examples").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn against(what: &str, faults: Result<Vec<Fault>, String>) -> Option<Complaint> {
    match faults {
        Ok(faults) if faults.is_empty() => None,
        Ok(faults) => Some(Complaint::new(format!("{what}: {}", listed(&faults)))),
        Err(reason) => Some(Complaint::new(format!("{what}: the schema is wrong: {reason}"))),
    }
}

fn listed(faults: &[Fault]) -> String {
    let texts: Vec<String> = faults
        .iter()
        .map(|Fault { pointer, message }| match pointer.as_str() {
            "" => message.clone(),
            pointer => format!("{pointer}: {message}"),
        })
        .collect();
    texts.join("; ")
}

fn of_error(expected: &ExpectedError, got: &Value) -> Option<Complaint> {
    let expected = json!(expected);
    let got = narrowed(&expected, got);
    if same(&expected, &got) {
        return None;
    }
    let what = "it failed in another way than is expected";
    Some(Complaint::differs(what, &pretty(&expected), &pretty(&got)))
}

/// Returns of a value what another one speaks of: the members of objects that are in both.
fn narrowed(to: &Value, value: &Value) -> Value {
    match (to, value) {
        (Value::Object(to), Value::Object(fields)) => {
            let kept = to.iter().filter_map(|(name, to)| {
                fields.get(name).map(|value| (name.clone(), narrowed(to, value)))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        _ => value.clone(),
    }
}

/// Tells whether two values are the same: 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            x == y || ((x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64())
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(name, x)| y.get(name).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Lines around a difference.
const CONTEXT_LINES: usize = 3;

fn diff(expected: &str, got: &str) -> String {
    let diff = TextDiff::from_lines(expected, got);
    let mut text = String::new();
    for (at, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if at > 0 {
            text.push_str("  …\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value().trim_end_matches('\n');
            let end = if change.missing_newline() { " (without a line end)" } else { "" };
            text.push_str(&format!("{} {line}{end}\n", change.tag()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(code: &str, detail: Value) -> ExpectedError {
        ExpectedError { code: code.into(), message: None, detail: Some(detail), retryable: None }
    }

    #[test]
    fn an_output_is_compared_by_value() {
        assert_eq!(of_output(&json!({"a": 1, "b": [2.0]}), &json!({"b": [2], "a": 1.0})), None);
        let big = json!(9_007_199_254_740_993_u64);
        assert!(of_output(&big, &json!(9_007_199_254_740_992_u64)).is_some());
        let complaint = of_output(&json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 3})).expect("b");
        let shown = "  {\n    \"a\": 1,\n-   \"b\": 2\n+   \"b\": 3\n  }\n";
        assert_eq!(complaint.diff.as_deref(), Some(shown));
    }

    #[test]
    fn an_error_is_compared_where_something_is_said_of_it() {
        let got = json!({"code": "executor_failed", "message": "no", "attempt": 1, "retryable": false,
                         "detail": {"code": "no_words", "more": {"a": 1, "b": 2}}});
        assert_eq!(of_error(&failing("executor_failed", json!({"more": {"a": 1}})), &got), None);
        assert!(of_error(&failing("trap", json!({"more": {"a": 1}})), &got).is_some());
        assert!(of_error(&failing("executor_failed", json!({"less": 1})), &got).is_some());
    }

    #[test]
    fn an_input_that_is_refused_fails_as_a_server_says_it() {
        let ended = Ended::Refused(vec![Fault::new("/input/top", "is too small")]);
        let expected = |code: &str| Expected {
            error: Some(ExpectedError {
                code: code.into(),
                message: None,
                detail: None,
                retryable: None,
            }),
            ..Expected::default()
        };
        assert_eq!(of_case(&expected("invalid"), &ended), []);
        assert_eq!(of_case(&expected("trap"), &ended).len(), 1);
        let complaints = of_case(&Expected::default(), &ended);
        let what = "it was to complete: invalid: /input/top: is too small";
        assert_eq!(complaints, [Complaint::new(what)]);
    }

    #[test]
    fn a_missing_line_end_is_seen() {
        assert_eq!(diff("a\nb\n", "a\nb"), "  a\n- b\n+ b (without a line end)\n");
    }
}
