//! The tools that every client gets, whatever it knows of tasks: each answers within seconds.
//!
//! None of them approves. What is wrong with a call, and what the server refuses, is an answer that a model
//! can read and act on (`isError`, with the problem document as structured content), and no error of the
//! protocol.

mod artifacts;
mod events;
mod executors;
mod queue;
mod submit;

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::asking::Asking;
use super::functions::object;
use super::{arguments, outcome};
use crate::problem::Problem;

pub(super) use artifacts::{Content, piece};
pub(super) use queue::{PATIENCE, wait_of};
pub(super) use submit::{submit, submit_request};

/// The tool that waits.
pub(super) const WAIT: &str = "wait_for_task";

/// What a tool answers.
pub(super) type Answer = Result<CallToolResult, Problem>;

/// What a tool does to the world, as clients are told.
#[derive(Clone, Copy)]
enum Effect {
    /// Looks only.
    Reads,
    /// Adds something.
    Adds,
    /// Adds something, once.
    AddsOnce,
    /// Ends something.
    Ends,
}

/// One of the tools.
pub(super) struct Own {
    pub(super) name: &'static str,
    title: &'static str,
    description: &'static str,
    effect: Effect,
    input: fn() -> Arc<JsonObject>,
    output: fn() -> Value,
    /// Whether it starts a task that the call may be answered with.
    pub(super) starts: bool,
}

macro_rules! own {
    ($name:literal, $title:literal, $effect:ident, $input:ty, $output:expr, $description:literal) => {
        own!($name, $title, $effect, $input, $output, $description, false)
    };
    ($name:literal, $title:literal, $effect:ident, $input:ty, $output:expr, $description:literal, $starts:literal) => {
        Own {
            name: $name,
            title: $title,
            description: $description,
            effect: Effect::$effect,
            input: arguments::schema::<$input>,
            output: $output,
            starts: $starts,
        }
    };
}

/// All of them.
static OWN: [Own; 13] = [
    own!(
        "submit_task",
        "Submit a task",
        AddsOnce,
        submit::Arguments,
        stands,
        "Starts a task in the background and answers at once with its task_id; it is durable by then. \
         list_executors says what can run and what input it takes. Use wait_for_task or get_task to follow \
         it, get_task_result for its output. With an idempotency_key the same call again gives the same \
         task.",
        true
    ),
    own!(
        "get_task",
        "Look at a task",
        Reads,
        TaskArguments,
        stands,
        "Says how a task stands: its status, progress, and what a person has to decide before it goes on."
    ),
    own!(
        "wait_for_task",
        "Wait for a task",
        Reads,
        queue::WaitArguments,
        stands,
        "Waits until a task has ended or a person has to decide, 4 seconds at most unless timeout_s says \
         otherwise, and says how it stands then. A task that is still running is no error: do something \
         else, and call this again."
    ),
    own!(
        "get_task_result",
        "Get a task's result",
        Reads,
        TaskArguments,
        stands,
        "Returns what a task came to. Of one that failed it is an error that says why; of one that is at \
         work it says how it stands."
    ),
    own!(
        "list_tasks",
        "List tasks",
        Reads,
        queue::ListArguments,
        queue::list_schema,
        "Lists tasks, the newest first."
    ),
    own!(
        "cancel_task",
        "Cancel a task",
        Ends,
        queue::CancelArguments,
        stands,
        "Stops a task and all that it started."
    ),
    own!(
        "retry_task",
        "Retry a task",
        Adds,
        TaskArguments,
        stands,
        "Queues a failed or cancelled task again."
    ),
    own!(
        "send_signal",
        "Send a signal",
        Adds,
        queue::SignalArguments,
        stands,
        "Sends a message to a task, which may be waiting for one of this name."
    ),
    own!(
        "list_executors",
        "List executors",
        Reads,
        executors::Arguments,
        executors::schema,
        "Lists what can run tasks, with the JSON Schema of the input of each function."
    ),
    own!(
        "list_artifacts",
        "List artifacts",
        Reads,
        TaskArguments,
        artifacts::list_schema,
        "Lists the files that a task left behind."
    ),
    own!(
        "read_artifact",
        "Read an artifact",
        Reads,
        artifacts::ReadArguments,
        artifacts::read_schema,
        "Reads a file that a task left behind: text as text, other bytes as base64."
    ),
    own!(
        "get_task_events",
        "Read a task's log",
        Reads,
        events::Arguments,
        events::schema,
        "Reads a task's append-only log: what it printed, when it started, waited, was retried and ended."
    ),
    own!(
        "schedule_task",
        "Schedule a task",
        AddsOnce,
        submit::ScheduleArguments,
        stands,
        "Submits a task that starts at a later time: after delay_ms, or at a moment. It can be cancelled \
         until then."
    ),
];

