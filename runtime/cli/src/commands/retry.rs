//! `errand retry`: tries ended tasks again.

use clap::Args;

use super::bulk::BulkArgs;
use super::for_each;
use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route, Task};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};

/// Tries failed or cancelled tasks again
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand retry 01kapq3v5d0000000000000001
  errand retry --all --executor python --label run=nightly")]
pub(crate) struct RetryArgs {
    /// The tasks
    #[arg(value_name = "ID", required_unless_present = "all")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    ids: Vec<String>,
    /// All failed tasks that meet the conditions
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    bulk: BulkArgs,
    /// Print each task as a line of JSON; with `--all`, how many they were
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &RetryArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    if args.all {
        args.bulk.perform(&client, "retry", "queued again", args.json)?;
        return Ok(Exit::Done);
    }
    let mut out = Output::stdout();
    for_each(&args.ids, |id| {
        let route = Route::new("/v1/tasks").segment(id).segment("retry");
        let answer = client.post(route, Payload::Empty)?;
        if args.json {
            return out.json_text(&answer.text);
        }
        let task: Task = answer.parse()?;
        output::note(format_args!("{} is queued for attempt {}", task.id, task.attempt));
        Ok(())
    })
}
