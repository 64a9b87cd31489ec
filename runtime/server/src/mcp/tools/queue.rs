//! The tools that look at tasks and act on them.

use std::time::Duration;

use errand_core::{ContextId, Status, Task, TaskId};
use errand_scheduler::{ListRequest, SignalRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Answer, TaskArguments, structured};
use crate::call::parse_task_id;
use crate::cursor;
use crate::mcp::asking::Asking;
use crate::mcp::outcome::Standing;
use crate::mcp::{outcome, watching};
use crate::problem::{Problem, WireFault};
use crate::tasks::read::MAX_PAGE;
use crate::tasks::view::StatusName;

/// How long a call takes at most that does not ask for more. Some clients give up after 5 s.
pub(in crate::mcp) const PATIENCE: Duration = Duration::from_millis(3_500);
/// The longest wait that can be asked for.
const MAX_WAIT_S: f64 = 3_600.0;
/// Tasks in a list where nothing is said: what a model reads at a glance.
const DEFAULT_PAGE: usize = 20;

/// A wait for a task.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct WaitArguments {
    /// The task.
    pub(in crate::mcp) task_id: String,
    /// How long to wait at most, in seconds; 3.5 where it is left out.
    #[serde(default)]
    #[schema(required = false, minimum = 0, maximum = 3_600)]
    timeout_s: Option<f64>,
}

/// Reads how long a wait may take.
///
/// # Errors
/// 422 where it is no such time.
pub(in crate::mcp) fn wait_of(arguments: &WaitArguments) -> Result<Duration, Problem> {
    match arguments.timeout_s {
        None => Ok(PATIENCE),
        Some(seconds) if (0.0..=MAX_WAIT_S).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        Some(_) => {
            let rule = format!("must be from 0 to {MAX_WAIT_S}");
            Err(Problem::invalid(vec![WireFault::body("/timeout_s", rule)]))
        }
    }
}

/// Which tasks to list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(in crate::mcp) struct ListArguments {
    /// At this status.
    #[schema(value_type = Option<StatusName>, required = false)]
    status: Option<Status>,
    /// Of this executor.
    #[schema(required = false)]
    executor: Option<String>,
    /// Children of this task.
    #[schema(required = false)]
    parent_id: Option<String>,
    /// Of this conversation.
    #[schema(value_type = Option<String>, required = false)]
    context_id: Option<ContextId>,
    /// With this label, as `key:value`.
    #[schema(required = false)]
    label: Option<String>,
    /// `next_cursor` of the part before.
    #[schema(required = false)]
    cursor: Option<String>,
    /// How many at most.
    #[schema(required = false, minimum = 1, maximum = 500, default = 20)]
    limit: Option<u64>,
}

/// A task to cancel.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct CancelArguments {
    /// The task.
    task_id: String,
    /// Why, for its log.
    #[serde(default)]
    #[schema(required = false)]
    reason: Option<String>,
}

/// A signal to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct SignalArguments {
    /// The task.
    task_id: String,
    /// What the task waits for it by.
    #[schema(pattern = "^[A-Za-z0-9._:-]{1,64}$")]
    name: String,
    /// What it says: any JSON.
    #[serde(default)]
    #[schema(required = false)]
    payload: Value,
}

pub(super) async fn get(asking: &Asking, arguments: TaskArguments) -> Answer {
    let id = parse_task_id(&arguments.task_id)?;
    Ok(watching::stand(asking, id).await?.to_report(&asking.base))
}

pub(super) async fn result(asking: &Asking, arguments: TaskArguments) -> Answer {
    let id = parse_task_id(&arguments.task_id)?;
    Ok(watching::stand(asking, id).await?.to_result(&asking.base))
}

pub(super) async fn cancel(asking: &Asking, arguments: CancelArguments) -> Answer {
    let CancelArguments { task_id, reason } = arguments;
    let id = parse_task_id(&task_id)?;
    let cancelled = asking.service().cancel(&asking.caller, id, reason).await?;
    Ok(alone(cancelled.task).to_report(&asking.base))
}

pub(super) async fn retry(asking: &Asking, arguments: TaskArguments) -> Answer {
    let id = parse_task_id(&arguments.task_id)?;
    let task = asking.service().retry(&asking.caller, id).await?;
    Ok(alone(task).to_report(&asking.base))
}

pub(super) async fn signal(asking: &Asking, arguments: SignalArguments) -> Answer {
    let SignalArguments { task_id, name, payload } = arguments;
    let id = parse_task_id(&task_id)?;
    let request = SignalRequest { name, payload };
    let task = asking.service().signal(&asking.caller, id, request).await?;
    Ok(alone(task).to_report(&asking.base))
}

fn alone(task: Task) -> Standing {
    Standing { task, questions: Vec::new() }
}

/// A task in a list.
#[derive(Serialize)]
struct Row<'a> {
    task_id: TaskId,
    executor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    status: Status,
    message: String,
    created_at: crate::time::Rfc3339,
}

pub(super) async fn list(asking: &Asking, arguments: ListArguments) -> Answer {
    let ListArguments { status, executor, parent_id, context_id, label, cursor, limit } = arguments;
    let wrong = |pointer: &str, rule: &str| Problem::invalid(vec![WireFault::body(pointer, rule)]);
    let limit = match limit {
        None => DEFAULT_PAGE,
        Some(limit @ 1..=MAX_PAGE) => limit as usize,
        Some(_) => return Err(wrong("/limit", "must be from 1 to 500")),
    };
    let label = label.map(|text| match text.split_once(':') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(wrong("/label", "must be key:value")),
    });
    let cursor = cursor.map(|text| cursor::task(&text).map_err(|rule| wrong("/cursor", &rule)));
    let request = ListRequest {
        status,
        executor,
        namespace: None,
        parent_id: parent_id.map(|id| parse_task_id(&id)).transpose()?,
        context_id,
        label: label.transpose()?,
        cursor: cursor.transpose()?,
        limit,
    };
    let page = asking.service().list(&asking.caller, request).await?;
    let standings: Vec<Standing> = page.items.into_iter().map(alone).collect();
    let rows: Vec<Row<'_>> = standings.iter().map(row).collect();
    let mut answer = json!({ "items": rows });
    if let Some(next) = page.next {
        answer["next_cursor"] = json!(cursor::of_task(next));
    }
    structured(&answer)
}

fn row(standing: &Standing) -> Row<'_> {
    let task = &standing.task;
    Row {
        task_id: task.id,
        executor: task.executor.name.to_string(),
        function: task.function.as_deref(),
        status: task.status,
        message: standing.message(),
        created_at: crate::time::Rfc3339(task.created_at),
    }
}

/// The schema of a list of tasks.
pub(super) fn list_schema() -> Value {
    let of_a_task = outcome::schema(None);
    let member = |name: &str| of_a_task["properties"][name].clone();
    json!({
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "task_id": member("task_id"), "executor": member("executor"),
                    "function": member("function"), "status": member("status"),
                    "message": member("message"), "created_at": member("created_at"),
                },
                "required": ["task_id", "executor", "status", "message", "created_at"],
            }},
            "next_cursor": {"type": "string", "description": "Where the next part begins; absent at the end."},
        },
        "required": ["items"],
    })
}
