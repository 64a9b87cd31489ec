//! What lies in a workspace, and what differs between two of them.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// All that lies in a workspace, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest {
    entries: Vec<Entry>,
}

/// One name in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative to the workspace, with `/` between its parts.
    pub path: String,
    /// What has this name.
    #[serde(flatten)]
    pub node: Node,
}

/// What can have a name in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Node {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Whether it can be executed; nothing else is known of its mode.
        executable: bool,
        /// Its size.
        size_bytes: u64,
        /// Of its content.
        blake3: Digest,
    },
    /// A symbolic link.
    Symlink {
        /// What it says, which may lead nowhere.
        target: String,
    },
}

/// What became of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the workspace, with `/` between its parts.
    pub path: String,
    /// What it was; nothing where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Node>,
    /// What it is; nothing where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Node>,
}

/// How a workspace got the files that it starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Whether they were shared or copied.
    pub method: Placing,
    /// Files, directories and links.
    pub files: u64,
    /// Bytes of files that are shared until the task changes them.
    pub shared_bytes: u64,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// What of it is not as a checkout would have it.
    #[serde(flatten)]
    pub missing: Missing,
}

/// What a repository only refers to. Some of it is named, where there is much.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Missing {
    /// Submodules, which are empty directories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub submodules: Vec<String>,
    /// Files that are pointers of git's large file storage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lfs_pointers: Vec<String>,
}

/// A way of placing files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placing {
    /// Each is shared with all workspaces that have the same, and copied before it is changed.
    Shared,
    /// Each was copied.
    Copied,
}

impl Manifest {
    /// Makes one of entries in any order. Of two with one path, one is kept.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        entries.dedup_by(|a, b| a.path == b.path);
        Self { entries }
    }

    /// Returns the entries, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns what has this path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        Some(&self.entries[at].node)
    }

    /// Returns what changes make of it.
    #[must_use]
    pub fn with(&self, changes: &[Change]) -> Self {
        let mut changes = changes.iter().peekable();
        let mut entries = Vec::with_capacity(self.entries.len());
        let put = |entries: &mut Vec<Entry>, change: &Change| {
            let node = change.after.clone();
            entries.extend(node.map(|node| Entry { path: change.path.clone(), node }));
        };
        for entry in &self.entries {
            while let Some(change) = changes.next_if(|change| change.path < entry.path) {
                put(&mut entries, change);
            }
            match changes.next_if(|change| change.path == entry.path) {
                Some(change) => put(&mut entries, change),
                None => entries.push(entry.clone()),
            }
        }
        changes.for_each(|change| put(&mut entries, change));
        Self { entries }
    }

    /// Returns what is otherwise in a later one, sorted by path.
    pub fn changes(&self, later: &Self) -> Vec<Change> {
        let (mut before, mut after) = (self.entries.iter(), later.entries.iter());
        let (mut old, mut new) = (before.next(), after.next());
        let mut changes = Vec::new();
        loop {
            let order = match (old, new) {
                (None, None) => return changes,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => old.path.cmp(&new.path),
            };
            let was = old.filter(|_| order.is_le());
            let is = new.filter(|_| order.is_ge());
            if order.is_le() {
                old = before.next();
            }
            if order.is_ge() {
                new = after.next();
            }
            let Some(Entry { path, .. }) = was.or(is) else { continue };
            let (before, after) = (was.map(|was| &was.node), is.map(|is| &is.node));
            if before != after {
                let (before, after) = (before.cloned(), after.cloned());
                changes.push(Change { path: path.clone(), before, after });
            }
        }
    }
}

impl Node {
    /// Returns the mode as git writes it; nothing for a directory, which git does not know.
    pub fn git_mode(&self) -> Option<&'static str> {
        match self {
            Self::Directory => None,
            Self::File { executable: false, .. } => Some("100644"),
            Self::File { executable: true, .. } => Some("100755"),
            Self::Symlink { .. } => Some("120000"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(content: u8) -> Node {
        Node::File { executable: false, size_bytes: 1, blake3: Digest::of(&[content]) }
    }

    fn manifest(entries: &[(&str, Node)]) -> Manifest {
        let entry =
            |(path, node): &(&str, Node)| Entry { path: (*path).into(), node: node.clone() };
        Manifest::new(entries.iter().map(entry).collect())
    }

    #[test]
    fn what_is_new_other_or_gone_is_a_change() {
        let start = manifest(&[("b", file(1)), ("a", file(1)), ("d", Node::Directory)]);
        let end = manifest(&[("a", file(1)), ("b", file(2)), ("c", file(3))]);
        let changes = start.changes(&end);
        let told: Vec<_> =
            changes.iter().map(|c| (&*c.path, c.before.clone(), c.after.clone())).collect();
        assert_eq!(
            told,
            [
                ("b", Some(file(1)), Some(file(2))),
                ("c", None, Some(file(3))),
                ("d", Some(Node::Directory), None),
            ]
        );
        assert_eq!(end.get("c"), Some(&file(3)));
        assert_eq!(end.get("d"), None);
    }

    proptest! {
        #[test]
        fn changes_lead_from_one_to_the_other(
            start in prop::collection::btree_map("[abc]{1,3}", 0u8..3, 0..9),
            end in prop::collection::btree_map("[abc]{1,3}", 0u8..3, 0..9),
        ) {
            let made = |of: &std::collections::BTreeMap<String, u8>| {
                Manifest::new(
                    of.iter()
                        .map(|(path, n)| Entry { path: path.clone(), node: file(*n) })
                        .collect(),
                )
            };
            let (from, to) = (made(&start), made(&end));
            let mut applied = start.clone();
            for change in from.changes(&to) {
                prop_assert_ne!(&change.before, &change.after);
                prop_assert_eq!(change.before.as_ref(), from.get(&change.path));
                prop_assert_eq!(change.after.as_ref(), to.get(&change.path));
                match end.get(&change.path) {
                    Some(n) => drop(applied.insert(change.path, *n)),
                    None => drop(applied.remove(&change.path)),
                }
            }
            prop_assert_eq!(applied, end);
            prop_assert_eq!(from.with(&from.changes(&to)), to);
        }
    }
}
