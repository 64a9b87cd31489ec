//! What a path under a directory, or an open file, is on the host.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_primitives::fs::{FollowSymlinks, Metadata, MetadataExt, OpenOptions};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, openat2};

use crate::FileId;

/// The device of files that are known by their names; no file system has this number.
const SHARED: u64 = u64::MAX;

/// Opens what a path names, only to say where it is. It is resolved under the directory.
///
/// # Errors
/// When it names nothing, or leads out.
pub fn locate(dir: &File, path: &str, follow: bool) -> io::Result<File> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow);
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match openat2(dir, path, flags, Mode::empty(), beneath) {
        Ok(file) => Ok(file.into()),
        // Some sandboxes and old kernels don't have the call.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            let mut options = OpenOptions::new();
            cap_primitives::fs::open(
                dir,
                Path::new(path),
                options.read(true)._cap_fs_ext_follow(following(follow)),
            )
        }
        Err(error) => Err(error.into()),
    }
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
