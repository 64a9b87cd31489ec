//! `errand plugin list`: the executors there are.

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Client, Executor, RawItems, Route, not_understood};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};
use crate::render;

/// Lists the executors
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let items = client.all(Route::new("/v1/executors"))?;
    let mut out = Output::stdout();
    if args.json {
        out.json(&RawItems { items, next_cursor: None })?;
        return Ok(Exit::Done);
    }
    let executors = items
        .iter()
        .map(|item| serde_json::from_str(item.get()).map_err(|error| not_understood(&error)))
        .collect::<Result<Vec<Executor>>>()?;
    if executors.is_empty() {
        output::note("no executors; add one with `errand plugin add FILE`");
        return Ok(Exit::Done);
    }
    out.text(render::executor::list(&executors, &out.look()))?;
    Ok(Exit::Done)
}
