//! What a refusal says (RFC 9457), as an error with hints.

use serde::Deserialize;

use crate::errors::{CommandError, Exit};

/// The body of a refusal, as far as it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    errors: Vec<Fault>,
}

/// One fault in a request: in its body, or in a parameter.
#[derive(Debug, Deserialize)]
struct Fault {
    #[serde(default)]
    pointer: Option<String>,
    #[serde(default)]
    parameter: Option<String>,
    #[serde(default, alias = "detail")]
    message: String,
}

/// Makes an error of a refusal.
pub(super) fn error(status: u16, body: &str, retry_after: Option<&str>) -> CommandError {
    let problem: Problem = serde_json::from_str(body).unwrap_or_default();
    let code = problem.code.as_deref().unwrap_or_default();
    let exit = Exit::of_status(status, code);
    let mut message = problem
        .detail
        .or(problem.title)
        .unwrap_or_else(|| format!("the server answered with status {status}"));
    for fault in &problem.errors {
        if !message.contains(&fault.message) {
            let place = fault.parameter.as_deref().or(fault.pointer.as_deref()).unwrap_or_default();
            message.push_str(&format!("\n  {place}: {}", fault.message));
        }
    }
    if code == "unsupported" && !message.contains("unsupported") {
        message = format!("unsupported: {message}");
    }
    let hint = if status == 404 { hint_of_missing(&message) } else { hint(status, code) };
    let error = CommandError::new(exit, message);
    match (hint, retry_after) {
        (_, Some(seconds)) if matches!(status, 429 | 503) => {
            error.hint(format_args!("try again in {seconds} s"))
        }
        (Some(hint), _) => error.hint(hint),
        (None, _) => error,
    }
}

fn hint(status: u16, code: &str) -> Option<&'static str> {
    match (status, code) {
        (401, _) => Some(
            "give a token with `--token` or ERRAND_TOKEN, or name the server's data directory with `--data`",
        ),
        (403, _) => Some("this token may not do that; the operator's may"),
        (507, _) => Some("make room on the server's disk; `errand delete` removes ended tasks"),
        (500, _) => Some("the server's log says more"),
        _ => None,
    }
}

/// Says where to look for a thing that is not there, by what the server calls it.
fn hint_of_missing(message: &str) -> Option<&'static str> {
    let what = message.strip_prefix("there is no ")?;
    match what.split(' ').next()? {
        "task" => Some("`errand list` shows what there is"),
        "executor" => Some("`errand plugin list` shows what there is"),
        "artifact" => Some("`errand artifacts ID` shows what the task left"),
        "token" => Some("`errand token list` shows what there is"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_named_with_its_place() {
        let body = r#"{"title": "Invalid request", "detail": "the request is not valid", "code": "invalid",
            "errors": [{"pointer": "/limits/fuel", "message": "must be at least 1"}]}"#;
        let error = error(422, body, None);
        assert_eq!(error.exit(), Exit::Refused);
        assert_eq!(error.message(), "the request is not valid\n  /limits/fuel: must be at least 1");
    }

    #[test]
    fn what_is_not_there_yet_says_unsupported() {
        let error = error(422, r#"{"detail": "forks come later", "code": "unsupported"}"#, None);
        assert_eq!(error.exit(), Exit::Usage);
        assert_eq!(error.message(), "unsupported: forks come later");
    }

    #[test]
    fn an_answer_that_is_no_problem_document_still_says_something() {
        let error = error(502, "<html>", None);
        assert_eq!(error.exit(), Exit::Unreachable);
        assert_eq!(error.message(), "the server answered with status 502");
    }
}
