//! `errand plugin add`: uploads an executor.

use clap::Args;

use super::{checked_name, name_of};
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
        Some(name) => checked_name(name)?,
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
