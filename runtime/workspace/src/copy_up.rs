//! Files that a workspace shares: told apart from one another, and copied before they are changed.

use std::io::{self, Read};

use cap_std::fs::{Dir, MetadataExt, OpenOptions};
use rustix::fs::{AtFlags, Mode, statat};

use crate::base::open_dir;
use crate::root::Workspace;
use crate::scan::open_file;
use crate::{Located, Look, StopFlag};

/// How much is copied at a time before a file is changed.
pub(crate) const COPY_BYTES: u64 = 8 << 20;

impl Workspace {
    /// Takes a shared file for what it is in this workspace: one by itself, known by its directory and
    /// its name there. The path must be resolved.
    ///
    /// # Errors
    /// When there is no such directory.
    pub fn alone(&self, shared: Look, path: &str) -> io::Result<Look> {
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
        let mut last = self.directory.lock().unwrap_or_else(|poison| poison.into_inner());
        let inode = match &*last {
            Some((path, inode)) if path == parent => *inode,
            _ => {
                let found = statat(&self.dir, parent, AtFlags::SYMLINK_NOFOLLOW)?;
                last.insert((parent.to_owned(), found.st_ino)).1
            }
        };
        Ok(shared.alone(inode, name))
    }

    /// To be told when a directory was renamed or removed, so that its path may be another's.
    pub fn directories_changed(&self) {
        *self.directory.lock().unwrap_or_else(|poison| poison.into_inner()) = None;
    }

    /// Says where something that is open lies in the workspace, all links followed.
    ///
    /// # Errors
    /// When it lies elsewhere, has no name any more, or the system does not tell.
    pub fn path_of(&self, file: &std::fs::File) -> io::Result<String> {
        let root = match self.place.get() {
            Some(root) => root,
            None => {
                let root = place_of(&self.dir)?;
                self.place.get_or_init(|| root)
            }
        };
        let path = place_of(file)?;
        let inside = path.strip_prefix(root).and_then(|path| path.strip_prefix('/'));
        let inside = inside.map(str::to_owned);
        inside.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not in the workspace"))
    }

    /// Gives the workspace a file of its own where it shares one, with its content or empty.
    ///
    /// The path must be resolved: no link is followed on the way. Where the file system can, the copy
    /// shares its blocks.
    ///
    /// # Errors
    /// When the file can't be copied; it is as it was then.
    pub fn copy_up(&self, path: &str, with_content: bool) -> io::Result<()> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let copy = self.copy_of(open_dir(&self.dir, parent)?, name.to_owned())?;
        copy.make(with_content, &StopFlag::default())
    }

    /// Prepares to do the same to a file that was located in the workspace, which a path may not lead to.
    ///
    /// # Errors
    /// When a handle can't be duplicated.
    pub fn copy_up_at(&self, at: &Located) -> io::Result<CopyUp> {
        let (dir, name) = at.parts()?;
        self.copy_of(dir, name.to_owned())
    }

    fn copy_of(&self, dir: Dir, name: String) -> io::Result<CopyUp> {
        let aside = (self.parent.try_clone()?, format!("{}.copy", self.name));
        Ok(CopyUp { dir, name, aside })
    }
}

/// A file that a workspace is to have for its own.
#[derive(Debug)]
pub struct CopyUp {
    dir: Dir,
    name: String,
    /// Where it is made.
    aside: (Dir, String),
}

impl CopyUp {
    /// Copies it, with its content or empty.
    ///
    /// # Errors
    /// When it can't be copied, or is told to stop; it is as it was then.
    pub fn make(self, with_content: bool, stop: &StopFlag) -> io::Result<()> {
        let Self { dir, name, aside: (parent, aside) } = self;
        let (from, metadata) = open_file(&dir, &name)?;
        // As the standard library's: only between those it has the system copy, which may share blocks.
        let from = from.into_std();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let mut copy = parent.open_with(&aside, &options)?.into_std();
        let mut copied = || {
            while with_content && io::copy(&mut (&from).take(COPY_BYTES), &mut copy)? > 0 {
                if stop.check().is_err() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
            let mode = if metadata.mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            rustix::fs::fchmod(&copy, Mode::from_raw_mode(mode))?;
            parent.rename(&aside, &dir, &name)
        };
        let copied = copied();
        if copied.is_err() {
            let _ = parent.remove_file(&aside);
        }
        copied
    }
}

/// Where something that is open lies on the host.
fn place_of(file: impl std::os::fd::AsFd) -> io::Result<String> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let path = rustix::fs::readlinkat(rustix::fs::CWD, link, Vec::new())?;
    path.into_string().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}
