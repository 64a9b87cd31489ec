//! Workspaces from a commit of a repository: looked up when the task is submitted, and shared by all tasks
//! that start from it.

use std::sync::Arc;

use errand_core::{Digest, Failure, Limits, Missing, Task};
use errand_workspace::git::{CommitId, Git, Repository, SparsePaths, Worktree};
use errand_workspace::{AllowedDirs, Bounds, LinksOut, StartError, StopFlag};
use tokio::runtime::Handle;

use super::{
    Made, Starts, StopsWhenDropped, copied, failure, internal, name_of, off_thread, within,
};

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
        let Some(git) = &self.git else { return };
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
        let (git, allowed) = (self.git.clone(), self.allowed.clone());
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

    /// Makes the workspace of a run from a commit.
    pub(super) async fn make_worktree(
        &self,
        repo: &str,
        commit: Option<&str>,
        paths: &[String],
        task: &Task,
    ) -> Result<Made, Failure> {
        let commit: CommitId = commit
            .and_then(|commit| commit.parse().ok())
            .ok_or_else(|| internal("the task's commit was never looked up".into()))?;
        let prefix = format!("the repository `{repo}`: ");
        let sparse = SparsePaths::new(paths).map_err(|error| failure(error, &prefix))?;
        // Of this repository: another one's objects may lie under names that are not theirs.
        let key = format!("git\0{repo}\0{commit}\0{}", sparse.paths().join("\0"));
        let key = Digest::of(key.as_bytes());
        let (git, allowed) = (self.git.clone(), self.allowed.clone());
        let (workspaces, bases) = (self.workspaces.clone(), self.bases.clone());
        let (repo, name, id) = (repo.to_owned(), name_of(task.id), task.id);
        let bounds = Bounds::of_bytes(task.limits.workspace_bytes);
        let stops = StopsWhenDropped(bounds.stop.clone());
        let making = off_thread(move || {
            let repository = open(git.as_ref(), &allowed, &repo, &bounds.stop)?;
            let reason = format!("task {id} works on a copy of it");
            let worktree = repository.add_worktree(&commit, &name, &reason, &bounds.stop)?;
            let registered = Some(Registered(Some(worktree)));
            let create = || {
                let workspace = workspaces.create(&name).map_err(std::io::Error::other)?;
                let quota = workspaces.quota(bounds.bytes, bounds.files);
                Ok::<_, StartError>((workspace, quota))
            };
            let known = bases.as_ref().and_then(|bases| bases.get(key, LinksOut::Kept));
            if let (Some(bases), Some(base)) = (&bases, known) {
                let (workspace, quota) = create()?;
                match bases.place(&base, &workspace, &quota, &bounds) {
                    Ok(placed) => {
                        let base = Some(base);
                        return Ok(Made { workspace, quota, base, placed, registered });
                    }
                    // It was taken away meanwhile.
                    Err(StartError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            let (workspace, quota) = create()?;
            let tree = repository.tree(&commit, &sparse, &bounds)?;
            let found = repository.copy_to(&tree, &workspace, &quota, &bounds)?;
            let named = |mut names: Vec<String>| {
                names.truncate(NAMED);
                names
            };
            let submodules = named(found.submodules);
            let missing = Missing { submodules, lfs_pointers: named(found.lfs_pointers) };
            let adopted = bases.map(|bases| {
                bases.adopt(&workspace, key, LinksOut::Kept, missing.clone(), &bounds)
            });
            let base = match adopted.transpose() {
                Err(StartError::Stopped) => return Err(StartError::Stopped),
                Err(error) => {
                    tracing::warn!(%commit, %error, "what a workspace starts from can't be shared");
                    None
                }
                Ok(base) => base,
            };
            let placed = copied(&quota, missing);
            Ok(Made { workspace, quota, base, placed, registered })
        });
        let made = within(&task.limits, making).await;
        drop(stops);
        made?.map_err(|error| failure(error, &prefix))
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
