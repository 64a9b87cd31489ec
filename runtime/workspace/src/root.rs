//! The directories themselves, reached through capability handles.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use cap_fs_ext::DirExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt};

use crate::{Globs, Quota, Room};

/// How deep a walk follows directories. Deeper ones are passed over: their paths are longer than any
/// system call takes.
pub(crate) const WALK_DEPTH: usize = 64;

/// Why a workspace can't be made or read.
#[derive(Debug, thiserror::Error)]
#[error("use the workspace: {0}")]
pub struct WorkspaceError(#[from] io::Error);

impl WorkspaceError {
    /// Returns what the system said.
    pub fn io(&self) -> &io::Error {
        &self.0
    }
}

/// The directory that all workspaces lie in.
#[derive(Debug)]
pub struct Workspaces {
    root: Dir,
    room: Option<Room>,
}

impl Workspaces {
    /// Opens the directory, making it where it is missing. Everything in it belongs to workspaces.
    ///
    /// # Errors
    /// When it can't be made or opened.
    pub fn open(path: &Path) -> Result<Self, WorkspaceError> {
        Dir::create_ambient_dir_all(path, ambient_authority())?;
        Ok(Self { root: Dir::open_ambient_dir(path, ambient_authority())?, room: None })
    }

    /// Lets workspaces grow only while there is room.
    #[must_use]
    pub fn within(self, room: Room) -> Self {
        Self { room: Some(room), ..self }
    }

    /// Opens an account for one of them.
    pub fn quota(&self, limit_bytes: u64, limit_files: u64) -> Quota {
        let quota = Quota::new(limit_bytes, limit_files);
        match &self.room {
            Some(room) => quota.within(room.clone()),
            None => quota,
        }
    }

    /// Removes every workspace that an earlier process left behind, and says how many there were.
    ///
    /// One that can't be removed stays for the next time: it must not keep anything from starting.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn collect_leftovers(&self) -> Result<usize, WorkspaceError> {
        let mut removed = 0;
        for entry in self.root.entries()? {
            let name = entry?.file_name();
            removed += usize::from(remove(&self.root, &name).is_ok());
        }
        Ok(removed)
    }

    /// Removes workspaces that were last changed so long ago; what can't be removed stays.
    pub fn collect_older_than(&self, age: Duration) {
        let Ok(entries) = self.root.entries() else { return };
        for entry in entries.flatten() {
            let changed = entry.metadata().and_then(|metadata| metadata.modified());
            let old = changed.is_ok_and(|changed| {
                changed.into_std().elapsed().is_ok_and(|elapsed| elapsed > age)
            });
            if old {
                let _ = remove(&self.root, &entry.file_name());
            }
        }
    }

    /// Makes an empty workspace. It is removed when what is returned is dropped.
    ///
    /// # Errors
    /// When it is there already or can't be made.
    pub fn create(&self, name: &str) -> Result<Workspace, WorkspaceError> {
        self.root.create_dir(name)?;
        let dir = self.root.open_dir(name)?;
        let (parent, name) = (self.root.try_clone()?, name.to_owned());
        let (place, directory) = (OnceLock::new(), Mutex::default());
        Ok(Workspace { parent, dir, name, place, directory, is_own: true })
    }
}

/// One task's directory, removed on drop.
#[derive(Debug)]
pub struct Workspace {
    pub(crate) parent: Dir,
    pub(crate) dir: Dir,
    pub(crate) name: String,
    /// Where it lies on the host, once somebody asked.
    pub(crate) place: OnceLock<String>,
    /// The directory that was last asked for, and its inode.
    pub(crate) directory: Mutex<Option<(String, u64)>>,
    /// Whether its directory goes with it.
    is_own: bool,
}

/// A regular file that a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Relative to the workspace, with `/` between its parts.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
}

impl Workspace {
    /// Returns the same workspace to be looked at: it is not removed with what is returned.
    ///
    /// # Errors
    /// When a handle can't be duplicated.
    pub fn to_look_at(&self) -> Result<Self, WorkspaceError> {
        Ok(Self {
            parent: self.parent.try_clone()?,
            dir: self.dir.try_clone()?,
            name: self.name.clone(),
            place: OnceLock::new(),
            directory: Mutex::default(),
            is_own: false,
        })
    }

    /// Returns a handle of the directory, to give to the guest's file-system host.
    ///
    /// # Errors
    /// When the handle can't be duplicated.
    pub fn handle(&self) -> Result<std::fs::File, WorkspaceError> {
        Ok(self.dir.try_clone()?.into_std_file())
    }

    /// Makes a directory with all on its way, where they are not there.
    ///
    /// # Errors
    /// When they can't be made, or the path leads out.
    pub fn make_directories(&self, path: &str) -> Result<(), WorkspaceError> {
        Ok(self.dir.create_dir_all(path)?)
    }

    /// Writes a file from what is read. Directories on its way must be there.
    ///
    /// # Errors
    /// When it can't be read or written, or its path leads out.
    pub fn write_from(&self, path: &str, content: &mut dyn io::Read) -> Result<(), WorkspaceError> {
        let mut file = self.dir.create(path)?;
        io::copy(content, &mut file)?;
        Ok(())
    }

    /// Writes a file before the guest starts. Directories on its way must be there.
    ///
    /// # Errors
    /// When it can't be written, or its path leads out.
    pub fn write_file(&self, path: &str, bytes: &[u8]) -> Result<(), WorkspaceError> {
        Ok(self.dir.write(path, bytes)?)
    }

    /// Finds the regular files that the globs name, sorted by path. Symbolic links are not followed.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn find(&self, globs: &Globs) -> Result<Vec<Found>, WorkspaceError> {
        let mut found = Vec::new();
        if !globs.is_empty() {
            walk(&self.dir, "", WALK_DEPTH, globs, &mut found)?;
            found.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(found)
    }

