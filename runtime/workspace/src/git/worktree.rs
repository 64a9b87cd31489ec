//! A task in the list of a repository's worktrees, for as long as it runs.
//!
//! What is registered is a directory of ours with nothing but the `.git` file in it, and not the
//! workspace: there a guest could plant a `.git` of its own, and whoever followed the list of worktrees
//! would run what it says. The registration keeps the commit from being collected, and is locked, since
//! its owner knows best when it is over.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::objects::CommitId;
use super::process::Call;
use super::repository::Repository;
use super::{Git, scratch};
use crate::root::remove;
use crate::start::shown;
use crate::{StartError, StopFlag};

/// What the names of registered directories begin with.
const PREFIX: &str = "errand-";
/// What a `.git` file may have.
const MAX_LINK_BYTES: u64 = 64 << 10;
/// What is said to whoever lists worktrees may have.
const MAX_REASON_CHARS: usize = 500;

/// How often adding one is tried.
const ADD_TRIES: usize = 5;
/// What git says when somebody else's git adds or removes another one at the same moment: it reads what
/// is half made, or makes one where the last one's directory is just removed.
const CROSSED: [&str; 2] = ["failed to read", "could not create directory"];

/// A registration of a task, removed on drop.
#[derive(Debug)]
pub struct Worktree {
    registered: Registered,
    is_removed: bool,
}

/// What it takes to remove one.
#[derive(Debug)]
struct Registered {
    git: Git,
    common_dir: PathBuf,
    settings: Vec<(String, String)>,
    name: String,
}

impl Repository {
    /// Adds a worktree at a commit, detached and locked, with no file checked out.
    ///
    /// The name, of letters, digits and `-`, must be no other's meanwhile; a person sees the
    /// reason beside it in `git worktree list --verbose`.
    ///
    /// # Errors
    /// [`StartError::Refused`] where git refuses it.
    pub fn add_worktree(
        &self,
        commit: &CommitId,
        name: &str,
        reason: &str,
        stop: &StopFlag,
    ) -> Result<Worktree, StartError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || name.len() > 100 || !name.bytes().all(is_plain) {
            let name = shown(name);
            return Err(StartError::Refused(format!("a worktree can't be called `{name}`")));
        }
        let printable = reason.chars().filter(|char| !char.is_control());
        let reason: String = printable.take(MAX_REASON_CHARS).collect();
        let registered = Registered {
            git: self.git.clone(),
            common_dir: self.common_dir.clone(),
            settings: self.settings.clone(),
            name: format!("{PREFIX}{name}"),
        };
        let path = registered.path();
        // An empty one is taken as it is; anything else there is another's.
        self.git.0.dir.create_dir(&registered.name).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                StartError::Refused(format!("a worktree called `{name}` is there already"))
            }
            _ => error.into(),
        })?;
        // It is removed again if what follows fails halfway.
        let worktree = Worktree { registered, is_removed: false };
        stop.check()?;
        self.register(commit, &path, &reason)?;
        Ok(worktree)
    }

    /// Not to be stopped: killed halfway, git would leave what no list shows.
    fn register(&self, commit: &CommitId, path: &Path, reason: &str) -> Result<(), StartError> {
        let stop = &StopFlag::default();
        let turn = self.git.turn(&self.common_dir);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        for tries_left in (0..ADD_TRIES).rev() {
            // Forced twice: a registration of this name that is left over is no reason not to add it.
            let call = self.own(&self.common_dir, stop)?;
            let call = call.args(&["worktree", "add", "--force", "--force", "--detach"]);
            let call = call.args(&["--no-checkout", "--lock", "--reason", reason, "--"]);
            let answer = call.arg(path).arg(commit.as_str()).answer(stop)?;
            if answer.success {
                break;
            }
            if tries_left == 0 || !CROSSED.iter().any(|text| answer.complaint.has(text)) {
                return Err(answer.complaint.refusal("worktree add"));
            }
        }
        Ok(())
    }

    /// Removes the registrations of this repository whose directories of ours are gone; says how many.
    ///
    /// To be called when no task has a worktree: what an earlier process left.
    ///
    /// # Errors
    /// When they can't be listed.
    pub fn prune_worktrees(&self, stop: &StopFlag) -> Result<usize, StartError> {
        let call = self.own(&self.common_dir, stop)?;
        let listed = call.args(&["worktree", "list", "--porcelain"]).answer(stop)?;
        if !listed.success {
            return Err(listed.complaint.refusal("worktree list"));
        }
        let mut removed = 0;
        for line in String::from_utf8_lossy(&listed.output).lines() {
            let Some(path) = line.strip_prefix("worktree ").map(Path::new) else { continue };
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let is_ours = path.parent() == Some(&self.git.0.root) && name.starts_with(PREFIX);
            if is_ours && self.git.0.dir.symlink_metadata(name).is_err() {
                let registered = Registered {
                    git: self.git.clone(),
                    common_dir: self.common_dir.clone(),
                    settings: self.settings.clone(),
                    name: name.to_owned(),
                };
                removed += usize::from(registered.remove(stop).is_ok());
            }
        }
        Ok(removed)
    }
}

