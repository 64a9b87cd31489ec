//! What another task made of the same start, brought into a workspace; and what lies in one, written out.

use errand_core::{Change, Manifest, Node};

use crate::apply::{ApplyError, apply};
use crate::base::open_dir;
use crate::place::does_not_fit;
use crate::scan::{Entry, Kind, Scan, open_file};
use crate::{Base, Bounds, Contents, Look, Quota, StartError, Workspace};

impl Workspace {
    /// Makes changes to a workspace that nobody else uses yet and that is as they found it.
    ///
    /// Files that it shares stay as they are for the others. What it then holds is to be counted
    /// ([`count`]).
    ///
    /// # Errors
    /// When it is not as the changes found it, or a content can't be read.
    pub fn overlay(&self, changes: &[Change], contents: &dyn Contents) -> Result<(), StartError> {
        for Change { path, before, after } in changes {
            // A new content takes the place of the old one; another mode would be every sharer's.
            if let (Some(Node::File { blake3: old, .. }), Some(Node::File { blake3: new, .. })) =
                (before, after)
                && old == new
                && let Ok(file) = self.open_nofollow(path)
                && Look::of(&file)?.shared
            {
                self.copy_up(path, true)?;
            }
        }
        match apply(changes, contents, &self.dir, false) {
            Ok(_) => Ok(()),
            Err(ApplyError::Io { error, .. } | ApplyError::Content { error, .. }) => {
                Err(StartError::Io(error))
            }
            Err(error) => Err(StartError::Refused(error.to_string())),
        }
    }

    /// Opens a regular file of it by its path, of any length, following no link.
    ///
    /// # Errors
    /// When there is none.
    pub fn open_nofollow(&self, path: &str) -> std::io::Result<std::fs::File> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(open_file(&open_dir(&self.dir, parent)?, name)?.0.into_std())
    }

    /// Returns what a manifest of it names, to be written as an archive.
    ///
    /// # Errors
    /// When its handle can't be duplicated.
    pub fn listed(&self, manifest: &Manifest) -> std::io::Result<Scan> {
        let entry = |entry: &errand_core::Entry| Entry {
            path: entry.path.clone(),
            kind: match &entry.node {
                Node::Directory => Kind::Directory,
                Node::File { .. } => Kind::File,
                Node::Symlink { target } => Kind::Link { target: target.clone() },
            },
        };
        let entries = manifest.entries().iter().map(entry).collect();
        Ok(Scan::found(self.dir.try_clone()?, entries))
    }
}

/// Counts all that a manifest names, each name by itself.
///
/// # Errors
/// [`StartError::TooLarge`] where it does not fit.
pub fn count(manifest: &Manifest, quota: &Quota, bounds: &Bounds) -> Result<(), StartError> {
    for entry in manifest.entries() {
        bounds.stop.check()?;
        let size = match entry.node {
            Node::File { size_bytes, .. } => size_bytes,
            Node::Directory | Node::Symlink { .. } => 0,
        };
        let fits = quota.add_entry().and_then(|()| quota.resize(0, size));
        fits.map_err(|refused| does_not_fit(refused, &entry.path))?;
    }
    Ok(())
}

/// How a workspace was when its guest began.
#[derive(Debug, Clone)]
pub enum Began {
    /// As this base, of which it still shares what was not changed.
    Shared(std::sync::Arc<Base>),
    /// As this.
    Copied(Manifest),
    /// As this: what was made of this base, of which it still shares what is the same.
    Overlaid(std::sync::Arc<Base>, Manifest),
}

impl Began {
    /// Returns what was in it.
    pub fn manifest(&self) -> Manifest {
        match self {
            Self::Shared(base) => base.manifest(),
            Self::Copied(manifest) | Self::Overlaid(_, manifest) => manifest.clone(),
        }
    }

    /// Returns the base, where it was nothing else.
    pub fn base(&self) -> Option<&Base> {
        match self {
            Self::Shared(base) => Some(base),
            Self::Copied(_) | Self::Overlaid(..) => None,
        }
    }

    /// Returns the base that it has files of.
    pub fn shares(&self) -> Option<&Base> {
        match self {
            Self::Shared(base) | Self::Overlaid(base, _) => Some(base),
            Self::Copied(_) => None,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use std::collections::HashMap;
    use std::io::{self, Cursor, Read};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use errand_core::{Digest, Missing};

    use super::*;
    use crate::{Bases, LinksOut, StopFlag, Workspaces};

    struct Texts(HashMap<Digest, &'static str>);

    impl Contents for Texts {
        fn open(&self, blake3: &Digest) -> io::Result<Box<dyn Read + '_>> {
            let text = self.0.get(blake3).ok_or(io::ErrorKind::NotFound)?;
            Ok(Box::new(Cursor::new(text.as_bytes())))
        }
    }

    fn file(text: &str, executable: bool) -> Option<Node> {
        let blake3 = Digest::of(text.as_bytes());
        Some(Node::File { executable, size_bytes: text.len() as u64, blake3 })
    }

    #[test]
    fn what_is_brought_into_one_workspace_changes_no_other() {
        let root = tempfile::tempdir().unwrap();
        let path = |path: &str| root.path().join(path);
        let workspaces = Workspaces::open(&path("workspaces")).unwrap();
        let bases = Bases::open(&path("bases")).unwrap();
        let bounds = Bounds::of_bytes(1 << 20);
        let key = Digest::of(b"a start");
        let first = workspaces.create("first").unwrap();
        for (name, text) in [("a", "one"), ("b", "two"), ("c", "three")] {
            std::fs::write(path("workspaces/first").join(name), text).unwrap();
        }
        let adopted = bases.adopt(&first, key, LinksOut::Kept, Missing::default(), &bounds);
        let base = adopted.unwrap();
        let second = workspaces.create("second").unwrap();
        let quota = Quota::new(1 << 20, 100);
        bases.place(&base, &second, &quota, &bounds).unwrap();

        let change = |path: &str, before, after| Change { path: path.to_owned(), before, after };
        let changes = [
            change("a", file("one", false), file("one", true)),
            change("b", file("two", false), file("new", false)),
            change("c", file("three", false), None),
            change("d", None, Some(Node::Symlink { target: "a".into() })),
        ];
        let contents = Texts(HashMap::from([(Digest::of(b"new"), "new")]));
        second.overlay(&changes, &contents).unwrap();

        let stop = StopFlag::default();
        assert_eq!(first.manifest(Some(&base), &stop).unwrap(), base.manifest());
        assert_eq!(first.manifest(None, &stop).unwrap(), base.manifest(), "the same when read");
        let mode = |of: &str| std::fs::metadata(path(of)).unwrap().permissions().mode() & 0o111;
        assert_eq!((mode("workspaces/first/a"), mode("workspaces/second/a")), (0, 0o111));
        let inode = |of: &str| std::fs::metadata(path(of)).unwrap().ino();
        assert_ne!(inode("workspaces/first/a"), inode("workspaces/second/a"));
        let made = base.manifest().changes(&second.manifest(Some(&base), &stop).unwrap());
        assert_eq!(made, changes);
        assert!(second.overlay(&changes[..1], &contents).is_ok(), "it is so already");
        assert!(matches!(
            second.overlay(&[change("b", file("two", false), None)], &contents),
            Err(StartError::Refused(_))
        ));
    }
}
