//! `errand apply`: brings what a task changed to where its workspace started from, to a branch, or to
//! a directory.

mod left;
mod place;
mod repository;

use std::path::{Path, PathBuf};

use clap::Args;
use errand_core::ChangeCounts;
use errand_workspace::{ApplyError, Changed, Directory};

use crate::cli::GlobalArgs;
use crate::client::{Client, Task};
use crate::data_dir::TokenFile;
use crate::errors::{CommandError, Exit, Result};
use crate::output::{self, Output};
use crate::{changes, files};
use left::Left;
use place::{Place, Wanted};
use repository::Opened;

/// Writes a task's changes back
///
/// To the directory that the task started from, or to the work tree of its repository. Nothing is written
/// where something that the task changed is not as the task found it, or where the repository is at
/// another commit or has changes that are not committed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand apply 01kapq3v5d0000000000000001
  errand apply 01kapq3v5d0000000000000001 --branch tidy-up -m 'Tidy up'
  errand apply 01kapq3v5d0000000000000001 --to result/")]
pub(crate) struct ApplyArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Commit them on a new branch, from the commit that the task started from, and leave the work tree
    /// alone
    #[arg(long, value_name = "NAME", conflicts_with = "force")]
    branch: Option<String>,
    /// The message of that commit [default: errand: EXECUTOR task ID]
    #[arg(long, short, value_name = "MESSAGE", requires = "branch")]
    message: Option<String>,
    /// Replace what is not as the task found it
    #[arg(long)]
    force: bool,
    /// Write to this directory or repository instead; all files of the workspace where nothing is in it
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(crate) fn run(args: &ApplyArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let (_, task) = client.task(&args.id)?;
    let to = match &args.to {
        Some(path) => Some((path.as_path(), args.branch.is_none() && files::is_vacant(path)?)),
        None => None,
    };
    let wanted = Wanted { branch: args.branch.is_some(), to, is_local: client.is_local() };
    let place = Place::choose(&wanted, &task.workspace)?;
    let left = Left::new(&client, &task.id)?;
    let told = match &place {
        Place::Vacant(path) => all(&left, path)?,
        Place::Directory(path) => {
            let changed = left.changes()?;
            done(&changed, write(&changed, path, args.force)?)
        }
        Place::WorkTree { path, commit } => {
            let opened = Opened::open(path)?;
            opened.check_work_tree(commit, args.force)?;
            let changed = left.changes()?;
            done(&changed, write(&changed, path, args.force)?)
        }
        Place::Branch { repository, commit } => {
            let commits = Opened::open(repository)?.commits_on(commit)?;
            let changed = left.changes()?;
            let counted = ChangeCounts::of(changed.changes());
            if counted != ChangeCounts::default() {
                let branch = args.branch.as_deref().unwrap_or_default();
                let message = args.message.clone().unwrap_or_else(|| message(&task));
                let made = commits.commit(&changed, branch, &message)?;
                Output::stdout().line(format_args!("{branch} {made}"))?;
            }
            done(&changed, counted)
        }
    };
    output::note(told);
    Ok(Exit::Done)
}

fn done(changed: &Changed, applied: ChangeCounts) -> String {
    changes::done(applied, changed.changes())
}

fn message(task: &Task) -> String {
    let executor = task.executor.split('@').next().unwrap_or_default();
    format!("errand: {executor} task {}", task.id)
}

/// Writes all that the task left to where nothing is.
fn all(left: &Left<'_>, path: &Path) -> Result<String> {
    let changed = left.all()?;
    files::make_directory(path)?;
    let applied = write(&changed, path, false)?;
    Ok(match changed.changes() {
        [] => "the task left nothing".to_owned(),
        _ => done(&changed, applied),
    })
}

fn write(changed: &Changed, path: &Path, force: bool) -> Result<ChangeCounts> {
    let directory = Directory::open(path).map_err(|error| {
        CommandError::usage(format_args!("open `{}`: {error}", path.display()))
            .hint("say where to write to with `--to DIR`")
    })?;
    changed.apply(&directory, force).map_err(|error| {
        let refused = changes::refusal(&error, path, "the task found it");
        match error {
            ApplyError::Moved(_) => {
                refused.hint("look at what is there now; `--force` replaces it")
            }
            _ => refused,
        }
    })
}
