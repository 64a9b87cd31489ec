//! Which paths may be changed, and what lies above them.

use std::collections::BTreeMap;

use errand_core::{Change, Node};

use super::ApplyError;

/// What a file system takes for one name.
const MAX_NAME_BYTES: usize = 255;
/// What a system call takes for a path, with room for where the directory lies.
pub const MAX_PATH_BYTES: usize = 3_072;

/// Changes by their paths, parents before what lies in them. All paths lead to inside the directory.
pub(super) struct ByPath<'a>(BTreeMap<&'a str, &'a Change>);

impl<'a> ByPath<'a> {
    /// Refuses what could be meant for another place, or for two things at once.
    pub(super) fn of(changes: &'a [Change]) -> Result<Self, ApplyError> {
        let mut by_path = BTreeMap::new();
        for change in changes {
            let refused = |what| Err(ApplyError::Refused { path: change.path.clone(), what });
            if let Some(what) = fault(&change.path) {
                return refused(what);
            }
            if by_path.insert(change.path.as_str(), change).is_some() {
                return refused("is changed twice");
            }
        }
        for (path, change) in &by_path {
            let no_directory = |parent| {
                by_path.get(parent).is_some_and(|parent| parent.after != Some(Node::Directory))
            };
            if change.after.is_some() && parents(path).any(no_directory) {
                let what = "would lie under what is then no directory";
                return Err(ApplyError::Refused { path: (*path).to_owned(), what });
            }
        }
        Ok(Self(by_path))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a Change> {
        self.0.values().copied()
    }

    pub(super) fn get(&self, path: &str) -> Option<&'a Change> {
        self.0.get(path).copied()
    }
}

/// Returns the directories that a path lies in, the outermost first.
pub(super) fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Returns the directory that a path lies in, empty for the outermost, and its name there.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn fault(path: &str) -> Option<&'static str> {
    if path.starts_with('/') {
        return Some("is absolute");
    }
    if path.len() > MAX_PATH_BYTES {
        return Some("is too long");
    }
    path.split('/').find_map(|part| match part {
        "" | "." => Some("has a part without a name"),
        ".." => Some("leads out of the directory"),
        _ if part.eq_ignore_ascii_case(".git") => Some("is git's own"),
        _ if part.len() > MAX_NAME_BYTES || part.contains('\0') => {
            Some("has a part that no file can be called")
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, after: Option<Node>) -> Change {
        Change { path: path.into(), before: None, after }
    }

    #[test]
    fn paths_that_lead_elsewhere_or_to_git_are_refused() {
        let (long, endless) = ("n".repeat(256), "d/".repeat(2_000) + "x");
        for path in [
            "",
            "/a",
            "a//b",
            "a/",
            "./a",
            "..",
            "a/../b",
            ".git",
            "a/.GIT/hooks/x",
            ".Git/config",
            "a\0",
            &long,
            &endless,
        ] {
            let changes = [change(path, None)];
            assert!(matches!(ByPath::of(&changes), Err(ApplyError::Refused { .. })), "{path}");
        }
        assert!(ByPath::of(&[change(".gitignore", None), change("a/..b/c.git", None)]).is_ok());
    }

    #[test]
    fn changes_that_contradict_each_other_are_refused() {
        let link = || Some(Node::Symlink { target: "/tmp".into() });
        assert!(ByPath::of(&[change("a", link()), change("a", None)]).is_err());
        assert!(ByPath::of(&[change("a/b/c", link()), change("a", link())]).is_err());
        assert!(ByPath::of(&[change("a/b/c", link()), change("a", None)]).is_err());
        assert!(ByPath::of(&[change("a/b", None), change("a", link())]).is_ok());
        assert!(ByPath::of(&[change("a/b", link()), change("a", Some(Node::Directory))]).is_ok());
    }
}
