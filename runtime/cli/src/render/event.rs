//! An event for a person: one line, or a line for each that the guest wrote.

use anstyle::{AnsiColor, Style};
use errand_core::ChangeCounts;
use serde::Deserialize;
use serde_json::Value;

use super::executor::short;
use super::{DIM, Look, escape};
use crate::changes;
use crate::client::Event;
use crate::units;

/// Makes the lines of an event.
pub(crate) fn lines(event: &Event, look: &Look) -> String {
    let time = look.time_of_day(event.at);
    let seq = event.seq;
    let style = kind_style(&event.kind);
    let kind = escape::line(&event.kind);
    let head = format!("{DIM}{seq:>4} {time}{DIM:#} {style}");
    let summary = summary(event);
    let mut text = String::new();
    for (at, line) in summary.split('\n').enumerate() {
        let line = escape::line(line.trim_end());
        match (at, line.is_empty()) {
            (0, true) => text.push_str(&format!("{head}{kind}{style:#}")),
            (0, false) => text.push_str(&format!("{head}{kind:<18}{style:#} {line}")),
            (_, true) => {}
            (_, false) => text.push_str(&format!("{:32} {line}", "")),
        }
        text.push('\n');
    }
    text
}

fn summary(event: &Event) -> String {
    let data = &event.data;
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| data.get(name).and_then(Value::as_u64).unwrap_or_default();
    match event.kind.as_str() {
        "submitted" => format!("{} by {}", short_executor(text("executor")), event.by),
        "started" => match number("run") {
            run if run > u64::from(event.attempt) => {
                format!("attempt {}, run {run} on {}", event.attempt, text("worker"))
            }
            _ => format!("attempt {} on {}", event.attempt, text("worker")),
        },
        "log" => format!("{} │ {}", text("stream"), text("text").trim_end_matches('\n'))
            .replace('\n', &format!("\n{} │ ", text("stream"))),
        "emitted" => format!("{} {}", text("kind"), data.get("data").unwrap_or(&Value::Null)),
        "waiting" => match data.get("until").and_then(Value::as_str) {
            Some(until) => format!("for {} until {until}", text("waiting_for")),
            None => format!("for {}", text("waiting_for")),
        },
        "resumed" => match data.get("warm").and_then(Value::as_bool) {
            Some(true) => "in memory".to_owned(),
            _ => "in another run".to_owned(),
        },
        "timer_fired" => format!("of call {}", number("ordinal")),
        "interrupted" => text("reason").to_owned(),
        "approval_requested" => text("title").to_owned(),
        "approval_decided" => format!("{} by {}", text("verdict"), event.by),
        "child_spawned" => format!("{} {}", text("child_id"), text("name")),
        "child_finished" => format!("{} {}", text("child_id"), text("status")),
        "signal_received" => match data.get("payload").filter(|payload| !payload.is_null()) {
            Some(payload) => format!("{} {payload}", text("name")),
            None => text("name").to_owned(),
        },
        "http_called" => called(data),
        "checkpoint_saved" => units::size(number("state_bytes")),
        "artifact_published" => format!("{} ({})", text("path"), units::size(number("size_bytes"))),
        "cancel_requested" => format!("by {} {}", event.by, text("reason")),
        "retry_requested" => format!("by {}", event.by),
        "retry_scheduled" => {
            format!("in {} after {}", units::duration(number("delay_ms")), failure(data))
        }
        "completed" => counted(data),
        "failed" | "cancelled" => failure(data),
        _ if data.is_null() => String::new(),
        _ => data.to_string(),
    }
}

/// Says how many files a task changed.
fn counted(data: &Value) -> String {
    let counts = data.get("changes").and_then(|counts| ChangeCounts::deserialize(counts).ok());
    let counted = counts.map(changes::counted).filter(|counted| !counted.is_empty());
    counted.map(|counted| format!("files: {counted}")).unwrap_or_default()
}

/// Says what a request came to: `GET example.org → 200, 12 KiB in 34ms`.
fn called(data: &Value) -> String {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| data.get(name).and_then(Value::as_u64).unwrap_or_default();
    let came_to = match data.get("error").filter(|error| !error.is_null()) {
        Some(error) => failure(error),
        None => format!("{}, {}", number("status"), units::size(number("response_bytes"))),
    };
    let took = units::duration(number("duration_ms"));
    format!("{} {} → {came_to} in {took}", text("method"), text("host"))
}

/// Shortens the digest that an executor is pinned to.
fn short_executor(executor: &str) -> String {
    match executor.split_once('@') {
        Some((name, digest)) => format!("{name}@{}", short(digest)),
        None => executor.to_owned(),
    }
}

fn failure(data: &Value) -> String {
    let error = data.get("error").unwrap_or(data);
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = text("message").lines().next().unwrap_or_default();
    format!("{}: {message}", text("code"))
}

fn kind_style(kind: &str) -> Style {
    match kind {
        "completed" => AnsiColor::Green.on_default(),
        "failed" => AnsiColor::Red.on_default(),
        "cancelled" | "cancel_requested" => AnsiColor::Magenta.on_default(),
        "waiting" | "approval_requested" | "retry_scheduled" | "interrupted" => {
            AnsiColor::Yellow.on_default()
        }
        "log" => DIM,
        _ => AnsiColor::Blue.on_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, data: &str) -> String {
        let event = Event {
            seq: 7,
            at: "2026-11-22T11:59:58Z".parse().expect("a moment"),
            by: "agent".into(),
            attempt: 2,
            kind: kind.into(),
            data: serde_json::from_str(data).expect("JSON"),
        };
        anstream::adapter::strip_str(&lines(&event, &Look::fixed())).to_string()
    }

    #[test]
    fn events_are_summed_up() {
        assert_eq!(
            line("started", r#"{"run": 1, "worker": "w-1", "engine": "e"}"#),
            "   7 11:59:58 started            attempt 2 on w-1\n"
        );
        assert_eq!(
            line(
                "log",
                r#"{"stream": "stdout", "level": "info", "offset": 0, "text": "a\nb\u001b[1m\n"}"#
            ),
            "   7 11:59:58 log                stdout │ a\n                                 stdout │ b\\x1b[1m\n"
        );
        assert_eq!(
            line(
                "retry_scheduled",
                r#"{"error": {"code": "timeout", "message": "ran too long"}, "delay_ms": 1200}"#
            ),
            "   7 11:59:58 retry_scheduled    in 1.2s after timeout: ran too long\n"
        );
        assert_eq!(line("completed", r#"{"output": 1}"#), "   7 11:59:58 completed\n");
        let changes = r#"{"changes": {"added": 2, "modified": 0, "deleted": 1}}"#;
        assert_eq!(
            line("completed", changes),
            "   7 11:59:58 completed          files: 2 added, 1 deleted\n"
        );
    }

    #[test]
    fn an_unknown_kind_shows_its_data() {
        assert_eq!(
            line("dreamt", r#"{"of": "sheep"}"#),
            "   7 11:59:58 dreamt             {\"of\":\"sheep\"}\n"
        );
    }
}
