//! `errand completions`: a completion script for a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::errors::{Exit, Result};
use crate::output::Output;

/// Prints a completion script for a shell
#[derive(Args)]
#[command(after_help = "\
Examples:
  source <(errand completions bash)
  errand completions zsh > ~/.zfunc/_errand
  errand completions fish > ~/.config/fish/completions/errand.fish")]
pub(crate) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "errand", &mut script);
    Output::stdout().bytes(&script)?;
    Ok(Exit::Done)
}
