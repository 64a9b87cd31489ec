//! `errand token`: the access tokens.

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use crate::cli::GlobalArgs;
use crate::errors::{Exit, Result};

/// Creates, lists and revokes access tokens
#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Revoke(revoke::RevokeArgs),
}

pub(crate) fn run(command: TokenCommand, globals: &GlobalArgs) -> Result<Exit> {
    match command {
        TokenCommand::Create(args) => create::run(&args, globals),
        TokenCommand::List(args) => list::run(&args, globals),
        TokenCommand::Revoke(args) => revoke::run(&args, globals),
    }
}
