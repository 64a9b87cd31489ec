//! The host's git: what a task starts from in a repository, and what is given back to it.
//!
//! Owns the host's `git` program and a directory of its own ([`Git`]), which holds the registrations of
//! worktrees and scratch. A repository is somebody else's data: nothing that its configuration, hooks or
//! attributes name is run. Where objects are read or written, or the work tree is compared, git uses
//! a directory of ours with the repository's objects, so that the repository's configuration is not even
//! read. Where refs and worktrees are its own business, hooks and transports are switched off.
//!
//! Contents are the blobs' bytes, whatever attributes say of line ends and filters. Fetches nothing, and
//! never touches anybody's work tree, index or HEAD. Whoever can change a repository while it is used
//! can lead git elsewhere, as they could by its objects: what is checked is where it keeps them when it
//! is opened.

mod commit;
mod contents;
mod environment;
mod names;
mod objects;
mod person;
mod process;
mod repository;
mod scratch;
mod state;
mod tree;
mod worktree;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::{StartError, StopFlag};

pub use commit::{Author, NewCommit};
pub use contents::{Content, Contents, Placed, is_lfs_pointer};
pub use names::SparsePaths;
pub use objects::{CommitId, InvalidObjectId, ObjectId};
pub use repository::Repository;
pub use state::WorkTreeState;
pub use tree::{Tree, TreeEntry, TreeNode};
pub use worktree::Worktree;

/// The oldest git that knows all options that are used here.
const OLDEST: (u32, u32) = (2, 34);

/// The host's git, and the directory that it is used from. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Git(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Nothing where git is not installed.
    program: Option<PathBuf>,
    /// Whether it was found to be new enough.
    checked: OnceLock<()>,
    /// Absolute, without links.
    root: PathBuf,
    dir: Dir,
    next_scratch: AtomicU64,
    /// Who changes the worktrees of a repository, by its directory. Git does not bear two at once.
    turns: Mutex<HashMap<PathBuf, Weak<Mutex<()>>>>,
}

impl Git {
    /// Looks for git on the process's `PATH`, and makes the directory where it is missing.
    ///
    /// That git is not installed is said when a repository is opened: most tasks don't need it.
    /// Everything in the directory belongs to what is returned.
    ///
    /// # Errors
    /// When the directory can't be made or opened.
    pub fn open(root: &Path) -> io::Result<Self> {
        Self::with_program(root, environment::installed())
    }

    fn with_program(root: &Path, program: Option<PathBuf>) -> io::Result<Self> {
        Dir::create_ambient_dir_all(root, ambient_authority())?;
        let root = root.canonicalize()?;
        if root.to_str().is_none_or(|root| root.contains('\n')) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path of git's directory must be UTF-8 on one line",
            ));
        }
        let dir = Dir::open_ambient_dir(&root, ambient_authority())?;
        Ok(Self(Arc::new(Shared {
            program,
            checked: OnceLock::new(),
            root,
            dir,
            next_scratch: AtomicU64::new(0),
            turns: Mutex::default(),
        })))
    }

    /// Returns what to lock while the worktrees of a repository are changed.
    fn turn(&self, common_dir: &Path) -> Arc<Mutex<()>> {
        let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(common_dir).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(common_dir.to_owned(), Arc::downgrade(&turn));
        turn
    }

    /// Returns the program.
    ///
    /// # Errors
    /// [`StartError::Refused`] where it is not installed or too old.
    fn program(&self, stop: &StopFlag) -> Result<&Path, StartError> {
        let Some(program) = &self.0.program else {
            return Err(StartError::refused(
                "git is not installed on the server's machine; install it, or upload a tar and \
                 use {\"from\": \"tar\"}",
            ));
        };
        if self.0.checked.get().is_none() {
            let said = process::Call::new(program).arg("--version").text(stop)?;
            let (major, minor) = OLDEST;
            if version(&said).is_none_or(|version| version < OLDEST) {
                let said = crate::start::shown(said.trim());
                return Err(StartError::Refused(format!(
                    "git {major}.{minor} or later is needed, and `git --version` says `{said}`"
                )));
            }
            let _ = self.0.checked.set(());
        }
        Ok(program)
    }
}

/// Returns major and minor of what `git --version` says.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().strip_prefix("git version ")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own repositories")]
mod tests;
