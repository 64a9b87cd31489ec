//! `errand plugin add`: uploads an executor.

use std::path::Path;

use clap::Args;
use errand_core::ExecutorName;

use crate::cli::GlobalArgs;
use crate::client::{Client, Executor, Payload, Route};
use crate::data_dir::TokenFile;
use crate::errors::{CommandError, Exit, Result};
use crate::output::{self, Output};
use crate::{files, render};

/// Adds an executor, or a new version of one
///
/// The file is a component, or a program compiled to WASI preview 1. The server checks and compiles it
/// before it answers; tasks that are pinned to an earlier version keep that one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand plugin add target/manifest-lint.wasm
  errand plugin add comrak.wasm --name markdown")]
pub(crate) struct AddArgs {
    /// The wasm
    #[arg(value_name = "FILE|URL")]
    file: String,
    /// What to call it [default: the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &AddArgs, globals: &GlobalArgs) -> Result<Exit> {
    if args.file.contains("://") {
        return Err(CommandError::unsupported(
            "adding a plugin from a URL; this version takes files",
        )
        .hint("download it first"));
    }
    let name = match &args.name {
        Some(name) => checked(name)?,
        None => name_of(&args.file)?,
    };
    let wasm = files::read_bytes(args.file.as_ref())?;
    let client = Client::connect(globals, TokenFile::Operator)?;
    let route = Route::new("/v1/executors").query("name", name.as_str());
    let answer = client.post(route, Payload::Bytes(wasm))?;
    let mut out = Output::stdout();
    if args.json {
        out.json_text(&answer.text)?;
    } else {
        let executor: Executor = answer.parse()?;
        out.text(render::executor::overview(&executor, &out.look()))?;
        if answer.status.as_u16() == 200 {
            output::note("these bytes were there already");
        }
    }
    Ok(Exit::Done)
}

fn checked(name: &str) -> Result<ExecutorName> {
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
