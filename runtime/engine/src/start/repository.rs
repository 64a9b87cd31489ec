//! Workspaces from a commit of a repository: looked up when the task is submitted, and shared by all tasks
//! that start from it.

use std::sync::Arc;

use errand_core::{Limits, Missing, WorkspaceSource};
use errand_workspace::git::{CommitId, Git, Repository, SparsePaths, Worktree};
use errand_workspace::{AllowedDirs, Bounds, StartError, StopFlag};
use tokio::runtime::Handle;

use super::maker::{Made, Maker, Wanted, copied, key_of};
use super::{Starts, StopsWhenDropped, off_thread};

/// What is named of what a workspace lacks.
const NAMED: usize = 20;

/// A worktree that a repository lists while its task runs.
#[derive(Debug)]
pub(crate) struct Registered(Option<Worktree>);

impl Drop for Registered {
    fn drop(&mut self) {
        let worktree = self.0.take();
        // Git is run for it, which a thread that runs tasks does not wait for.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || drop(worktree));
        }
    }
}

impl Starts {
    /// Removes the registrations that an earlier process left behind.
    pub(crate) fn collect_leftovers(&self) {
        let Some(git) = &self.maker.git else { return };
        if let Err(error) = git.collect_leftovers(&StopFlag::default()) {
            tracing::warn!(%error, "worktrees of an earlier server are still registered");
        }
    }

    /// Finds the commit that a name stands for, and sees whether it fits.
    pub(super) async fn look_up(
        &self,
        repo: &str,
        reference: &str,
        paths: &[String],
        limits: &Limits,
    ) -> Result<String, StartError> {
        let (repo, reference) = (repo.to_owned(), reference.to_owned());
        let (git, allowed) = (self.maker.git.clone(), self.maker.allowed.clone());
        let sparse = SparsePaths::new(paths)?;
        let bounds = Bounds::of_bytes(limits.workspace_bytes);
        let _stops = StopsWhenDropped(bounds.stop.clone());
        off_thread(move || {
            let repository = open(git.as_ref(), &allowed, &repo, &bounds.stop)?;
            let commit = repository.resolve(&reference, &bounds.stop)?;
            repository.tree(&commit, &sparse, &bounds)?;
            Ok(commit.to_string())
        })
        .await
    }
}

impl Maker {
    /// Makes a workspace from a commit.
    pub(super) fn of_commit(&self, wanted: &Wanted) -> Result<Made, StartError> {
        let WorkspaceSource::Git { repo, commit, paths, .. } = &wanted.origin.source else {
            return Err(std::io::Error::other("it starts from no repository").into());
        };
        let commit: CommitId = commit
            .as_deref()
            .and_then(|commit| commit.parse().ok())
            .ok_or_else(|| std::io::Error::other("the task's commit was never looked up"))?;
        let bounds = &wanted.bounds;
        let repository = || open(self.git.as_ref(), &self.allowed, repo, &bounds.stop);
        // A run's start is a worktree to its repository; what is only looked at is none.
        let registered = match wanted.listed_for {
            None => None,
            Some(id) => {
                let reason = format!("task {id} works on a copy of it");
                let worktree =
                    repository()?.add_worktree(&commit, &wanted.name, &reason, &bounds.stop)?;
                Some(Registered(Some(worktree)))
            }
        };
        if let Some((key, links_out)) = key_of(&wanted.origin)?
            && let Some(made) = self.known(key, links_out, wanted)?
        {
            return Ok(Made { registered, ..made });
        }
        let (workspace, quota) = self.create(wanted)?;
        let repository = repository()?;
        let tree = repository.tree(&commit, &SparsePaths::new(paths)?, bounds)?;
        let found = repository.copy_to(&tree, &workspace, &quota, bounds)?;
        let named = |mut names: Vec<String>| {
            names.truncate(NAMED);
            names
        };
        let submodules = named(found.submodules);
        let missing = Missing { submodules, lfs_pointers: named(found.lfs_pointers) };
        let base = match key_of(&wanted.origin)? {
            Some((key, links_out)) => self.adopt(key, links_out, &workspace, &missing, wanted)?,
            None => None,
        };
        let began = self.began(base, &workspace, wanted)?;
        let placed = copied(&quota, missing);
        Ok(Made { registered, ..Made::new(workspace, quota, began, placed) })
    }
}

fn open(
    git: Option<&Git>,
    allowed: &Arc<AllowedDirs>,
    repo: &str,
    stop: &StopFlag,
) -> Result<Repository, StartError> {
    let git = git.ok_or_else(|| std::io::Error::other("no place for git is configured"))?;
    git.repository(&allowed.directory(repo)?, Some(allowed), stop)
}
