//! `errand plugin`: the executors.

mod add;
mod list;
mod new;
mod remove;
mod show;
mod test;

use std::path::Path;

use clap::Subcommand;
use errand_core::ExecutorName;

use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};

/// Writes, tests, adds, lists and removes executors
#[derive(Subcommand)]
pub(crate) enum PluginCommand {
    Add(add::AddArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Remove(remove::RemoveArgs),
    New(new::NewArgs),
    Test(Box<test::TestArgs>),
}

pub(crate) fn run(command: PluginCommand, globals: &GlobalArgs) -> Result<Exit> {
    match command {
        PluginCommand::Add(args) => add::run(&args, globals),
        PluginCommand::List(args) => list::run(&args, globals),
        PluginCommand::Show(args) => show::run(&args, globals),
        PluginCommand::Remove(args) => remove::run(&args, globals),
        PluginCommand::New(args) => new::run(&args),
        PluginCommand::Test(args) => test::run(&args, globals),
    }
}

/// Reads a name as one of an executor's.
fn checked_name(name: &str) -> Result<ExecutorName> {
    name.parse().map_err(|error| CommandError::usage(format_args!("`{name}`: {error}")))
}

/// Makes a name of a file's: `path/To/Manifest_Lint.component.wasm` is `manifest_lint`.
fn name_of(file: &str) -> Result<ExecutorName> {
    let stem = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = stem.strip_suffix(".wasm").unwrap_or(stem);
    let stem = stem.strip_suffix(".component").unwrap_or(stem).to_lowercase();
    stem.parse().map_err(|_| {
        CommandError::usage(format_args!("`{stem}` can't be an executor's name"))
            .hint("choose one with `--name NAME`: lower-case letters, digits, `.`, `_` and `-`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_from_the_file() {
        let name = |file| name_of(file).map(|name| name.to_string()).map_err(|error| error.exit());
        assert_eq!(name("path/To/Manifest_Lint.component.wasm"), Ok("manifest_lint".into()));
        assert_eq!(name("comrak"), Ok("comrak".into()));
        assert_eq!(name("a b.wasm"), Err(Exit::Usage));
        assert_eq!(name(".."), Err(Exit::Usage));
    }
}
