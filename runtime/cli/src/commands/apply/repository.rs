//! The repository that a task started from: whether its work tree is as the task found it, and a commit
//! of what the task changed.

use std::path::{Path, PathBuf};

use errand_core::Clock;
use errand_scheduler::WallClock;
use errand_workspace::git::{Author, CommitId, Git, NewCommit, Repository};
use errand_workspace::{Bounds, Changed, Contents, Directory, StartError, StopFlag};
use tempfile::TempDir;

use crate::changes;
use crate::errors::{CommandError, Result};

/// A repository, and a directory for git's scratch.
pub(super) struct Opened {
    repository: Repository,
    path: PathBuf,
    stop: StopFlag,
    _scratch: TempDir,
}

/// A repository that commits can be made in.
pub(super) struct Commits<'a> {
    opened: Opened,
    base: &'a CommitId,
    author: Author,
}

impl Opened {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let refused = |error: &dyn std::fmt::Display| {
            CommandError::usage(format_args!("use the repository `{}`: {error}", path.display()))
                .hint("say where it is, or where else to write to, with `--to DIR`")
        };
        let directory = Directory::open(path).map_err(|error| refused(&error))?;
        let scratch = tempfile::tempdir().map_err(anyhow::Error::from)?;
        let git = Git::open(scratch.path()).map_err(anyhow::Error::from)?;
        let stop = StopFlag::default();
        let repository =
            git.repository(&directory, None, &stop).map_err(|error| refused(&error))?;
        Ok(Self { repository, path: path.to_owned(), stop, _scratch: scratch })
    }

    /// Refuses a work tree that is at another commit or has changes of its own, unless forced.
    pub(super) fn check_work_tree(&self, commit: &CommitId, force: bool) -> Result<()> {
        let path = self.path.display();
        if self.repository.is_bare() {
            return Err(CommandError::refused(format_args!("`{path}` has no work tree"))
                .hint("make a branch of the task's changes with `--branch NAME`"));
        }
        if force {
            return Ok(());
        }
        self.check_has(commit)?;
        let state = self.repository.work_tree_state(commit, &self.stop);
        let state = state.map_err(|error| self.refused(error))?;
        if state.is_clean_at(commit) {
            return Ok(());
        }
        let (what, hint) = match &state.head {
            // Against another commit, what differs says nothing of what is not committed.
            Some(head) if head != commit => {
                (format!("it is at {head}, and not at {commit}"), "check out that commit")
            }
            None => (format!("it has no commit, and not {commit}"), "check out that commit"),
            Some(_) => {
                let names = state.dirty.iter().map(|path| format!("`{path}`"));
                let what = format!("it has changes without a commit: {}", changes::named(names));
                (what, "commit or stash them")
            }
        };
        Err(CommandError::refused(format_args!("`{path}` is not as the task found it: {what}"))
            .hint(hint)
            .hint("or make a branch of the task's changes with `--branch NAME`")
            .hint("or apply them all the same with `--force`"))
    }

    /// Prepares to make a commit, with the person who calls this as its author.
    pub(super) fn commits_on(self, base: &CommitId) -> Result<Commits<'_>> {
        self.check_has(base)?;
        let author = self.repository.configured_author(WallClock.now(), &self.stop);
        let author = author.map_err(|error| self.refused(error))?.ok_or_else(|| {
            CommandError::refused("make a commit: git does not know your name and address")
                .hint("git config --global user.name \"Your Name\"")
                .hint("git config --global user.email you@example.org")
        })?;
        Ok(Commits { opened: self, base, author })
    }

    fn check_has(&self, commit: &CommitId) -> Result<()> {
        match self.repository.resolve(commit.as_str(), &self.stop) {
            Ok(_) => Ok(()),
            Err(_) => Err(CommandError::refused(format_args!(
                "`{}` does not have the commit that the task started from: {commit}",
                self.path.display()
            ))
            .hint("fetch it, or write the changes to a directory with `--to DIR`")),
        }
    }

    fn refused(&self, error: StartError) -> CommandError {
        CommandError::refused(format_args!("use the repository `{}`: {error}", self.path.display()))
    }
}

impl Commits<'_> {
    pub(super) fn commit(
        &self,
        changed: &Changed,
        branch: &str,
        message: &str,
    ) -> Result<CommitId> {
        let contents = changed.contents();
        let Self { opened, base, author } = self;
        let new = NewCommit { base, branch, changes: changed.changes(), message, author };
        let bounds = Bounds::of_bytes(u64::MAX);
        opened
            .repository
            .commit_changes(&new, |blake3| contents.open(blake3), &bounds)
            .map_err(|error| opened.refused(error))
    }
}
