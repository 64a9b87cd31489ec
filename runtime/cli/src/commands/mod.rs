//! The commands, one file each.

mod apply;
mod approvals;
mod artifacts;
mod backup;
mod bulk;
mod cancel;
mod compile;
mod completions;
mod console;
mod decide;
mod delete;
mod diff;
mod doctor;
mod events;
mod fork;
mod grant;
mod list;
mod logs;
mod mcp;
mod mcp_install;
mod planned;
mod plugin;
mod request;
mod result;
mod retry;
pub(crate) mod serve;
mod show;
mod signal;
mod submit;
mod token;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};
use crate::run;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Run(run::RunArgs),
    Serve(Box<serve::ServeArgs>),
    Doctor(doctor::DoctorArgs),
    Submit(Box<submit::SubmitArgs>),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Watch(watch::WatchArgs),
    Logs(logs::LogsArgs),
    Result(result::ResultArgs),
    Events(events::EventsArgs),
    Artifacts(artifacts::ArtifactsArgs),
    Diff(diff::DiffArgs),
    Apply(apply::ApplyArgs),
    Fork(Box<fork::ForkArgs>),
    Cancel(cancel::CancelArgs),
    Retry(retry::RetryArgs),
    Signal(signal::SignalArgs),
    Approvals(approvals::ApprovalsArgs),
    Approve(decide::ApproveArgs),
    Deny(decide::DenyArgs),
    Console(console::ConsoleArgs),
    Mcp(mcp::McpArgs),
    Delete(delete::DeleteArgs),
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    #[command(subcommand)]
    Token(token::TokenCommand),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Completions(completions::CompletionsArgs),
    #[command(flatten)]
    Planned(planned::PlannedCommand),
    #[command(name = "__compile", hide = true)]
    Compile,
}

/// Does what a command says, and returns what the process ends with.
pub(crate) fn execute(command: Command, globals: &GlobalArgs) -> Result<ExitCode> {
    let exit = match command {
        Command::Run(args) => return Ok(run::run(&args, globals)),
        Command::Compile => return Ok(compile::run()),
        Command::Serve(args) => serve::run(*args, globals)?,
        Command::Doctor(args) => doctor::run(&args, globals)?,
        Command::Submit(args) => submit::run(*args, globals)?,
        Command::List(args) => list::run(&args, globals)?,
        Command::Show(args) => show::run(&args, globals)?,
        Command::Watch(args) => watch::run(&args, globals)?,
        Command::Logs(args) => logs::run(&args, globals)?,
        Command::Result(args) => result::run(&args, globals)?,
        Command::Events(args) => events::run(&args, globals)?,
        Command::Artifacts(args) => artifacts::run(&args, globals)?,
        Command::Diff(args) => diff::run(&args, globals)?,
        Command::Apply(args) => apply::run(&args, globals)?,
        Command::Fork(args) => fork::run(&args, globals)?,
        Command::Cancel(args) => cancel::run(&args, globals)?,
        Command::Retry(args) => retry::run(&args, globals)?,
        Command::Signal(args) => signal::run(&args, globals)?,
        Command::Approvals(args) => approvals::run(&args, globals)?,
        Command::Approve(args) => decide::approve(&args, globals)?,
        Command::Deny(args) => decide::deny(&args, globals)?,
        Command::Console(args) => console::run(&args, globals)?,
        Command::Mcp(args) => mcp::run(&args, globals)?,
        Command::Delete(args) => delete::run(&args, globals)?,
        Command::Plugin(command) => plugin::run(command, globals)?,
        Command::Grant(command) => grant::run(command, globals)?,
        Command::Token(command) => token::run(command, globals)?,
        Command::Backup(args) => backup::run(&args, globals)?,
        Command::Restore(args) => backup::restore(&args, globals)?,
        Command::Completions(args) => completions::run(&args)?,
        Command::Planned(command) => return Err(command.unsupported()),
    };
    Ok(exit.into())
}

/// Does something to each of several things: all are tried, each failure is told, the worst code counts.
fn for_each(names: &[String], mut act: impl FnMut(&str) -> Result<()>) -> Result<Exit> {
    let mut last: Option<CommandError> = None;
    for name in names {
        match act(name) {
            Ok(()) => {}
            // Without a server there is nothing to try for the others.
            Err(error) if matches!(error.exit(), Exit::Unreachable | Exit::Done) => {
                return Err(error);
            }
            Err(error) => {
                if let Some(earlier) = last.replace(error) {
                    earlier.report();
                }
            }
        }
    }
    last.map_or(Ok(Exit::Done), Err)
}

/// Returns the exit code that a task's status means.
fn exit_of(status: errand_core::Status) -> Exit {
    match status {
        errand_core::Status::Completed => Exit::Done,
        _ => Exit::TaskFailed,
    }
}
