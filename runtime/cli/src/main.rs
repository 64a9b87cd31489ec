//! The `errand` binary: the command line, and the one place where the parts are wired together.
//!
//! Owns the process: arguments, standard streams, exit codes. It starts nothing before it knows the
//! command (no runtime, no logging, no TLS), because `errand run` is to cost no more than what it runs.

mod changes;
mod cli;
mod client;
mod commands;
mod data_dir;
mod errors;
mod files;
mod follow;
mod input;
mod mcp;
mod mcp_clients;
mod output;
mod packages;
mod render;
mod run;
mod serve;
mod units;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match cli::Cli::from_process() {
        Ok(cli) => cli,
        Err(error) => return errors::report_usage(&error),
    };
    match commands::execute(cli.command, &cli.globals) {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}
