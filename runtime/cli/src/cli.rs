//! The command line as a whole: the options that every command takes, and the page `errand --help`.

use std::path::{Path, PathBuf};

use clap::builder::styling::AnsiColor;
use clap::builder::{OsStringValueParser, Styles, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::commands::Command;
use crate::run::RunArgs;

/// The command line.
#[derive(Parser)]
#[command(
    name = "errand",
    version,
    about = "Runs background tasks for AI agents, each in a WebAssembly sandbox",
    help_template = OVERVIEW,
    styles = STYLES,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) globals: GlobalArgs,
}

/// The command line where it starts with `run`.
#[derive(Parser)]
#[command(name = "errand", version, styles = STYLES, disable_help_subcommand = true, max_term_width = 100)]
struct RunCli {
    #[command(subcommand)]
    command: RunCommand,
    #[command(flatten)]
    globals: GlobalArgs,
}

#[derive(Subcommand)]
enum RunCommand {
    Run(RunArgs),
}

impl Cli {
    /// Understands the arguments of this process.
    ///
    /// `errand run` is to start in no time, and to describe all the other commands to clap takes longer
    /// than anything else before the program runs: so that one is understood by itself.
    pub(crate) fn from_process() -> Result<Self, clap::Error> {
        if std::env::args_os().len() == 1 {
            return Self::try_parse_from(["errand", "--help"]);
        }
        if std::env::args_os().nth(1).is_some_and(|argument| argument == "run") {
            let RunCli { command: RunCommand::Run(args), globals } = RunCli::try_parse()?;
            return Ok(Self { command: Command::Run(args), globals });
        }
        Self::try_parse()
    }
}

/// Where the server and the data are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// The server to talk to [default: the local one, found through its data directory]
    #[arg(long, global = true, value_name = "URL", env = "ERRAND_SERVER")]
    pub(crate) server: Option<String>,
    /// The access token [default: from the data directory]
    #[arg(long, global = true, value_name = "TOKEN", env = "ERRAND_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The data directory [default: the platform's data directory + `errand`]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "ERRAND_DATA",
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub(crate) data: Option<PathBuf>,
}

impl GlobalArgs {
    /// Tells whether a server is named; a variable that is set to nothing names none.
    pub(crate) fn names_server(&self) -> bool {
        self.server.as_deref().is_some_and(|url| !url.trim().is_empty())
    }

    /// Returns the data directory that was asked for; a variable that is set to nothing asks for none.
    pub(crate) fn data_dir(&self) -> Option<&Path> {
        self.data.as_deref().filter(|path| !path.as_os_str().is_empty())
    }
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// The page `errand --help`, grouped by what people come for. A test keeps it complete.
const OVERVIEW: &str = "\
{about}

{usage-heading} {usage}

Start here:
  run           Runs a file now, in a sandbox, and follows it; needs no server
  serve         Runs the server with its workers and its own store
  doctor        Checks that everything is in order

Tasks:
  submit        Hands over a task and prints its id
  list          Lists tasks, newest first
  show          Shows a task
  watch         Follows a task until it ends
  logs          Prints what a task wrote
  result        Prints a task's output
  events        Prints a task's log of events
  artifacts     Lists the files that a task left, or fetches one or all
  diff          Shows what a task changed in its workspace
  apply         Writes a task's changes back
  fork          Submits a task that starts from another's workspace
  cancel        Stops tasks
  retry         Tries failed or cancelled tasks again
  signal        Sends a signal to a task
  delete        Removes ended tasks with all that belongs to them

People:
  approvals     Lists what waits for a person's decision, or shows one of it
  approve       Approves what a task asks for
  deny          Denies what a task asks for
  console       Makes a code for the page on which people decide

Administration:
  plugin        Writes, tests, adds, lists and removes executors
  grant         Grants executors what they may do beyond their workspace, and takes it back
  token         Creates, lists and revokes access tokens
  backup        Writes everything to a file
  restore       Reads everything from a file
  completions   Prints a completion script for a shell

Not in this version, each answers `unsupported`:
  worker        Runs workers alone, on a shared store
  schedule      Runs tasks at set times
  mcp           Serves agents over MCP on standard input and output

Options:
{options}

`errand COMMAND --help` says more about each, with examples.
Exit codes: 0 done · 1 the task failed or was cancelled · 2 usage or unsupported · 3 no such thing ·
4 refused · 5 no server · 70 internal error
";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_overview_names_each_command_with_its_own_words() {
        let command = Cli::command();
        let mut expected = Vec::new();
        for subcommand in command.get_subcommands().filter(|each| !each.is_hide_set()) {
            let about = subcommand.get_about().expect("every command says what it does");
            let line = format!("  {:<13} {about}", subcommand.get_name());
            assert!(OVERVIEW.contains(&line), "the overview lacks this line:\n{line}");
            expected.push(subcommand.get_name().to_owned());
        }
        let listed = OVERVIEW
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   ") && line.len() > 16);
        assert_eq!(
            listed.count(),
            expected.len(),
            "the overview names a command that is not there"
        );
    }
}
