//! Where a task's changes are brought to: chosen by what was asked for and what the task started from.

use std::path::{Path, PathBuf};

use errand_workspace::git::CommitId;

use crate::client::Origin;
use crate::errors::{CommandError, Exit, Result};

/// Where they go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory with nothing in it, or none yet. It gets the whole workspace.
    Vacant(PathBuf),
    /// A directory.
    Directory(PathBuf),
    /// The work tree of a repository, which should be at this commit.
    WorkTree { path: PathBuf, commit: CommitId },
    /// A new branch of a repository, from this commit.
    Branch { repository: PathBuf, commit: CommitId },
}

/// What was asked for.
pub(super) struct Wanted<'a> {
    /// A commit on a branch.
    pub(super) branch: bool,
    /// To somewhere else, and whether nothing is there.
    pub(super) to: Option<(&'a Path, bool)>,
    /// The server runs on this machine, so its paths are ours.
    pub(super) is_local: bool,
}

impl Place {
    pub(super) fn choose(wanted: &Wanted<'_>, origin: &Origin) -> Result<Self> {
        match (wanted, origin) {
            (Wanted { branch: true, to, .. }, Origin::Git { repo, commit }) => {
                let repository = match to {
                    Some((path, _)) => (*path).to_owned(),
                    None => wanted.ours(repo)?,
                };
                Ok(Self::Branch { repository, commit: understood(commit)? })
            }
            (Wanted { branch: true, .. }, origin) => Err(CommandError::usage(format_args!(
                "a branch needs a commit to start from, and the task started from {}",
                described(origin)
            ))
            .hint("write the changes to a directory with `--to DIR`")),
            (Wanted { to: Some((path, true)), .. }, _) => Ok(Self::Vacant((*path).to_owned())),
            (Wanted { to: Some((path, false)), .. }, _) => Ok(Self::Directory((*path).to_owned())),
            (Wanted { to: None, .. }, Origin::Dir { path }) => {
                Ok(Self::Directory(wanted.ours(path)?))
            }
            (Wanted { to: None, .. }, Origin::Git { repo, commit }) => {
                Ok(Self::WorkTree { path: wanted.ours(repo)?, commit: understood(commit)? })
            }
            (Wanted { to: None, .. }, origin) => Err(CommandError::usage(format_args!(
                "the task started from {}, so nothing says where its changes belong",
                described(origin)
            ))
            .hint("say it with `--to DIR`; a new directory gets the whole workspace")),
        }
    }
}

impl Wanted<'_> {
    /// Returns a path of the server's machine as one of this machine.
    fn ours(&self, path: &Path) -> Result<PathBuf> {
        if self.is_local {
            return Ok(path.to_owned());
        }
        Err(CommandError::usage(format_args!(
            "the task started from `{}` of the server's machine, which may be another one",
            path.display()
        ))
        .hint("say where it is on this machine with `--to DIR`"))
    }
}

fn understood(commit: &str) -> Result<CommitId> {
    commit.parse().map_err(|error| {
        CommandError::new(Exit::Internal, format_args!("understand the task's commit: {error}"))
    })
}

fn described(origin: &Origin) -> String {
    match origin {
        Origin::Empty => "an empty workspace".to_owned(),
        Origin::Dir { path } => format!("the directory `{}`", path.display()),
        Origin::Tar => "an archive".to_owned(),
        Origin::Git { repo, .. } => format!("a commit of `{}`", repo.display()),
        Origin::Task { id } => format!("what the task {id} left"),
        Origin::Unknown => "what this version does not know".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";
    const HERE: Wanted<'_> = Wanted { branch: false, to: None, is_local: true };

    fn git() -> Origin {
        Origin::Git { repo: "/repo".into(), commit: COMMIT.into() }
    }

    #[test]
    fn changes_go_back_to_where_the_task_started_from() {
        let dir = Origin::Dir { path: "/dir".into() };
        assert_eq!(Place::choose(&HERE, &dir).unwrap(), Place::Directory("/dir".into()));
        let commit: CommitId = COMMIT.parse().unwrap();
        assert_eq!(
            Place::choose(&HERE, &git()).unwrap(),
            Place::WorkTree { path: "/repo".into(), commit: commit.clone() }
        );
        let branch = Wanted { branch: true, ..HERE };
        assert_eq!(
            Place::choose(&branch, &git()).unwrap(),
            Place::Branch { repository: "/repo".into(), commit: commit.clone() }
        );
        let there = Wanted { branch: true, to: Some((Path::new("clone"), false)), is_local: false };
        assert_eq!(
            Place::choose(&there, &git()).unwrap(),
            Place::Branch { repository: "clone".into(), commit }
        );
    }

    #[test]
    fn another_directory_gets_the_changes_and_a_vacant_one_everything() {
        for origin in [git(), Origin::Tar, Origin::Unknown] {
            let to = |vacant| Wanted { to: Some((Path::new("x"), vacant)), ..HERE };
            let chosen = Place::choose(&to(false), &origin).unwrap();
            assert_eq!(chosen, Place::Directory("x".into()));
            assert_eq!(Place::choose(&to(true), &origin).unwrap(), Place::Vacant("x".into()));
        }
    }

    #[test]
    fn where_nothing_says_the_place_the_error_does() {
        let refusal = |wanted: &Wanted<'_>, origin: &Origin| {
            let error = Place::choose(wanted, origin).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage);
            error.message()
        };
        let task = Origin::Task { id: "01k".into() };
        for (origin, part) in [(Origin::Tar, "an archive"), (Origin::Empty, "empty"), (task, "01k")]
        {
            assert!(refusal(&HERE, &origin).contains(part), "{part}");
            assert!(refusal(&Wanted { branch: true, ..HERE }, &origin).contains(part), "{part}");
        }
        let remote = Wanted { is_local: false, ..HERE };
        assert!(refusal(&remote, &git()).contains("may be another one"));
    }
}
