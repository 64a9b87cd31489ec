//! What lies at a path now, seen through handles that follow no link.

use std::io::{self, Read};

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, Metadata, MetadataExt};
use errand_core::{Change, Digest, Node};

use super::paths::parents;
use crate::scan::open_file;

/// How much of a file is held in memory.
const READ_BYTES: usize = 64 << 10;

/// Where a path leads that should be a directory.
pub(super) enum Walked {
    There(Dir),
    Missing,
    /// To or by way of something that is no directory.
    Blocked {
        by: String,
        is_link: bool,
    },
}

/// Goes to a directory, by its path from another.
///
/// Beneath a mount point it fails: what is staged in the one can't be moved there.
pub(super) fn walk(onto: &Dir, path: &str) -> io::Result<Walked> {
    let mut dir = onto.try_clone()?;
    if path.is_empty() {
        return Ok(Walked::There(dir));
    }
    let device = onto.dir_metadata()?.dev();
    for (at, name) in parents(path).chain([path]).zip(path.split('/')) {
        let Some(metadata) = metadata(&dir, name)? else { return Ok(Walked::Missing) };
        if !metadata.is_dir() {
            return Ok(Walked::Blocked { by: at.to_owned(), is_link: metadata.is_symlink() });
        }
        dir = dir.open_dir_nofollow(name)?;
        if dir.dir_metadata()?.dev() != device {
            let message = format!("`{at}` is on another file system");
            return Err(io::Error::new(io::ErrorKind::CrossesDevices, message));
        }
    }
    Ok(Walked::There(dir))
}

/// What a path stands for.
pub(super) enum Now {
    Nothing,
    Known(Node),
    /// A file with another content than both that were asked about, or what changes can't say.
    Other,
}

impl Now {
    pub(super) fn is(&self, node: &Option<Node>) -> bool {
        match (self, node) {
            (Self::Nothing, None) => true,
            (Self::Known(now), Some(node)) => now == node,
            _ => false,
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Known(Node::Directory))
    }
}

/// Looks at a name, and returns the mode of what it stands for if that is a file.
///
/// A file is read only if it may be what it was before the change or is after it.
pub(super) fn look(dir: &Dir, name: &str, change: &Change) -> io::Result<(Now, Option<u32>)> {
    let Some(metadata) = metadata(dir, name)? else { return Ok((Now::Nothing, None)) };
    if metadata.is_dir() {
        return Ok((Now::Known(Node::Directory), None));
    }
    if metadata.is_symlink() {
        let target = dir.read_link_contents(name)?.into_os_string().into_string();
        let link = |target| Now::Known(Node::Symlink { target });
        return Ok((target.map_or(Now::Other, link), None));
    }
    if !metadata.is_file() {
        return Ok((Now::Other, None));
    }
    let has_its_size = |node: &Option<Node>| match node {
        Some(Node::File { size_bytes, .. }) => *size_bytes == metadata.size(),
        _ => false,
    };
    if !has_its_size(&change.before) && !has_its_size(&change.after) {
        return Ok((Now::Other, Some(metadata.mode())));
    }
    let (file, metadata) = open_file(dir, name)?;
    let executable = metadata.mode() & 0o111 != 0;
    let (size_bytes, blake3) = digest(file)?;
    Ok((Now::Known(Node::File { executable, size_bytes, blake3 }), Some(metadata.mode())))
}

/// Returns what is known of a name without opening it; nothing where it stands for nothing.
pub(super) fn metadata(dir: &Dir, name: &str) -> io::Result<Option<Metadata>> {
    match dir.symlink_metadata(name) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn digest(mut file: impl Read) -> io::Result<(u64, Digest)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.count(), hasher.finalize().into())),
            Ok(read) => drop(hasher.update(&buffer[..read])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
