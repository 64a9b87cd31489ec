//! `errand grant remove`: takes grants back.

use clap::Args;
use errand_core::{EndpointPattern, Grants};

use super::{GranteeArgs, Grantor};
use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};
use crate::output;

/// Takes back what an executor was granted: requests to one place, or everything
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand grant remove python https://api.example.com
  errand grant remove python --all")]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    grantee: GranteeArgs,
    /// Where it may send requests no more, as `errand grant show` writes it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    url: Option<EndpointPattern>,
    /// Take everything back
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &RemoveArgs, globals: &GlobalArgs) -> Result<Exit> {
    let executor = &args.grantee.executor;
    Grantor::connect(&args.grantee, globals)?.change(|grants| {
        let Some(url) = &args.url else {
            *grants = Grants::default();
            return Ok(());
        };
        let before = grants.http.len();
        grants.http.retain(|grant| grant.url != *url);
        if grants.http.len() < before {
            return Ok(());
        }
        let message = format!("`{executor}` was not granted {url} by `errand grant add`");
        Err(CommandError::new(Exit::NotFound, message).hint(
            "`errand grant show` lists what it was; the server's errand.toml is changed by hand",
        ))
    })?;
    match &args.url {
        Some(url) => {
            output::note(format_args!("{executor} may not send requests to {url} any more"))
        }
        None => output::note(format_args!("everything that {executor} was granted is taken back")),
    }
    Ok(Exit::Done)
}
