//! `errand run`: runs a file now, in a sandbox, in this process and without a server.

mod changes;
mod functions;
mod host;
mod local;
pub(crate) mod plugin;
mod requests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use errand_core::EndpointPattern;

use crate::cli::GlobalArgs;
use crate::data_dir::DataDir;
use crate::errors::{CommandError, Exit, Result};
use crate::packages::PackageArgs;
use crate::units;

/// Runs a file now, in a sandbox, and follows it; needs no server
///
/// The program sees its arguments, its standard input and a workspace with nothing in it but itself or a
/// copy of a directory, and nothing else of this machine. A Python program can say which packages it needs,
/// in a `# /// script` block (PEP 723) or by --with. Its standard output is this command's, and so is its
/// exit code; 124 means that a limit was met, 125 that something went wrong on Errand's side.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand run script.py
  errand run --timeout 10s --memory 64MiB program.wasm --flag value
  errand run --workspace . report.py
  errand run --workspace . --diff fix.py           shows what it would change
  errand run --workspace . --apply fix.py          changes it
  errand run --allow-http api.example.com ask.py   lets it send requests there
  errand run --with rich --with 'humanize>=4' table.py
  echo data | errand run filter.js
  errand run wordcount.wasm judge '{\"text\": \"So it is.\"}'   calls a function, prints its result")]
pub(crate) struct RunArgs {
    /// What to run (.py, .js, .mjs or .wasm), and arguments for it
    #[arg(value_names = ["FILE", "ARGS"], required = true, num_args = 1.., trailing_var_arg = true)]
    program: Vec<OsString>,
    /// A directory to work on; the program gets a copy, without what `.gitignore` names
    #[arg(long, value_name = "DIR|none", default_value = "none", hide_default_value = true)]
    pub(crate) workspace: PathBuf,
    /// Write what the program changed back to the directory, if it succeeds and the directory is as it was
    #[arg(long, conflicts_with = "diff")]
    pub(crate) apply: bool,
    /// Print what the program changed as a patch, after what it printed itself
    #[arg(long)]
    pub(crate) diff: bool,
    /// Fuel, about one unit per instruction [default: 10T]
    #[arg(long, value_name = "N", value_parser = units::parse_fuel)]
    pub(crate) fuel: Option<u64>,
    /// Memory [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) memory: Option<u64>,
    /// Time [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Bytes of all files in the workspace [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) workspace_bytes: Option<u64>,
    #[command(flatten)]
    pub(crate) packages: PackageArgs,
    /// Allow requests to this host: NAME, *.NAME or SCHEME://HOST[:PORT]; https where no scheme is
    /// written; repeatable
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_http: Vec<EndpointPattern>,
}

/// Runs the file, and ends the process with the program's exit code.
pub(crate) fn run(args: &RunArgs, globals: &GlobalArgs) -> ExitCode {
    if let Err(error) = args.check() {
        return error.report();
    }
    match DataDir::locate(globals).and_then(|data| local::run(args, &data)) {
        // Ends at once: unmapping the executor and stopping the runtime would cost as much as a short
        // program does.
        Ok(code) => std::process::exit(code),
        Err(error) if matches!(error.exit(), Exit::Usage | Exit::NotFound) => error.report(),
        Err(error) => {
            error.print();
            ExitCode::from(local::OUR_SIDE)
        }
    }
}

impl RunArgs {
    /// Returns the directory to work on, if there is one.
    pub(crate) fn directory(&self) -> Option<&Path> {
        Some(self.workspace.as_path()).filter(|path| path.as_os_str() != "none")
    }

    /// Returns what to run.
    pub(crate) fn file(&self) -> &Path {
        self.program.first().expect("clap requires one").as_ref()
    }

    /// Returns the program's arguments.
    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.program[1..]
    }

    /// Refuses flags that don't go together.
    fn check(&self) -> Result<()> {
        if self.packages.is_given() && !plugin::is_python(self.file()) {
            return Err(CommandError::usage("`--with` is for Python programs (.py)"));
        }
        if (self.apply || self.diff) && self.directory().is_none() {
            let flag = if self.apply { "--apply" } else { "--diff" };
            return Err(CommandError::usage(format_args!("`{flag}` needs a directory to work on"))
                .hint(format_args!("errand run --workspace . {flag} …")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::commands::Command;

    fn parse(line: &str) -> RunArgs {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
        match cli.command {
            Command::Run(args) => args,
            _ => panic!("it is a run"),
        }
    }

    #[test]
    fn what_follows_the_file_is_the_programs() {
        let args = parse("errand run --fuel 5M a.py --fuel x -h --json");
        assert_eq!(args.fuel, Some(5_000_000));
        assert_eq!(args.file(), "a.py");
        assert_eq!(args.arguments(), ["--fuel", "x", "-h", "--json"]);
        assert!(args.check().is_ok());
    }

    #[test]
    fn an_unknown_flag_before_the_file_is_a_mistake() {
        assert!(Cli::try_parse_from(["errand", "run", "--bogus", "a.py"]).is_err());
        assert!(Cli::try_parse_from(["errand", "run"]).is_err());
    }

    #[test]
    fn a_host_is_https_where_nothing_else_is_said() {
        let args = parse("errand run --allow-http x.example --allow-http http://localhost:80 a.py");
        let written = args.allow_http.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(written, ["https://x.example", "http://localhost"]);
        assert!(Cli::try_parse_from(["errand", "run", "--allow-http", "x/y", "a.py"]).is_err());
    }

    #[test]
    fn packages_are_those_of_a_python_program() {
        let error = parse("errand run --with rich a.wasm").check().expect_err("it is none");
        assert_eq!(error.message(), "`--with` is for Python programs (.py)");
        assert!(parse("errand run --with rich --with x>=1 a.py").check().is_ok());
    }

    #[test]
    fn changes_are_those_of_a_directory() {
        for flag in ["--apply", "--diff"] {
            let error = parse(&format!("errand run {flag} a.py")).check().expect_err(flag);
            assert_eq!(error.message(), format!("`{flag}` needs a directory to work on"));
            assert!(parse(&format!("errand run --workspace . {flag} a.py")).check().is_ok());
        }
    }
}
