//! `errand diff`: what a task changed.

use std::io::BufReader;

use clap::Args;

use crate::changes;
use crate::cli::GlobalArgs;
use crate::client::{Client, TaskDiff};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};
use crate::render;

/// Shows what a task changed in its workspace
///
/// As a patch that `git apply` takes, on a terminal in colour. It has no directories.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand diff 01kapq3v5d0000000000000001
  errand diff 01kapq3v5d0000000000000001 --stat
  errand diff 01kapq3v5d0000000000000001 | git apply --check
  errand diff 01kapq3v5d0000000000000001 --json | jq -r '.added[].path'")]
pub(crate) struct DiffArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// List the paths: A for added, M for modified, D for deleted
    #[arg(long, conflicts_with = "json")]
    stat: bool,
    /// Print the lists of paths, with sizes and digests, as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DiffArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let route = TaskDiff::route(&args.id);
    let mut out = Output::stdout();
    if args.json {
        out.json_text(&client.get(route)?.text)?;
    } else if args.stat {
        let changed = client.get(route)?.parse::<TaskDiff>()?.changes();
        out.text(render::diff::list(&changed))?;
        output::note(changes::done(errand_core::ChangeCounts::of(&changed), &changed));
    } else {
        let patch = client.read(route, "text/x-diff")?;
        if !changes::show(&mut BufReader::new(patch))? {
            output::note("no file was changed");
        }
    }
    Ok(Exit::Done)
}
