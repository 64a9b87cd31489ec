//! What was changed in a workspace, with the contents that it left there, and bringing it back to where the
//! workspace started from.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use errand_core::{Change, ChangeCounts, Digest, Manifest, Node};

use crate::allowed::Directory;
use crate::apply::{ApplyError, apply, check};
use crate::diff::{Contents, write_diff};
use crate::scan::open_file;
use crate::start::shown;
use crate::{StartError, StopFlag, Workspace};

/// What was changed, and the workspace that has it.
#[derive(Debug)]
pub struct Changed {
    changes: Vec<Change>,
    workspace: Workspace,
}

impl Changed {
    /// Finds what was changed since the workspace was as it started.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn since(start: &Manifest, workspace: Workspace) -> Result<Self, StartError> {
        let changes = start.changes(&workspace.manifest(None, &StopFlag::default())?);
        Ok(Self { changes, workspace })
    }

    /// Takes changes that are known, and a workspace that has what they leave.
    ///
    /// # Errors
    /// [`StartError::Refused`] with the first file or link that is another one there, or none.
    pub fn new(changes: Vec<Change>, workspace: Workspace) -> Result<Self, StartError> {
        let there = workspace.manifest(None, &StopFlag::default())?;
        for Change { path, after, .. } in &changes {
            let left = after.as_ref().filter(|node| node.git_mode().is_some());
            if left.is_some() && there.get(path) != left {
                let path = shown(path);
                return Err(StartError::Refused(format!("`{path}` is not what it should be")));
            }
        }
        Ok(Self { changes, workspace })
    }

    /// Returns what was changed, sorted by path.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Forgets the changes of paths that are not to be brought anywhere.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.changes.retain(|change| keep(&change.path));
    }

    /// Writes it as a patch that git applies.
    ///
    /// # Errors
    /// [`ApplyError::Moved`] where the directory is not what the workspace started as any more, before
    /// anything is written; others where something can't be read or written.
    pub fn write_diff(&self, source: &Directory, out: &mut dyn Write) -> Result<(), ApplyError> {
        let moved = check(&self.changes, &source.0)?;
        if !moved.is_empty() {
            return Err(ApplyError::Moved(moved));
        }
        let contents = Both { before: Some(source), after: &self.workspace, paths: self.paths() };
        write_diff(&self.changes, &contents, out)
            .map_err(|error| ApplyError::Io { path: String::new(), error })
    }

    /// Makes the same changes to the directory; forced, in place of what has moved there.
    ///
    /// # Errors
    /// As [`apply`].
    pub fn apply(&self, source: &Directory, force: bool) -> Result<ChangeCounts, ApplyError> {
        apply(&self.changes, &self.contents(), &source.0, force)
    }

    /// Returns the contents of the files that the changes leave.
    pub fn contents(&self) -> impl Contents + '_ {
        Both { before: None, after: &self.workspace, paths: self.paths() }
    }

    /// Where each content lies: in the workspace, or else in the directory.
    fn paths(&self) -> HashMap<Digest, (Side, &str)> {
        let mut paths = HashMap::new();
        let mut add = |side, path, node: Option<&Node>| {
            if let Some(Node::File { blake3, .. }) = node {
                paths.entry(*blake3).or_insert((side, path));
            }
        };
        for Change { path, after, .. } in &self.changes {
            add(Side::After, path.as_str(), after.as_ref());
        }
        for Change { path, before, .. } in &self.changes {
            add(Side::Before, path.as_str(), before.as_ref());
        }
        paths
    }
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

struct Both<'a> {
    before: Option<&'a Directory>,
    after: &'a Workspace,
    paths: HashMap<Digest, (Side, &'a str)>,
}

