//! Names in an archive, as paths in a workspace.

use crate::StartError;
use crate::start::{MAX_DEPTH, shown};

/// What a file system takes for one name.
const MAX_NAME_BYTES: usize = 255;
/// What a system call takes for a path, with room for where the workspace lies.
const MAX_PATH_BYTES: usize = 3_072;

/// Returns the path that a name means inside the workspace; nothing where that is the workspace itself.
///
/// # Errors
/// When it is absolute, has a `..`, or is longer or deeper than a path may be.
pub(super) fn inside(name: &str) -> Result<Option<String>, StartError> {
    let refused =
        |what: &str| StartError::Refused(format!("the archive: the name `{}` {what}", shown(name)));
    if name.starts_with('/') {
        return Err(refused("is absolute"));
    }
    let mut path = String::with_capacity(name.len());
    let mut depth = 0;
    for part in name.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            return Err(refused("leads out of the workspace"));
        }
        if part.len() > MAX_NAME_BYTES || part.contains('\0') {
            return Err(refused("has a part that no file can be called"));
        }
        depth += 1;
        if depth > MAX_DEPTH {
            return Err(refused("is nested too deep"));
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(refused("is too long"));
    }
    Ok(Some(path).filter(|path| !path.is_empty()))
}

/// Returns the directories that a path lies in, the outermost first.
pub(super) fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths_inside_or_are_refused() {
        assert_eq!(inside("./a//b/./c/").unwrap().as_deref(), Some("a/b/c"));
        assert_eq!(inside("./").unwrap(), None);
        let (long, deep) = ("n".repeat(256), "d/".repeat(65));
        let endless = ["n".repeat(200).as_str(); 16].join("/");
        for bad in ["/a", "..", "a/../b", "a/..", "//a", &long, &deep, &endless, "a\0b"] {
            assert!(inside(bad).is_err(), "{}", shown(bad));
        }
    }

    #[test]
    fn a_path_lies_in_all_directories_on_its_way() {
        assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(parents("a").count(), 0);
    }
}
