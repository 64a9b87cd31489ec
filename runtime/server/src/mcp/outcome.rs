//! How a task stands, as every tool tells it: one shape, short enough for a model to read.

use std::fmt::Write;

use errand_core::{Status, Task, TaskError, TaskId, WaitingFor};
use errand_scheduler::ApprovalState;
use serde::Serialize;
use serde_json::{Value, json};

use super::content;
use crate::hosts::Base;
use crate::time::Rfc3339;

use rmcp::model::CallToolResult;

/// A task and what waits for a decision in it and below it.
pub(super) struct Standing {
    pub(super) task: Task,
    pub(super) questions: Vec<ApprovalState>,
}

/// How a task stands.
#[derive(Serialize)]
struct Outcome<'a> {
    task_id: TaskId,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<WaitingFor>,
    executor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a TaskError>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<Question<'a>>,
    created_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Rfc3339>,
}

#[derive(Serialize)]
struct Progress<'a> {
    fuel_used: u64,
    fuel_limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// A question that a person has to answer, not the agent.
#[derive(Serialize)]
struct Question<'a> {
    id: String,
    title: &'a str,
    url: String,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Rfc3339>,
}

impl Standing {
    /// Returns it as a tool's structured content.
    pub(super) fn to_value(&self, base: &Base) -> Value {
        let Self { task, questions } = self;
        let ended = task.status.is_terminal();
        let outcome = Outcome {
            task_id: task.id,
            status: task.status,
            waiting_for: task.waiting_for,
            executor: task.executor.name.to_string(),
            function: task.function.as_deref(),
            message: self.message(),
            progress: (!ended).then_some(Progress {
                fuel_used: task.progress.fuel_used,
                fuel_limit: task.limits.fuel,
                done: task.progress.done,
                total: task.progress.total,
                message: task.progress.message.as_deref(),
            }),
            output: task.output.as_deref(),
            error: task.error.as_ref(),
            approvals: questions.iter().map(|state| question(state, base)).collect(),
            created_at: Rfc3339(task.created_at),
            finished_at: task.finished_at.map(Rfc3339),
        };
        json!(outcome)
    }

    /// Returns one line on it for a person or a model.
    pub(super) fn message(&self) -> String {
        let Self { task, questions } = self;
        if let Some(first) = questions.first() {
            let more = match questions.len() {
                1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            return format!("waits for a person to decide: {}{more}", first.approval.title);
        }
        let mut text = match (task.status, task.waiting_for) {
            (Status::Queued, _) => "queued".to_owned(),
            (Status::Running, _) => "running".to_owned(),
            (Status::Waiting, Some(what)) => format!("waiting for {}", words(what)),
            (Status::Waiting, None) => "waiting".to_owned(),
            (Status::Completed, _) => return "completed".to_owned(),
            (Status::Failed | Status::Cancelled, _) => {
                let reason = task.error.as_ref().map(|error| error.message.as_str());
                return match reason {
                    Some(reason) => format!("{}: {reason}", task.status.as_str()),
                    None => task.status.as_str().to_owned(),
                };
            }
        };
        let progress = &task.progress;
        if let Some(total) = progress.total {
            let _ = write!(text, ", {} of {total}", progress.done.unwrap_or(0));
        } else if let Some(done) = progress.done {
            let _ = write!(text, ", {done} done");
        }
        if let Some(message) = &progress.message {
            let _ = write!(text, ": {message}");
        }
        text
    }

    /// Returns it as what a call came to: an error where the task failed or was cancelled.
    pub(super) fn to_result(&self, base: &Base) -> CallToolResult {
        let mut result = self.to_report(base);
        let failed = matches!(self.task.status, Status::Failed | Status::Cancelled);
        result.is_error = Some(failed);
        result
    }

    /// Returns it as something that was asked for and found, whatever it is.
    pub(super) fn to_report(&self, base: &Base) -> CallToolResult {
        let mut result = CallToolResult::structured(self.to_value(base));
        let blocks = self.task.output.as_deref().and_then(content::blocks);
        if let Some(blocks) = blocks {
            result.content = blocks;
        }
        result
    }
}

fn words(what: WaitingFor) -> String {
    match serde_json::to_value(what) {
        Ok(Value::String(word)) => word,
        _ => "something".to_owned(),
    }
}

fn question<'a>(state: &'a ApprovalState, base: &Base) -> Question<'a> {
    let approval = &state.approval;
    let id = approval.id.to_string();
    Question {
        title: &approval.title,
        url: page_of(base, state),
        command: format!("errand approve {id}"),
        expires_at: approval.expires_at.map(Rfc3339),
        id,
    }
}

/// Returns the page on which a person decides.
pub(super) fn page_of(base: &Base, state: &ApprovalState) -> String {
    format!("{base}/approvals/{}", state.approval.id)
}

/// Returns the JSON Schema of an outcome whose output is of some schema.
pub(super) fn schema(output: Option<&Value>) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": {
            "task_id": {"type": "string", "description": "The task's id, for the other tools."},
            "status": {"type": "string", "enum": ["queued", "running", "waiting", "completed", "failed", "cancelled"]},
            "waiting_for": {"type": "string", "description": "What a waiting task waits for."},
            "executor": {"type": "string"},
            "function": {"type": "string"},
            "message": {"type": "string", "description": "How it stands, in one line."},
            "progress": {"type": "object", "description": "How far it is: fuel_used of fuel_limit; done of total and a message where the executor says so."},
            "output": {"description": "What it came to, when completed."},
            "error": {"type": "object", "description": "Why it ended, when failed or cancelled: code, message, detail."},
            "approvals": {
                "type": "array",
                "items": {"type": "object"},
                "description": "What a person has to decide before it goes on, each with title, url and command: tell them.",
            },
            "created_at": {"type": "string"},
            "finished_at": {"type": "string"},
        },
        "required": ["task_id", "status", "executor", "message", "created_at"],
    });
    if let Some(output) = output {
        schema["properties"]["output"] = output.clone();
    }
    schema
}

/// Returns a tool's schema with what a refused call answers beside it.
pub(super) fn or_refusal(mut schema: Value) -> Value {
    let needed = schema["required"].take();
    for (name, member) in [
        ("code", json!({"type": "string", "description": "Of a call that was refused: why."})),
        ("detail", json!({"type": "string", "description": "The same, in words."})),
        (
            "errors",
            json!({"type": "array", "items": {"type": "object"}, "description": "What is wrong, each with its JSON pointer."}),
        ),
    ] {
        schema["properties"][name] = member;
    }
    schema["anyOf"] = json!([{ "required": needed }, { "required": ["code", "detail"] }]);
    schema.as_object_mut().map(|members| members.remove("required"));
    schema
}
