//! Which tasks `retry --all` and `delete --all` are for: failed or cancelled ones, by conditions.

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, Payload, Route};
use crate::errors::Result;
use crate::output::{self, Output};
use crate::units;

/// The most that the server does in one call, about.
const ONE_CALL: u64 = 10_000;

/// Conditions that all must hold.
#[derive(Args)]
#[command(next_help_heading = "With --all")]
pub(super) struct BulkArgs {
    /// Only at this status [default: failed]
    #[arg(long, value_name = "STATUS", requires = "all", conflicts_with = "ids", value_parser = ["failed", "cancelled"])]
    status: Option<String>,
    /// Only of this executor: `name`, or `name@digest`
    #[arg(long, value_name = "EXECUTOR", requires = "all", conflicts_with = "ids")]
    executor: Option<String>,
    /// Only with this label
    #[arg(long, value_name = "KEY=VALUE", requires = "all", conflicts_with = "ids", value_parser = units::parse_pair)]
    label: Option<(String, String)>,
    /// Only children of this task
    #[arg(long, value_name = "ID", requires = "all", conflicts_with = "ids")]
    parent: Option<String>,
    /// Only of this conversation
    #[arg(long, value_name = "ID", requires = "all", conflicts_with = "ids")]
    context: Option<String>,
    /// Only of this namespace
    #[arg(long, value_name = "NAME", requires = "all", conflicts_with = "ids")]
    namespace: Option<String>,
}

/// What the server did.
#[derive(Deserialize)]
struct Count {
    count: u64,
}

impl BulkArgs {
    fn filter(&self) -> Value {
        let label = self.label.as_ref().map(|(key, value)| format!("{key}:{value}"));
        let mut filter = json!({
            "status": self.status, "executor": self.executor, "label": label,
            "parent_id": self.parent, "context_id": self.context, "namespace": self.namespace,
        });
        if let Some(fields) = filter.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        json!({ "filter": filter })
    }

    /// Has the server do something to all of them, and says how many there were.
    pub(super) fn perform(
        &self,
        client: &Client,
        call: &str,
        done: &str,
        json: bool,
    ) -> Result<()> {
        let route = Route::new("/v1/tasks").segment(call);
        let answer = client.post(route, Payload::Json(self.filter().to_string()))?;
        if json {
            return Output::stdout().json_text(&answer.text);
        }
        let Count { count } = answer.parse()?;
        output::note(match count {
            1 => format!("1 task is {done}"),
            count => format!("{count} tasks are {done}"),
        });
        if count >= ONE_CALL {
            output::note("there may be more: call it again");
        }
        Ok(())
    }
}
