//! Names that come from a repository, or are asked of one, as paths in a workspace.

use crate::StartError;
use crate::start::{MAX_DEPTH, shown};

/// What a file system takes for one name.
const MAX_NAME_BYTES: usize = 255;
/// What a system call takes for a path, with room for where the workspace lies.
pub(super) const MAX_PATH_BYTES: usize = 3_072;
/// They are arguments of a command, which has room for so many of the longest.
const MAX_SPARSE: usize = 500;
/// Bytes of all of them together, for the same reason.
const MAX_SPARSE_BYTES: usize = 512 << 10;

/// The parts of a repository that are wanted: directories with all in them, and files. All of it where
/// none is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SparsePaths(Vec<String>);

impl SparsePaths {
    /// Checks paths, which are relative to the top of the repository. They are no patterns.
    ///
    /// # Errors
    /// [`StartError::Refused`] with the first that is not such a path.
    pub fn new(paths: &[String]) -> Result<Self, StartError> {
        if paths.len() > MAX_SPARSE
            || paths.iter().map(String::len).sum::<usize>() > MAX_SPARSE_BYTES
        {
            return Err(StartError::Refused(format!(
                "at most {MAX_SPARSE} paths of {MAX_SPARSE_BYTES} bytes together can be named"
            )));
        }
        let plain = |path: &String| {
            let trimmed = path.strip_suffix('/').unwrap_or(path);
            let why = match why_no_path(trimmed) {
                Some(why) => why,
                None if path.starts_with('-') => "begins with `-`",
                None if path.chars().any(char::is_control) => "has a control character in it",
                None => return Ok(trimmed.to_owned()),
            };
            Err(StartError::Refused(format!("the path `{}` {why}", shown(path))))
        };
        paths.iter().map(plain).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the paths, without `/` at their ends.
    pub fn paths(&self) -> &[String] {
        &self.0
    }
}

/// Says why a text is no path inside a workspace; nothing where it is one.
pub(super) fn why_no_path(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("is empty");
    }
    if path.starts_with('/') {
        return Some("is absolute");
    }
    if path.len() > MAX_PATH_BYTES {
        return Some("is too long");
    }
    for (depth, part) in path.split('/').enumerate() {
        match part {
            "" | "." => return Some("has an empty part, or one that is `.`"),
            ".." => return Some("has a `..` in it"),
            _ if part.eq_ignore_ascii_case(".git") => {
                return Some("has a `.git` in it, which is git's own");
            }
            _ if part.len() > MAX_NAME_BYTES || part.contains('\0') => {
                return Some("has a part that no file can be called");
            }
            // The last part is a name in the deepest directory.
            _ if depth > MAX_DEPTH => return Some("is nested too deep"),
            _ => {}
        }
    }
    None
}

/// Returns the directories that a path lies in, the outermost first.
pub(super) fn parents(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Says why a text can't be asked of git as a name of a commit; nothing where it can.
pub(super) fn why_no_reference(reference: &str) -> Option<&'static str> {
    /// Longer than any ref can be.
    const MAX_BYTES: usize = 1_024;
    if reference.is_empty() {
        return Some("is empty");
    }
    if reference.len() > MAX_BYTES {
        return Some("is too long");
    }
    if reference.starts_with('-') {
        return Some("begins with `-`");
    }
    if reference.chars().any(char::is_control) {
        return Some("has a control character in it");
    }
    if reference.contains("..") || reference.starts_with('^') {
        return Some("names a range of commits, not one");
    }
    if reference.contains(':') {
        return Some("names a file or a search, not a commit");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_paths_are_plain_or_refused() {
        let paths = ["src/".to_owned(), "a b/ü.txt".to_owned(), "x*".to_owned()];
        assert_eq!(SparsePaths::new(&paths).unwrap().paths(), ["src", "a b/ü.txt", "x*"]);
        let deep = "d/".repeat(66);
        for bad in ["", "/a", "..", "a/../b", "a//b", "./a", "-x", "a\nb", "a/.Git/x", &deep, "/"] {
            assert!(SparsePaths::new(&[bad.to_owned()]).is_err(), "{bad:?}");
        }
        assert!(SparsePaths::new(&vec!["a".to_owned(); MAX_SPARSE + 1]).is_err());
    }
}