impl Contents for Both<'_> {
    fn open(&self, blake3: &Digest) -> io::Result<Box<dyn Read + '_>> {
        match (self.paths.get(blake3), self.before) {
            (Some((Side::After, path)), _) => Ok(Box::new(self.after.open_nofollow(path)?)),
            (Some((Side::Before, path)), Some(source)) => {
                Ok(Box::new(open_file(&source.0, path)?.0))
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use super::*;
    use crate::{Bounds, Quota, Scan, Workspaces};

    struct Copied {
        root: tempfile::TempDir,
        changed: Changed,
    }

    impl Copied {
        /// Copies a directory, changes the copy, and finds what was changed.
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let path = |path: &str| root.path().join(path);
            std::fs::create_dir_all(path("source/d")).unwrap();
            for (name, text) in [("a", "one\n"), ("d/b", "two\n"), ("same", "one\n"), ("z", "z\n")]
            {
                std::fs::write(path("source").join(name), text).unwrap();
            }
            let workspaces = Workspaces::open(&path("workspaces")).unwrap();
            let workspace = workspaces.create("w").unwrap();
            let bounds = Bounds::of_bytes(1 << 20);
            let scan = Scan::of(Directory::open(&path("source")).unwrap(), &bounds).unwrap();
            scan.copy_to(&workspace, &Quota::new(1 << 20, 100), &bounds).unwrap();
            let start = workspace.manifest(None, &bounds.stop).unwrap();
            std::fs::write(path("workspaces/w/a"), "ONE\n").unwrap();
            std::fs::remove_file(path("workspaces/w/d/b")).unwrap();
            std::fs::write(path("workspaces/w/new"), "two\n").unwrap();
            std::fs::rename(path("workspaces/w/z"), path("workspaces/w/Z")).unwrap();
            Self { changed: Changed::since(&start, workspace).unwrap(), root }
        }

        fn source(&self) -> Directory {
            Directory::open(&self.root.path().join("source")).unwrap()
        }

        fn text(&self, path: &str) -> Option<String> {
            std::fs::read_to_string(self.root.path().join("source").join(path)).ok()
        }
    }

    #[test]
    fn changes_are_shown_and_brought_back() {
        let copied = Copied::new();
        let mut diff = Vec::new();
        copied.changed.write_diff(&copied.source(), &mut diff).unwrap();
        let diff = String::from_utf8(diff).unwrap();
        assert!(diff.contains("-one\n+ONE\n") && diff.contains("rename to new"), "{diff}");
        let applied = copied.changed.apply(&copied.source(), false).unwrap();
        assert_eq!((applied.added, applied.modified, applied.deleted), (2, 1, 2));
        let texts = ["a", "d/b", "new", "same", "Z", "z"].map(|path| copied.text(path));
        let [one, two, same, z] =
            ["ONE\n", "two\n", "one\n", "z\n"].map(|text| Some(text.to_owned()));
        assert_eq!(texts, [one, None, two, same, z, None]);
    }

    #[test]
    fn nothing_is_shown_or_brought_back_where_the_directory_has_moved() {
        let copied = Copied::new();
        std::fs::write(copied.root.path().join("source/a"), "meanwhile\n").unwrap();
        let mut diff = Vec::new();
        let shown = copied.changed.write_diff(&copied.source(), &mut diff);
        assert!(matches!(shown, Err(ApplyError::Moved(moved)) if moved[0].path == "a"));
        assert!(diff.is_empty());
        let applied = copied.changed.apply(&copied.source(), false);
        assert!(matches!(applied, Err(ApplyError::Moved(_))));
        assert_eq!(copied.text("d/b").as_deref(), Some("two\n"));
        assert_eq!(copied.text("new"), None);
    }

    #[test]
    fn changes_are_those_of_a_workspace_or_refused() {
        let copied = Copied::new();
        let known = copied.changed.changes().to_vec();
        let unpacked = |name: &str, new: &str| {
            let workspaces = Workspaces::open(&copied.root.path().join("unpacked")).unwrap();
            let workspace = workspaces.create(name).unwrap();
            for (path, text) in [("a", "ONE\n"), ("new", new), ("Z", "z\n")] {
                workspace.write_file(path, text.as_bytes()).unwrap();
            }
            Changed::new(known.clone(), workspace)
        };
        let refused = unpacked("x", "twO\n").unwrap_err();
        assert!(refused.to_string().contains("`new`"), "{refused}");
        let mut changed = unpacked("y", "two\n").unwrap();
        changed.retain(|path| path != "Z" && path != "z");
        std::fs::write(copied.root.path().join("source/a"), "meanwhile\n").unwrap();
        assert!(matches!(changed.apply(&copied.source(), false), Err(ApplyError::Moved(_))));
        let applied = changed.apply(&copied.source(), true).unwrap();
        assert_eq!((applied.added, applied.modified, applied.deleted), (1, 1, 1));
        let texts = ["a", "d/b", "new", "z"].map(|path| copied.text(path));
        assert_eq!(
            texts,
            [Some("ONE\n"), None, Some("two\n"), Some("z\n")].map(|it| it.map(Into::into))
        );
    }
}
