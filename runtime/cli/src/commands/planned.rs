//! The commands that are documented and not there yet. Each is in the help, and says that it is
//! unsupported instead of doing half of what it promises.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::errors::CommandError;

/// A command of a later version.
#[derive(Subcommand)]
pub(crate) enum PlannedCommand {
    /// Runs workers alone, on a shared store
    #[command(override_usage = "errand worker [OPTIONS]")]
    Worker(Rest),
    /// Runs tasks at set times
    #[command(override_usage = "errand schedule add|list|show|remove|pause|resume")]
    Schedule(Rest),
}

/// Arguments of a later version, taken as they come.
#[derive(Args)]
#[command(after_help = "This version does not have this command: it answers `unsupported`.")]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}

impl PlannedCommand {
    /// Makes the error that says what is missing.
    pub(crate) fn unsupported(&self) -> CommandError {
        let (name, missing) = match self {
            Self::Worker(_) => ("worker", "a store that several machines share"),
            Self::Schedule(_) => ("schedule", "schedules"),
        };
        CommandError::unsupported(format_args!(
            "`errand {name}` needs {missing}, which this version lacks"
        ))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Cli;
    use crate::commands::Command;
    use crate::errors::Exit;

    #[test]
    fn a_planned_command_takes_its_documented_arguments_and_is_unsupported() {
        for line in ["errand schedule list", "errand worker --store postgres://x"] {
            let cli =
                Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
            let Command::Planned(command) = cli.command else { panic!("{line} is not planned") };
            let error = command.unsupported();
            assert_eq!(error.exit(), Exit::Usage);
            assert!(error.message().starts_with("unsupported: "), "{}", error.message());
        }
    }
}
