//! `errand delete`: removes ended tasks.

use clap::Args;

use super::bulk::BulkArgs;
use super::for_each;
use crate::cli::GlobalArgs;
use crate::client::{Client, Route};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output;

/// Removes ended tasks with all that belongs to them
///
/// Their logs, results and artifacts are gone for good. A task that has not ended is refused: cancel it
/// first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand delete 01kapq3v5d0000000000000001
  errand delete --all --status cancelled --label run=nightly
  errand list --status completed --limit 0 --json | jq -r '.items[].id' | xargs errand delete")]
pub(crate) struct DeleteArgs {
    /// The tasks
    #[arg(value_name = "ID", required_unless_present = "all")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    ids: Vec<String>,
    /// All failed tasks that meet the conditions
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    bulk: BulkArgs,
}

pub(crate) fn run(args: &DeleteArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    if args.all {
        args.bulk.perform(&client, "discard", "deleted", false)?;
        return Ok(Exit::Done);
    }
    for_each(&args.ids, |id| {
        client.delete(Route::new("/v1/tasks").segment(id))?;
        output::note(format_args!("{id} is deleted"));
        Ok(())
    })
}
