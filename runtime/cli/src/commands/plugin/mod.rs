//! `errand plugin`: the executors.

mod add;
mod list;
mod remove;
mod show;

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};

/// Adds, lists and removes executors
#[derive(Subcommand)]
pub(crate) enum PluginCommand {
    Add(add::AddArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Remove(remove::RemoveArgs),
    /// Starts a new plugin's source; not in this version
    #[command(override_usage = "errand plugin new NAME [--lang rust|python|js]")]
    New(Rest),
    /// Tests a plugin before it is added; not in this version
    #[command(override_usage = "errand plugin test FILE")]
    Test(Rest),
}

/// Arguments of a later version, taken as they come.
#[derive(Args)]
#[command(after_help = "This version does not have this command: it answers `unsupported`.")]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}

pub(crate) fn run(command: PluginCommand, globals: &GlobalArgs) -> Result<Exit> {
    match command {
        PluginCommand::Add(args) => add::run(&args, globals),
        PluginCommand::List(args) => list::run(&args, globals),
        PluginCommand::Show(args) => show::run(&args, globals),
        PluginCommand::Remove(args) => remove::run(&args, globals),
        PluginCommand::New(_) => Err(CommandError::unsupported(
            "`errand plugin new` needs templates, which this version lacks",
        )),
        PluginCommand::Test(_) => Err(CommandError::unsupported(
            "`errand plugin test` needs a plugin's own tests, which this version lacks",
        )),
    }
}
