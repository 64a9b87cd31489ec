//! `errand plugin show`: an executor with its functions.

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Client, Executor, Route};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::Output;
use crate::render;

/// Shows an executor with its functions
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// Its name
    name: String,
    /// Print as JSON, with the schemas of input and output
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ShowArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let answer = client.get(Route::new("/v1/executors").segment(&args.name))?;
    let mut out = Output::stdout();
    if args.json {
        out.json_text(&answer.text)?;
        return Ok(Exit::Done);
    }
    let executor: Executor = answer.parse()?;
    out.text(render::executor::overview(&executor, &out.look()))?;
    Ok(Exit::Done)
}
