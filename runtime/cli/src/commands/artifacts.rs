//! `errand artifacts`: the files that a task left.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Artifact, Client, Items, Route};
use crate::data_dir::TokenFile;
use crate::errors::{CommandError, Exit, Result};
use crate::output::{self, Output};
use crate::render::{executor::short, table::Table};
use crate::{files, units};

/// Bytes read from the server at once.
const CHUNK: usize = 64 << 10;

/// Lists the files that a task left, or fetches one or all
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand artifacts 01kapq3v5d0000000000000001
  errand artifacts 01kapq3v5d0000000000000001 report.md
  errand artifacts 01kapq3v5d0000000000000001 out/data.csv -o data.csv
  errand artifacts 01kapq3v5d0000000000000001 -o all.tar")]
pub(crate) struct ArtifactsArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// The file to fetch
    #[arg(value_name = "PATH")]
    path: Option<String>,
    /// Write it here instead of to standard output; without PATH, all files as a tar archive
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the list as JSON
    #[arg(long, conflicts_with_all = ["path", "output"])]
    json: bool,
}

pub(crate) fn run(args: &ArtifactsArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let route = Route::new("/v1/tasks").segment(&args.id).segment("artifacts");
    match (&args.path, &args.output) {
        (Some(path), _) => fetch(&client, route.segments(path), args)?,
        (None, Some(output)) => write(output, client.read_as("application/x-tar", route)?)?,
        (None, None) => list(&client, route, args.json)?,
    }
    Ok(Exit::Done)
}

fn list(client: &Client, route: Route, json: bool) -> Result<()> {
    let answer = client.get(route)?;
    let mut out = Output::stdout();
    if json {
        return out.json_text(&answer.text);
    }
    let artifacts: Items<Artifact> = answer.parse()?;
    if artifacts.items.is_empty() {
        output::note("no artifacts");
        return Ok(());
    }
    let mut table = Table::new(["PATH", "SIZE", "TYPE", "DIGEST", "DESCRIPTION"]);
    for artifact in &artifacts.items {
        table.row([
            artifact.path.as_str().into(),
            units::size(artifact.size_bytes).into(),
            artifact.media_type.as_str().into(),
            short(&artifact.blake3).into(),
            artifact.description.as_deref().unwrap_or_default().into(),
        ]);
    }
    out.text(table.render(&out.look()))
}

fn fetch(client: &Client, route: Route, args: &ArtifactsArgs) -> Result<()> {
    let mut body = client.read(route, "*/*")?;
    if let Some(path) = &args.output {
        return write(path, body);
    }
    let mut out = Output::stdout();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = body.read(&mut chunk).map_err(|error| {
            CommandError::new(Exit::Unreachable, format_args!("read the artifact: {error}"))
        })?;
        if length == 0 {
            return Ok(());
        }
        out.bytes(&chunk[..length])?;
    }
}

fn write(path: &Path, mut body: impl Read) -> Result<()> {
    let bytes = files::write_from(path, &mut body)?;
    output::note(format_args!("wrote {} to `{}`", units::size(bytes), path.display()));
    Ok(())
}
