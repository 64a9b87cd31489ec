//! `errand mcp install`: tells a client of the server.

#![expect(
    clippy::disallowed_methods,
    reason = "the configuration of other programs is this command's to read and write"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use etcetera::BaseStrategy as _;

use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};
use crate::mcp_clients::{Entry, McpClient, Places, shown};
use crate::output::{self, Output};

/// Writes a client's configuration, so that it starts `errand mcp`
///
/// All else in the file stays as it is. Run again, it changes nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand mcp install claude-code
  errand mcp install cursor --project
  errand mcp install codex --print        shows what it would write, and where")]
pub(crate) struct InstallArgs {
    /// Which client
    #[arg(value_name = "CLIENT")]
    client: McpClient,
    /// The entry's name in the configuration
    #[arg(long, value_name = "NAME", default_value = "errand")]
    name: String,
    /// In the configuration of the project in this directory, not in the user's own
    #[arg(long)]
    project: bool,
    /// Print what the file would be, and write nothing
    #[arg(long)]
    print: bool,
}

pub(crate) fn run(args: &InstallArgs, globals: &GlobalArgs) -> Result<Exit> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if args.name.is_empty() || !args.name.chars().all(is_name) {
        return Err(CommandError::usage("the name must be letters, digits, `-` and `_`"));
    }
    let places = places()?;
    let path = match args.project {
        false => args.client.user_file(&places),
        true => args.client.project_file(&places).ok_or_else(|| {
            CommandError::usage("this client has no configuration of a project")
                .hint("leave out `--project`")
        })?,
    };
    let shown = shown(&path, &places);
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(anyhow::Error::from(error).context(format!("read `{shown}`")).into());
        }
    };
    let after = args.client.put(&before, &entry(args, globals)?).map_err(|error| {
        CommandError::refused(format_args!("change `{shown}`: {error}"))
            .hint("nothing was written; `--print` with another directory shows the entry")
    })?;
    if args.print {
        Output::stdout().line(after.trim_end())?;
        output::note(format_args!("this would be `{shown}`"));
        return Ok(Exit::Done);
    }
    if after == before {
        output::note(format_args!("`{shown}` has it already"));
        return Ok(Exit::Done);
    }
    replace(&path, &after).with_context(|| format!("write `{shown}`"))?;
    output::note(format_args!("wrote `{}` into `{shown}`; restart the client", args.name));
    Ok(Exit::Done)
}

/// What the client is to start: this very program, on the data that it is run with.
fn entry(args: &InstallArgs, globals: &GlobalArgs) -> Result<Entry> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            CommandError::usage(format_args!(
                "`{}` is not UTF-8, as a configuration is",
                path.display()
            ))
        })
    };
    let program = std::env::current_exe().context("find this program")?;
    let mut arguments = vec!["mcp".to_owned()];
    if let Some(server) = globals.server.as_ref().filter(|_| globals.names_server()) {
        arguments.extend(["--server".to_owned(), server.clone()]);
    }
    if let Some(data) = globals.data_dir() {
        let data = std::path::absolute(data).context("find the data directory")?;
        arguments.extend(["--data".to_owned(), text(&data)?]);
    }
    Ok(Entry { name: args.name.clone(), command: text(&program)?, args: arguments })
}

fn places() -> Result<Places> {
    let base = etcetera::choose_base_strategy().context("find the home directory")?;
    Ok(Places {
        home: base.home_dir().to_owned(),
        project: std::env::current_dir().context("find this directory")?,
        is_macos: cfg!(target_os = "macos"),
    })
}

/// Writes a file so that there is the old one or the new one, with the mode of the old one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one.
    let path: PathBuf = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(&path) {
        new.as_file().set_permissions(old.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(&path)?;
    Ok(())
}
