//! `errand grant show`: what an executor is granted, by entry.

use clap::Args;
use errand_core::Grants;

use super::{Entry, GranteeArgs, Grantor};
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
    let Entry { executor, namespace, http, environment, limits, configured } = entry;
    let written = Grants { http, environment, limits };
    if written.is_empty() && configured.is_empty() {
        out.line(format_args!("{executor} in {namespace}: nothing is granted"))?;
        return Ok(Exit::Done);
    }
    for (source, grants) in [("errand.toml", &configured), ("errand grant", &written)] {
        if !grants.is_empty() {
            out.line(format_args!("by {source}"))?;
            out.text(render::grants::overview(grants))?;
        }
    }
    Ok(Exit::Done)
}
