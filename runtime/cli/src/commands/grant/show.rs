//! `errand grant show`: what an executor is granted, by entry.

use clap::Args;
use errand_core::Grants;

use super::{GranteeArgs, Grantor};
use crate::cli::GlobalArgs;
use crate::errors::{Exit, Result};
use crate::output::Output;
use crate::render;

/// Shows what an executor is granted
#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    grantee: GranteeArgs,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ShowArgs, globals: &GlobalArgs) -> Result<Exit> {
    let (entry, text) = Grantor::connect(&args.grantee, globals)?.read()?;
    let mut out = Output::stdout();
    if args.json {
        out.json_text(&text)?;
        return Ok(Exit::Done);
    }
    let written = Grants::from(entry.written);
    if written.is_empty() && entry.configured.is_empty() {
        out.line(format_args!("{} in {}: nothing is granted", entry.executor, entry.namespace))?;
        return Ok(Exit::Done);
    }
    for (source, grants) in [("errand.toml", &entry.configured), ("errand grant", &written)] {
        if !grants.is_empty() {
            out.line(format_args!("by {source}"))?;
            out.text(render::grants::overview(grants))?;
        }
    }
    Ok(Exit::Done)
}
