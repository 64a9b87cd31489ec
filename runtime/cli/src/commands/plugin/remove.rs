//! `errand plugin remove`: takes executors away.

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Client, Route};
use crate::commands::for_each;
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output;

/// Removes executors
///
/// A version that a task is pinned to stays until that task is deleted.
#[derive(Args)]
pub(crate) struct RemoveArgs {
    /// Their names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

pub(crate) fn run(args: &RemoveArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Operator)?;
    for_each(&args.names, |name| {
        client.delete(Route::new("/v1/executors").segment(name))?;
        output::note(format_args!("{name} is removed"));
        Ok(())
    })
}
