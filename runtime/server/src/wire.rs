//! Wire types for a door that is not HTTP: a command that runs a task in its own process shows it as a
//! server would.

use errand_core::{Event, ExecutorName, ExecutorVersion, Namespace};
use serde::Serialize;

use crate::executors::ExecutorView;
use crate::tasks::event_view::EventView;

/// Returns an event as `GET /v1/tasks/{id}/events` shows it.
pub fn event_on_the_wire(event: &Event) -> impl Serialize {
    EventView::from(event)
}

/// Returns an executor as `POST /v1/executors` answers it.
pub fn executor_on_the_wire<'a>(
    namespace: &'a Namespace,
    name: &'a ExecutorName,
    version: &'a ExecutorVersion,
) -> impl Serialize + use<'a> {
    ExecutorView::new(namespace, name, version)
}
