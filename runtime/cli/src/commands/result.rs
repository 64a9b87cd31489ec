//! `errand result`: a task's output.

use clap::Args;
use serde_json::Value;

use super::exit_of;
use crate::cli::GlobalArgs;
use crate::client::{Client, Task};
use crate::data_dir::TokenFile;
use crate::errors::{CommandError, Exit, Result};
use crate::follow::follow;
use crate::output::{self, Output};
use crate::render;

/// Prints a task's output
///
/// The output is JSON, on one line where no terminal shows it. A task that failed or was cancelled has
/// none: why is told on standard error, and the exit code is 1.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand result 01kapq3v5d0000000000000001 | jq .result
  errand result --wait 01kapq3v5d0000000000000001")]
pub(crate) struct ResultArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Wait for the task to end
    #[arg(long)]
    wait: bool,
    /// Print JSON on one line, on a terminal too; of a failed task its error
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ResultArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut client = Client::connect(globals, TokenFile::Agent)?;
    let task: Task = match args.wait {
        true => follow(&mut client, &args.id, 0, &mut |_| Ok(()))?.parse()?,
        false => client.task(&args.id)?.1,
    };
    if !task.status.is_terminal() {
        return Err(CommandError::refused(format_args!(
            "the task is {}: it has no output yet",
            task.status.as_str()
        ))
        .hint(format_args!("wait for it with `errand result --wait {}`", args.id)));
    }
    let mut out = Output::stdout();
    match (&task.output, &task.error) {
        (Some(output), _) if args.json => out.json_text(output.get())?,
        (_, Some(error)) if args.json => out.json(&serde_json::json!({
            "error": {
                "code": error.code, "message": error.message, "detail": error.detail,
                "attempt": error.attempt, "retryable": error.retryable,
            }
        }))?,
        _ => print(&task, &mut out)?,
    }
    Ok(exit_of(task.status))
}

/// Prints a task's output, or tells why there is none.
pub(super) fn print(task: &Task, out: &mut Output) -> Result<()> {
    if let Some(error) = &task.error {
        output::note(render::task::error(error));
    }
    let Some(json) = &task.output else { return Ok(()) };
    if !out.is_terminal() {
        return out.json_text(json.get());
    }
    match serde_json::from_str::<Value>(json.get())
        .and_then(|value| serde_json::to_string_pretty(&value))
    {
        Ok(pretty) => out.guest_text(&format!("{pretty}\n")),
        Err(_) => out.json_text(json.get()),
    }
}
