//! `errand backup`: writes everything that is stored to a file.

use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Client, Route};
use crate::data_dir::{DataDir, TokenFile};
use crate::errors::{CommandError, Exit, Result};
use crate::files::{self, NewFile};
use crate::output::{self, Output};
use crate::{serve, units};

/// Writes everything to a file
///
/// Tasks with their logs and files, executors, uploads and the hashes of access tokens, as they are at
/// one moment; a running server works on meanwhile. Where none runs, the data directory is read. Not in
/// it: the token files, `errand.toml`, and compiled code, which is made again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand backup errand-2026-11-22.tar
  errand backup - | ssh elsewhere 'cat > errand.tar'")]
pub(crate) struct BackupArgs {
    /// The file, which must not be there yet; `-` writes to standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: &BackupArgs, globals: &GlobalArgs) -> Result<Exit> {
    if args.file.as_os_str() == "-" {
        let out = Output::stdout();
        if out.is_terminal() {
            return Err(CommandError::usage("a backup is no text for a terminal")
                .hint("name a file, or redirect standard output"));
        }
        back_up(globals, Box::new(io::stdout()))?;
        return Ok(Exit::Done);
    }
    let file = NewFile::create(&args.file)?;
    back_up(globals, file.writer()?)?;
    let bytes = file.keep()?;
    output::note(format_args!("wrote {} to {}", units::size(bytes), args.file.display()));
    Ok(Exit::Done)
}

/// Has a server write the backup, or reads the data directory where none runs.
fn back_up(globals: &GlobalArgs, mut out: Box<dyn io::Write + Send>) -> Result<()> {
    let served = Client::connect(globals, TokenFile::Operator)
        .and_then(|client| client.read_posted(Route::new("/v1/backup")));
    match served {
        Ok(backup) => copy(backup, &mut *out),
        // The note of a server that was killed may be there still.
        Err(error) if error.exit() == Exit::Unreachable && globals.server.is_none() => {
            serve::at_rest::back_up(&DataDir::locate(globals)?, out)
        }
        Err(error) => Err(error),
    }
}

fn copy(mut backup: impl Read, out: &mut dyn io::Write) -> Result<()> {
    io::copy(&mut backup, out).and_then(|_| out.flush()).map_err(|error| {
        CommandError::new(Exit::Internal, format_args!("the backup broke off: {error}"))
            .hint("the server's log says more")
    })
}

/// Reads everything from a file
///
/// Makes the store of an empty data directory from a backup. Everything is checked before it is there;
/// where anything is wrong, nothing is. The tokens of the backup go on working; the first
/// `errand serve` writes new token files besides.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand restore errand-2026-11-22.tar
  errand restore errand-2026-11-22.tar --data /srv/errand")]
pub(crate) struct RestoreArgs {
    /// The file that `errand backup` wrote; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn restore(args: &RestoreArgs, globals: &GlobalArgs) -> Result<Exit> {
    let backup: Box<dyn Read> = match args.file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(files::open(&args.file)?),
    };
    let data = DataDir::locate(globals)?;
    let made = data.claim_empty()?;
    let restored = serve::at_rest::restore(&data, io::BufReader::new(backup));
    if restored.is_err() && made {
        data.remove_empty();
    }
    let restored = restored?;
    let count = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    };
    let (tasks, blobs) = (count(restored.tasks, "task"), count(restored.blobs, "blob"));
    let path = data.path().display();
    output::note(format_args!("restored {tasks} and {blobs} into {path}, all checked"));
    Ok(Exit::Done)
}
