//! `errand token revoke`: ends tokens.

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Client, Route};
use crate::commands::for_each;
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output;

/// Revokes access tokens, at once
#[derive(Args)]
pub(crate) struct RevokeArgs {
    /// Their ids, as `errand token list` shows them
    #[arg(value_name = "ID", required = true)]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    ids: Vec<String>,
}

pub(crate) fn run(args: &RevokeArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Operator)?;
    for_each(&args.ids, |id| {
        client.delete(Route::new("/v1/tokens").segment(id))?;
        output::note(format_args!("{id} is revoked"));
        Ok(())
    })
}
