//! `errand show`: a task as it is.

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Client, Items, Route, Task};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::Output;
use crate::render;

/// Shows a task
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand show 01kapq3v5d0000000000000001
  errand show 01kapq3v5d0000000000000001 --json | jq .progress")]
pub(crate) struct ShowArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Show it with its descendants
    #[arg(long)]
    tree: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ShowArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let mut out = Output::stdout();
    let look = out.look();
    if args.tree {
        let answer = client.get(Route::new("/v1/tasks").segment(&args.id).segment("tree"))?;
        if args.json {
            out.json_text(&answer.text)?;
        } else {
            let tree: Items<Task> = answer.parse()?;
            out.text(render::task::tree(&tree.items, &look))?;
        }
        return Ok(Exit::Done);
    }
    let (answer, task) = client.task(&args.id)?;
    if args.json {
        out.json_text(&answer.text)?;
    } else {
        out.text(render::task::overview(&task, &look))?;
    }
    Ok(Exit::Done)
}
