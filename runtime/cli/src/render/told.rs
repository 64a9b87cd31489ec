//! What a person was told of a task while it ran, so that its end says nothing twice.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{DIM, escape};
use crate::client::{Event, TaskError};

/// As much of a stream as is remembered: a failure quotes the end of what was written.
const REMEMBERED_BYTES: usize = 256 << 10;

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What the task wrote, by stream.
    written: BTreeMap<String, String>,
}

impl Told {
    /// Takes note of an event that is shown.
    pub(crate) fn event(&mut self, event: &Event) {
        let text = |name: &str| event.data.get(name).and_then(Value::as_str);
        let ("log", Some(stream), Some(text)) = (event.kind.as_str(), text("stream"), text("text"))
        else {
            return;
        };
        let written = self.written.entry(stream.to_owned()).or_default();
        written.push_str(text);
        let over = written.len().saturating_sub(REMEMBERED_BYTES);
        written.drain(..written.ceil_char_boundary(over));
    }

    /// Makes the text of what the event that ended a task left unsaid of its failure: the message's
    /// further lines, and the detail without what the task wrote itself. It may be empty.
    pub(crate) fn rest_of(&self, error: &TaskError) -> String {
        let mut text = String::new();
        let mut line = |line: &str| text.push_str(&format!("{}\n", escape::text(line.trim_end())));
        if let Some((_, more)) = error.message.split_once('\n') {
            line(more);
        }
        match error.detail.clone() {
            Some(Value::String(detail)) if !self.has_shown(&detail) => line(&detail),
            Some(Value::String(_)) | None => {}
            Some(Value::Object(mut fields)) => {
                fields.retain(|_, value| !value.as_str().is_some_and(|text| self.has_shown(text)));
                if !fields.is_empty() {
                    line(&Value::Object(fields).to_string());
                }
            }
            Some(detail) => line(&detail.to_string()),
        }
        if error.retryable {
            text.push_str(&format!("{DIM}it may pass when tried again{DIM:#}\n"));
        }
        text
    }

    fn has_shown(&self, text: &str) -> bool {
        let text = text.trim();
        self.written.values().any(|written| written.contains(text)) || text.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, data: Value) -> Event {
        let event = json!({"seq": 1, "at": "2026-11-22T12:00:00Z", "by": "a", "attempt": 1,
                           "kind": kind, "data": data});
        serde_json::from_value(event).expect("an event")
    }

    fn error(message: &str, detail: Value, retryable: bool) -> TaskError {
        let error = json!({"code": "executor_failed", "message": message, "detail": detail,
                           "attempt": 1, "retryable": retryable});
        serde_json::from_value(error).expect("an error")
    }

    #[test]
    fn what_the_task_wrote_is_not_said_again() {
        let mut told = Told::default();
        for text in ["Trace", "back:\n  line 1\n"] {
            told.event(&event("log", json!({"stream": "stderr", "text": text})));
            told.event(&event("log", json!({"stream": "stdout", "text": "between"})));
        }
        let detail = json!({"exit_code": 1, "stdout": "", "traceback": "Traceback:\n  line 1\n"});
        assert_eq!(told.rest_of(&error("x", detail, false)), "{\"exit_code\":1}\n");
        assert_eq!(told.rest_of(&error("x", json!("Traceback:"), false)), "");
        assert_eq!(told.rest_of(&error("x", json!("something else"), false)), "something else\n");
        assert_eq!(told.rest_of(&error("x", Value::Null, false)), "");
    }

    #[test]
    fn further_lines_and_hope_are_said() {
        let rest = Told::default().rest_of(&error("one\ntwo\x1b", json!([1]), true));
        let rest = anstream::adapter::strip_str(&rest).to_string();
        assert_eq!(rest, "two\\x1b\n[1]\nit may pass when tried again\n");
    }

    #[test]
    fn no_more_is_remembered_than_a_failure_can_quote() {
        let mut told = Told::default();
        let long = "ä".repeat(REMEMBERED_BYTES);
        told.event(&event("log", json!({"stream": "stdout", "text": long})));
        told.event(&event("log", json!({"stream": "stdout", "text": "the end"})));
        assert!(told.written["stdout"].len() <= REMEMBERED_BYTES);
        assert!(told.has_shown("the end"));
    }
}