impl Worktree {
    /// Returns the git directory of the worktree, for `git --git-dir=… --work-tree=…`.
    pub fn git_dir(&self) -> PathBuf {
        self.registered.path().join(".git")
    }

    /// Removes the registration. Somebody else may have removed it before.
    ///
    /// # Errors
    /// When git can't be called or refuses it; it is collected at the next start.
    pub fn remove(mut self, stop: &StopFlag) -> Result<(), StartError> {
        self.is_removed = true;
        self.registered.remove(stop)
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        if !self.is_removed {
            // What can't be removed now is collected at the next start.
            let _ = self.registered.remove(&StopFlag::default());
        }
    }
}

impl Git {
    /// Removes what an earlier process left: scratch, and registrations with the repositories that have
    /// them. Says how many registrations there were.
    ///
    /// To be called before a repository is opened. One that can't be removed stays for the next time: it
    /// must not keep anything from starting.
    ///
    /// # Errors
    /// When git's directory can't be read.
    pub fn collect_leftovers(&self, stop: &StopFlag) -> io::Result<usize> {
        let mut removed = 0;
        for entry in self.0.dir.entries()? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if name.starts_with(scratch::PREFIX) {
                let _ = remove(&self.0.dir, name.as_ref());
            } else if name.starts_with(PREFIX) {
                removed += usize::from(self.collect(name, stop).is_ok());
            }
        }
        Ok(removed)
    }

    fn collect(&self, name: String, stop: &StopFlag) -> Result<(), StartError> {
        let Some(admin) = self.registered_at(&name) else {
            // Nothing says that it is registered anywhere.
            return Ok(remove(&self.0.dir, name.as_ref())?);
        };
        let common_dir = match admin.parent().and_then(Path::parent) {
            Some(common_dir) if admin.is_dir() => common_dir.to_owned(),
            // The repository is gone, or somebody removed the registration.
            _ => return Ok(remove(&self.0.dir, name.as_ref())?),
        };
        let call = Call::new(self.program(stop)?).env("GIT_DIR", &common_dir);
        let names = call.args(&["config", "--list", "--name-only", "-z"]).text(stop)?;
        let settings = super::environment::hooks_off(&names);
        let git = self.clone();
        Registered { git, common_dir, settings, name }.remove(stop)
    }

    /// Returns what the `.git` file of a registered directory says: `…/.git/worktrees/NAME`.
    fn registered_at(&self, name: &str) -> Option<PathBuf> {
        let dir = self.0.dir.open_dir(name).ok()?;
        let (file, _) = crate::scan::open_file(&dir, ".git").ok()?;
        let mut said = String::new();
        file.take(MAX_LINK_BYTES).read_to_string(&mut said).ok()?;
        let at = said.strip_prefix("gitdir:")?.trim();
        self.0.root.join(name).join(at).canonicalize().ok()
    }
}

impl Registered {
    fn path(&self) -> PathBuf {
        self.git.0.root.join(&self.name)
    }

    fn remove(&self, stop: &StopFlag) -> Result<(), StartError> {
        let turn = self.git.turn(&self.common_dir);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let call = Call::new(self.git.program(stop)?).settings(&self.settings);
        let call = call.env("GIT_DIR", &self.common_dir).env("GIT_WORK_TREE", &self.git.0.root);
        // Forced twice: it is locked, by us.
        let call = call.args(&["worktree", "remove", "--force", "--force", "--"]);
        let answer = call.arg(self.path()).answer(stop)?;
        let is_known = !answer.complaint.has("is not a working tree");
        if !answer.success && is_known && self.common_dir.is_dir() {
            return Err(answer.complaint.refusal("worktree remove"));
        }
        match remove(&self.git.0.dir, self.name.as_ref()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
