//! `errand mcp`: a door for agents on this machine.

use clap::{Args, Subcommand};

use super::mcp_install;
use crate::cli::GlobalArgs;
use crate::errors::{Exit, Result};
use crate::mcp;

/// Serves agents over MCP on standard input and output
///
/// In front of the server of this machine, which it starts if none runs and which outlives it; or of
/// another, with --server. Agents start this command themselves: `errand mcp install CLIENT` tells them to.
#[derive(Args)]
pub(crate) struct McpArgs {
    #[command(subcommand)]
    command: Option<McpCommand>,
}

#[derive(Subcommand)]
enum McpCommand {
    Install(mcp_install::InstallArgs),
}

pub(crate) fn run(args: &McpArgs, globals: &GlobalArgs) -> Result<Exit> {
    match &args.command {
        Some(McpCommand::Install(args)) => mcp_install::run(args, globals),
        None => mcp::run(globals),
    }
}
