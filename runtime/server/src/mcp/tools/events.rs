//! `get_task_events`.

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Answer, structured};
use crate::call::parse_task_id;
use crate::mcp::asking::Asking;
use crate::problem::{Problem, WireFault};
use crate::tasks::event_view::EventView;

/// Events where nothing is said, and at most.
const PAGE: (u64, u64) = (50, 500);

/// Which part of a task's log.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct Arguments {
    /// The task.
    task_id: String,
    /// Only events after this number.
    #[serde(default)]
    #[schema(required = false, default = 0)]
    after: u64,
    /// How many at most.
    #[serde(default)]
    #[schema(required = false, minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

pub(super) async fn read(asking: &Asking, arguments: Arguments) -> Answer {
    let Arguments { task_id, after, limit } = arguments;
    let limit = limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&limit) {
        let rule = format!("must be from 1 to {}", PAGE.1);
        return Err(Problem::invalid(vec![WireFault::body("/limit", rule)]));
    }
    let id = parse_task_id(&task_id)?;
    let events = asking.service().events(&asking.caller, id, after, limit as usize).await?;
    let items: Vec<EventView<'_>> = events.iter().map(EventView::from).collect();
    let last = events.last().map_or(after, |event| event.seq);
    structured(&json!({ "items": items, "after": last }))
}

/// The schema of the answer.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "seq": {"type": "integer"}, "at": {"type": "string"}, "by": {"type": "string"},
                    "attempt": {"type": "integer"}, "kind": {"type": "string"}, "data": {"type": "object"},
                },
                "required": ["seq", "at", "kind", "data"],
            }},
            "after": {"type": "integer", "description": "The last number that was read: ask for what comes after it."},
        },
        "required": ["items", "after"],
    })
}