/// A call about one task.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskArguments {
    /// The task.
    pub(super) task_id: String,
}

/// Returns the names of all.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|own| own.name)
}

/// Finds one.
pub(super) fn find(name: &str) -> Option<&'static Own> {
    OWN.iter().find(|own| own.name == name)
}

/// Returns all of them, described to clients.
pub(super) fn described() -> &'static [Tool] {
    static DESCRIBED: LazyLock<Vec<Tool>> = LazyLock::new(|| OWN.iter().map(describe).collect());
    &DESCRIBED
}

fn describe(own: &Own) -> Tool {
    let annotations = ToolAnnotations::with_title(own.title)
        .read_only(matches!(own.effect, Effect::Reads))
        .destructive(matches!(own.effect, Effect::Ends))
        .idempotent(matches!(own.effect, Effect::Reads | Effect::Ends))
        .open_world(false);
    Tool::new(own.name, own.description, (own.input)())
        .with_title(own.title)
        .with_raw_output_schema(object(&outcome::or_refusal((own.output)())))
        .with_annotations(annotations)
}

fn stands() -> Value {
    outcome::schema(None)
}

/// Calls one that starts no task.
pub(super) async fn call(asking: &Asking, own: &Own, arguments: JsonObject) -> Answer {
    match own.name {
        "get_task" => queue::get(asking, arguments::read(arguments)?).await,
        "get_task_result" => queue::result(asking, arguments::read(arguments)?).await,
        "list_tasks" => queue::list(asking, arguments::read(arguments)?).await,
        "cancel_task" => queue::cancel(asking, arguments::read(arguments)?).await,
        "retry_task" => queue::retry(asking, arguments::read(arguments)?).await,
        "send_signal" => queue::signal(asking, arguments::read(arguments)?).await,
        "list_executors" => executors::list(asking, arguments::read(arguments)?).await,
        "list_artifacts" => artifacts::list(asking, arguments::read(arguments)?).await,
        "read_artifact" => artifacts::read(asking, arguments::read(arguments)?).await,
        "get_task_events" => events::read(asking, arguments::read(arguments)?).await,
        "schedule_task" => submit::schedule(asking, arguments::read(arguments)?).await,
        name => Err(Problem::internal(format!("the tool `{name}` is not called like this"))),
    }
}

/// Answers with something to read.
fn structured(value: &impl Serialize) -> Answer {
    let value = serde_json::to_value(value).map_err(Problem::internal)?;
    Ok(CallToolResult::structured(value))
}

/// Says why a call came to nothing, to a model: the problem document without the status of HTTP, which no
/// call here has. There are clients that hold an error against the tool's schema too, see
/// [`outcome::or_refusal`].
pub(super) fn refused(problem: &Problem) -> CallToolResult {
    let mut why = problem.to_value();
    why.as_object_mut().map(|members| members.remove("status"));
    let mut result = CallToolResult::structured_error(why);
    result.content = vec![ContentBlock::text(problem.detail())];
    result
}
