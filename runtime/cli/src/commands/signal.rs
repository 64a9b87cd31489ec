//! `errand signal`: sends a task a message.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route, Task};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::input::InputSource;
use crate::output::{self, Output};

/// Sends a signal to a task
///
/// It counts whether the task waits for it already or not.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand signal 01kapq3v5d0000000000000001 go
  errand signal 01kapq3v5d0000000000000001 review '{\"verdict\": \"fine\"}'
  errand signal 01kapq3v5d0000000000000001 data @measured.json")]
pub(crate) struct SignalArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// What the task waits for it by
    #[arg(value_name = "NAME")]
    name: String,
    /// What it says: JSON, `@FILE`, or `-` for standard input
    #[arg(value_name = "JSON")]
    payload: Option<InputSource>,
    /// Print the task as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &SignalArgs, globals: &GlobalArgs) -> Result<Exit> {
    let payload = args.payload.as_ref().map(|source| source.read_value("JSON")).transpose()?;
    let client = Client::connect(globals, TokenFile::Agent)?;
    let route = Route::new("/v1/tasks").segment(&args.id).segment("signals");
    let body = json!({"name": args.name, "payload": payload.unwrap_or(Value::Null)});
    let answer = client.post(route, Payload::Json(body.to_string()))?;
    if args.json {
        Output::stdout().json_text(&answer.text)?;
        return Ok(Exit::Done);
    }
    let task: Task = answer.parse()?;
    let name = output::for_stderr(&args.name);
    output::note(format_args!("{} has the signal `{name}` ({})", task.id, task.status.as_str()));
    Ok(Exit::Done)
}
