//! `submit_task` and `schedule_task`.

use errand_core::{Submitted, Task};
use errand_scheduler::TaskRequest;
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Answer;
use crate::mcp::arguments::given;
use crate::mcp::asking::Asking;
use crate::mcp::outcome::Standing;
use crate::problem::{Problem, WireFault};
use crate::tasks::request::TaskRequestBody;
use crate::time;

/// What a submission is given: a task request.
pub(in crate::mcp) type Arguments = TaskRequestBody;

/// A task for later.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct ScheduleArguments {
    /// The task: the arguments that submit_task takes.
    #[schema(value_type = Object)]
    task: JsonObject,
    /// How long it stays queued at least.
    #[serde(default)]
    #[schema(required = false)]
    delay_ms: Option<u64>,
    /// When it may start: an RFC 3339 time.
    #[serde(default)]
    #[schema(required = false, format = DateTime)]
    at: Option<String>,
    /// Repeating by a cron expression is not supported yet.
    #[serde(default)]
    #[schema(required = false)]
    cron: Option<String>,
}

/// Submits a task, and answers once it is durable.
pub(in crate::mcp) async fn submit(
    asking: &Asking,
    arguments: JsonObject,
) -> Result<Task, Problem> {
    submit_request(asking, TaskRequest::from_value(Value::Object(given(arguments)))?).await
}

/// Submits what is asked for.
pub(in crate::mcp) async fn submit_request(
    asking: &Asking,
    request: TaskRequest,
) -> Result<Task, Problem> {
    match asking.service().submit(&asking.caller, request).await? {
        Submitted::Created(task) => {
            asking.app.submitted.inc();
            Ok(task)
        }
        Submitted::Existing(task) => Ok(task),
    }
}

pub(super) async fn schedule(asking: &Asking, arguments: ScheduleArguments) -> Answer {
    let ScheduleArguments { task, delay_ms, at, cron } = arguments;
    if cron.is_some() {
        return Err(Problem::unsupported("a schedule that repeats"));
    }
    let wrong =
        |pointer: &str, rule: String| Problem::invalid(vec![WireFault::body(pointer, rule)]);
    let delay_ms = match (delay_ms, at) {
        (Some(delay_ms), None) => delay_ms,
        (None, Some(at)) => {
            let at = time::parse(&at).map_err(|rule| wrong("/at", rule))?;
            at.since_ms(asking.service().now())
        }
        _ => return Err(wrong("", "needs one of delay_ms and at".to_owned())),
    };
    let mut request = TaskRequest::from_value(Value::Object(task))?;
    if request.delay_ms != 0 {
        return Err(wrong("/task/delay_ms", "is said beside the task".to_owned()));
    }
    request.delay_ms = delay_ms;
    let task = submit_request(asking, request).await?;
    Ok(Standing { task, questions: Vec::new() }.to_report(&asking.base))
}
