//! `errand cancel`: stops tasks.

use clap::Args;

use super::for_each;
use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route, Task};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};

/// Stops tasks
///
/// A running one ends within a tenth of a second, wherever it is. One that has ended stays as it is.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand cancel 01kapq3v5d0000000000000001
  errand list --status queued --limit 0 --json | jq -r '.items[].id' | xargs errand cancel")]
pub(crate) struct CancelArgs {
    /// The tasks
    #[arg(value_name = "ID", required = true)]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    ids: Vec<String>,
    /// Print each task as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CancelArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let mut out = Output::stdout();
    for_each(&args.ids, |id| {
        let route = Route::new("/v1/tasks").segment(id).segment("cancel");
        let answer = client.post(route, Payload::Empty)?;
        if args.json {
            return out.json_text(&answer.text);
        }
        let task: Task = answer.parse()?;
        match answer.status.as_u16() {
            200 => output::note(format_args!("{} is {} already", task.id, task.status.as_str())),
            _ => output::note(format_args!("{} is being cancelled", task.id)),
        }
        Ok(())
    })
}