    /// Opens a regular file for reading. No part of the path may be a symbolic link that leads out.
    ///
    /// # Errors
    /// When there is no such file, it is not a regular one, or it lies outside.
    pub fn open_file(&self, path: &str) -> Result<(std::fs::File, u64), WorkspaceError> {
        use cap_std::fs::{OpenOptions, OpenOptionsExt};
        // Not to wait for a writer where the guest planted a named pipe.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(NONBLOCK);
        let file = self.dir.open_with(path, &options)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file").into());
        }
        Ok((file.into_std(), metadata.size()))
    }
}

/// `O_NONBLOCK` on Linux, on the architectures that Errand runs on.
pub(crate) const NONBLOCK: i32 = 0o4000;

impl Drop for Workspace {
    fn drop(&mut self) {
        if !self.is_own {
            return;
        }
        // What can't be removed now is collected at the next start.
        let _ = remove(&self.parent, self.name.as_ref());
    }
}

/// Removes an entry with all that is in it, whatever a guest made of it.
///
/// Directories may be nested deeper than there is stack or are handles. So each level is moved up to the
/// first before it is emptied: no path is longer than two names, and a handful of handles is open.
pub(crate) fn remove(parent: &Dir, name: &OsStr) -> io::Result<()> {
    if !parent.symlink_metadata(name)?.is_dir() {
        return parent.remove_file(name);
    }
    let top = parent.open_dir_nofollow(name)?;
    let mut moved: u64 = 0;
    loop {
        let mut empty = true;
        for entry in top.entries()? {
            let entry = entry?;
            empty = false;
            if !entry.file_type()?.is_dir() {
                top.remove_file(entry.file_name())?;
                continue;
            }
            let inner = top.open_dir_nofollow(entry.file_name())?;
            for below in inner.entries()? {
                let below = below?;
                if below.file_type()?.is_dir() {
                    moved = move_up(&inner, &below.file_name(), &top, moved)?;
                } else {
                    inner.remove_file(below.file_name())?;
                }
            }
            top.remove_dir(entry.file_name())?;
        }
        if empty {
            drop(top);
            return parent.remove_dir(name);
        }
    }
}

/// Moves a directory into another under a name that is free there; returns the number to go on from.
fn move_up(from: &Dir, name: &OsStr, to: &Dir, mut number: u64) -> io::Result<u64> {
    loop {
        let free = format!(".errand-removed-{number}");
        number += 1;
        if to.symlink_metadata(&free).is_err() {
            from.rename(name, to, free)?;
            return Ok(number);
        }
    }
}

fn walk(
    dir: &Dir,
    at: &str,
    depth: usize,
    globs: &Globs,
    found: &mut Vec<Found>,
) -> io::Result<()> {
    for entry in dir.entries()? {
        let entry = entry?;
        // A name that is not UTF-8 can be neither globbed nor served.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            walk(&dir.open_dir_nofollow(&name)?, &path, depth - 1, globs, found)?;
        } else if kind.is_file() && globs.matches(&path) {
            found.push(Found { path, size_bytes: entry.metadata()?.size() });
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use super::*;
    use std::io::Read;

    fn workspaces() -> (tempfile::TempDir, Workspaces) {
        let root = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::open(&root.path().join("ws")).unwrap();
        (root, workspaces)
    }

    #[test]
    fn only_what_the_globs_name_is_found_and_links_are_not_followed() {
        let (_root, workspaces) = workspaces();
        let workspace = workspaces.create("a").unwrap();
        workspace.dir.create_dir_all("out/deep").unwrap();
        workspace.dir.write("out/deep/x.txt", "x").unwrap();
        workspace.dir.write("other.txt", "o").unwrap();
        workspace.dir.symlink("other.txt", "out/link.txt").unwrap();
        workspace.dir.symlink("..", "out/up").unwrap();
        let found = workspace.find(&Globs::new(&["out/**".into()]).unwrap()).unwrap();
        assert_eq!(found, [Found { path: "out/deep/x.txt".into(), size_bytes: 1 }]);
    }

    #[test]
    fn a_link_out_of_the_workspace_opens_nothing() {
        let (root, workspaces) = workspaces();
        std::fs::write(root.path().join("secret"), "secret").unwrap();
        let workspace = workspaces.create("a").unwrap();
        workspace.dir.symlink("../../secret", "leak").unwrap();
        workspace.dir.write("fine", "fine").unwrap();
        assert!(workspace.open_file("leak").is_err());
        assert!(workspace.open_file("../../secret").is_err());
        let mut text = String::new();
        workspace.open_file("fine").unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, "fine");
    }

    #[test]
    fn directories_nested_deeper_than_any_stack_are_removed() {
        let (root, workspaces) = workspaces();
        let workspace = workspaces.create("deep").unwrap();
        let mut dir = workspace.dir.try_clone().unwrap();
        for _ in 0..20_000 {
            dir.create_dir("d").unwrap();
            dir.write("f", "f").unwrap();
            dir = dir.open_dir("d").unwrap();
        }
        drop(workspace);
        assert_eq!(std::fs::read_dir(root.path().join("ws")).unwrap().count(), 0);
    }

    #[test]
    fn a_workspace_is_gone_when_dropped_and_leftovers_are_collected() {
        let (root, workspaces) = workspaces();
        drop(workspaces.create("a").unwrap());
        std::mem::forget(workspaces.create("b").unwrap());
        workspaces.collect_older_than(Duration::from_secs(3_600));
        assert_eq!(workspaces.collect_leftovers().unwrap(), 1, "it is too young to be left over");
        assert_eq!(std::fs::read_dir(root.path().join("ws")).unwrap().count(), 0);
    }
}
