//! A git directory of ours, whose objects are a repository's.
//!
//! Git reads and writes objects here without ever seeing the repository's configuration: no filter, hook,
//! promisor or attribute of it exists.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use cap_std::fs::Dir;

use super::Git;
use crate::root::remove;

/// What their names begin with.
pub(super) const PREFIX: &str = "scratch-";
/// A work tree with nothing in it.
const EMPTY: &str = "empty";

/// Such a directory, removed on drop.
#[derive(Debug)]
pub(super) struct Scratch {
    git: Git,
    name: String,
    pub(super) dir: Dir,
    pub(super) path: PathBuf,
}

/// How a repository names its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Sha1,
    Sha256,
}

impl Scratch {
    /// Makes one without a configuration.
    pub(super) fn create(git: &Git) -> io::Result<Self> {
        loop {
            let number = git.0.next_scratch.fetch_add(1, Ordering::Relaxed);
            let name = format!("{PREFIX}{}-{number}", std::process::id());
            match git.0.dir.create_dir(&name) {
                Ok(()) => {
                    let dir = git.0.dir.open_dir(&name)?;
                    let path = git.0.root.join(&name);
                    let scratch = Self { git: git.clone(), name, dir, path };
                    scratch.dir.create_dir(EMPTY)?;
                    return Ok(scratch);
                }
                // An earlier process with this number left it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes it a git directory, with a HEAD that is a commit or nothing.
    pub(super) fn fill(&self, format: Format, head: Option<&str>) -> io::Result<()> {
        let config = match format {
            Format::Sha1 => "[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n",
            Format::Sha256 => {
                "[core]\n\trepositoryFormatVersion = 1\n\tbare = false\n\
                 [extensions]\n\tobjectFormat = sha256\n"
            }
        };
        self.dir.write("config", config)?;
        self.dir.create_dir("refs")?;
        self.dir.create_dir("info")?;
        let head = head.unwrap_or("ref: refs/heads/none");
        self.dir.write("HEAD", format!("{head}\n"))
    }

    /// A work tree for calls that need none.
    pub(super) fn empty(&self) -> PathBuf {
        self.path.join(EMPTY)
    }

    /// Gives a file of a repository a name in here. It need not be there.
    pub(super) fn link(&self, file: &Path, name: &str) -> io::Result<()> {
        self.dir.symlink_contents(file, name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed now is collected at the next start.
        let _ = remove(&self.git.0.dir, self.name.as_ref());
    }
}
