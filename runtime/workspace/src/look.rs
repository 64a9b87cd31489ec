//! What a path under a directory, or an open file, is on the host.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_primitives::fs::{FollowSymlinks, Metadata, MetadataExt};
use cap_std::fs::Dir;
use rustix::fs::{FileType, readlinkat};
use rustix::io::Errno;

use crate::FileId;

/// The device of files that are known by their names; no file system has this number.
const SHARED: u64 = u64::MAX;

/// Links that are followed one after the other, as many as the system follows.
const MAX_LINKS: usize = 40;

/// Where something lies: in which directory, and under which name there.
///
/// No path leads back to it: a guest can nest directories deeper than any path is long.
#[derive(Debug)]
pub struct Located {
    directory: File,
    name: String,
}

impl Located {
    /// Takes what is shared for what it is here: one file by itself.
    ///
    /// # Errors
    /// When the system does not tell which directory it is.
    pub fn alone(&self, shared: Look) -> io::Result<Look> {
        Ok(shared.alone(Metadata::from_file(&self.directory)?.ino(), &self.name))
    }

    pub(crate) fn parts(&self) -> io::Result<(Dir, &str)> {
        Ok((Dir::from_std_file(self.directory.try_clone()?), &self.name))
    }
}

/// Says where what a path names lies. It is resolved under the directory.
///
/// # Errors
/// When its directory is not there, or it leads out.
pub fn locate(dir: &File, path: &str, follow: bool) -> io::Result<Located> {
    let mut path = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", &path));
        if path.starts_with('/') || matches!(name, "" | "." | "..") {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let directory = cap_primitives::fs::open_dir(dir, Path::new(parent))?;
        let target = match follow {
            true => readlinkat(&directory, name, Vec::new()),
            false => Err(Errno::INVAL),
        };
        path = match target {
            Err(Errno::INVAL) => return Ok(Located { directory, name: name.to_owned() }),
            Err(error) => return Err(error.into()),
            Ok(target) => match target.to_str() {
                Ok(target) if !target.starts_with('/') => format!("{parent}/{target}"),
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            },
        };
    }
    Err(Errno::LOOP.into())
}

fn following(follow: bool) -> FollowSymlinks {
    if follow { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// What is known of something without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Which it is.
    pub file: FileId,
    /// Its type.
    pub kind: FileType,
    /// How many names it has.
    pub links: u64,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Whether it is a file that other workspaces have too, and must not be changed.
    pub shared: bool,
}

impl Look {
    /// Looks at what a path names. It is resolved under the directory: nothing outside is ever looked at.
    ///
    /// # Errors
    /// When it names nothing, or leads out.
    pub fn at(dir: &File, path: &str, follow: bool) -> io::Result<Self> {
        let found = cap_primitives::fs::stat(dir, Path::new(path), following(follow));
        Ok(Self::of_metadata(&found?))
    }

    /// Looks at what is open.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self::of_metadata(&Metadata::from_file(file)?))
    }

    /// Takes what is shared for one file by itself, known by its directory and its name there.
    pub(crate) fn alone(self, directory: u64, name: &str) -> Self {
        let digest = errand_core::Digest::of(format!("{directory}/{name}").as_bytes());
        let inode = u64::from_le_bytes(*digest.as_bytes().first_chunk().unwrap_or(&[0; 8]));
        Self { file: FileId { device: SHARED, inode }, links: 1, ..self }
    }

    fn of_metadata(metadata: &Metadata) -> Self {
        Self {
            file: FileId { device: metadata.dev(), inode: metadata.ino() },
            kind: FileType::from_raw_mode(metadata.mode()),
            links: metadata.nlink(),
            size_bytes: metadata.size(),
            shared: metadata.mode() & 0o222 == 0 && metadata.is_file(),
        }
    }

    /// Tells whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    /// Tells whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == FileType::Directory
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn links_are_followed_to_the_directory_that_the_last_one_leads_to() {
        let root = tempfile::tempdir().unwrap();
        let path = |path: &str| root.path().join(path);
        std::fs::create_dir_all(path("d/e")).unwrap();
        std::fs::write(path("d/file"), "").unwrap();
        symlink("d/e", path("to-e")).unwrap();
        symlink("../file", path("d/e/up")).unwrap();
        symlink("to-e/up", path("first")).unwrap();
        symlink("loop", path("loop")).unwrap();
        symlink("/etc/passwd", path("absolute")).unwrap();
        symlink("../../etc/passwd", path("d/out")).unwrap();
        let dir = File::open(root.path()).unwrap();
        let found = |name: &str, follow| {
            let located = locate(&dir, name, follow)?;
            let inode = located.directory.metadata()?.ino();
            Ok::<_, io::Error>((inode, located.name))
        };
        let (top, d, e) = (path(""), path("d"), path("d/e"));
        let [top, d, e] = [top, d, e].map(|path| path.metadata().unwrap().ino());
        for (name, follow, directory, last) in [
            ("d/file", true, d, "file"),
            ("to-e/up", true, d, "file"),
            ("first", true, d, "file"),
            ("first", false, top, "first"),
            ("to-e/up", false, e, "up"),
            ("to-e/../e/up", true, d, "file"),
            ("absolute", false, top, "absolute"),
        ] {
            assert_eq!(found(name, follow).unwrap(), (directory, last.to_owned()), "{name}");
        }
        for name in ["loop", "absolute", "d/out", "/etc/passwd", "../x", "", ".", "d/..", "d/"] {
            assert!(found(name, true).is_err(), "{name}");
        }
    }
}
