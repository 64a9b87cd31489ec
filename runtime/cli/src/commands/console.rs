//! `errand console`: a way into the server's pages.

use clap::Args;
use serde::Deserialize;

use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};

/// Makes a code for the page on which people decide
///
/// It is good once, for a quarter of an hour; a browser that is given it may do what your token may.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand console
  errand console --json | jq -r .code")]
pub(crate) struct ConsoleArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Code {
    code: String,
    url: String,
}

pub(crate) fn run(args: &ConsoleArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Operator)?;
    let answer = client.post(Route::new("/v1/console/codes"), Payload::Empty)?;
    let mut out = Output::stdout();
    if args.json {
        out.json_text(&answer.text)?;
        return Ok(Exit::Done);
    }
    let Code { code, url } = answer.parse()?;
    out.line(code)?;
    output::note(format_args!("type it in at {url}, once, within 15 minutes"));
    Ok(Exit::Done)
}
