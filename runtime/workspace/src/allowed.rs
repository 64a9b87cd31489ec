//! The directories of the host that workspaces may start from: those that the operator listed.

use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::StartError;

/// How many of them a message names.
const NAMED: usize = 5;

/// The listed directories, held open since they were listed.
#[derive(Debug, Default)]
pub struct AllowedDirs(Vec<Allowed>);

#[derive(Debug)]
struct Allowed {
    /// As it was listed, and as it is with its links resolved.
    names: [PathBuf; 2],
    dir: Dir,
}

impl AllowedDirs {
    /// Opens the directories that the operator listed.
    ///
    /// # Errors
    /// With the first that can't be opened.
    pub fn open(paths: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let open = |path: &PathBuf| {
            let real = path.canonicalize()?;
            let dir = Dir::open_ambient_dir(&real, ambient_authority())?;
            Ok(Allowed { names: [std::path::absolute(path)?, real], dir })
        };
        let all = paths.iter().map(|path| open(path).map_err(|error| (path.clone(), error)));
        all.collect::<Result<_, _>>().map(Self)
    }

    /// Opens a directory in one of them. No link on the way leads out of the listed one.
    ///
    /// # Errors
    /// [`StartError::Refused`] with what to do.
    pub fn directory(&self, path: &str) -> Result<Directory, StartError> {
        let asked = Path::new(path);
        if !asked.is_absolute() {
            return Err(StartError::refused("must be an absolute path of the server's machine"));
        }
        let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        if !asked.components().all(plain) {
            return Err(StartError::refused("must have no `..` in it"));
        }
        if self.0.is_empty() {
            return Err(StartError::refused(
                "this server lets no directory be used: its operator can list one with \
                 `--allow-dir DIR`; or upload a tar and use {\"from\": \"tar\"}",
            ));
        }
        let mut missing = None;
        for allowed in &self.0 {
            for name in &allowed.names {
                let Ok(inside) = asked.strip_prefix(name) else { continue };
                let at = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
                match allowed.dir.open_dir(at) {
                    Ok(dir) => return Ok(Directory(dir)),
                    Err(error) => missing = Some(error),
                }
            }
        }
        Err(match missing {
            Some(error) => StartError::Refused(format!("can't be opened as a directory: {error}")),
            None => {
                let listed = self.0.iter().take(NAMED).map(|one| one.names[0].display());
                let listed: Vec<String> = listed.map(|name| format!("`{name}`")).collect();
                StartError::Refused(format!(
                    "is not in a directory that the operator listed with `--allow-dir` ({}); \
                     or upload a tar and use {{\"from\": \"tar\"}}",
                    listed.join(", ")
                ))
            }
        })
    }
}

/// A directory of the host that a workspace may start from.
#[derive(Debug)]
pub struct Directory(pub(crate) Dir);

impl Directory {
    /// Opens a directory that whoever runs this process named.
    ///
    /// # Errors
    /// When it can't be opened as one.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Dir::open_ambient_dir(path, ambient_authority())?))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests {
    use super::*;

    fn refusal(allowed: &AllowedDirs, path: &Path) -> String {
        allowed.directory(path.to_str().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn only_what_lies_under_a_listed_directory_is_opened() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for dir in ["listed/sub", "listed-not/sub", "other"] {
            std::fs::create_dir_all(at(dir)).unwrap();
        }
        std::fs::write(at("listed/file"), "x").unwrap();
        let allowed = AllowedDirs::open(&[at("listed")]).unwrap();
        for fine in ["listed", "listed/sub", "listed/"] {
            allowed.directory(at(fine).to_str().unwrap()).unwrap();
        }
        for bad in ["listed-not/sub", "other", "listed/../other", "."] {
            let message = refusal(&allowed, &at(bad));
            assert!(message.contains("--allow-dir") || message.contains("`..`"), "{message}");
        }
        for bad in ["listed/missing", "listed/file"] {
            assert!(refusal(&allowed, &at(bad)).contains("can't be opened"), "{bad}");
        }
        assert!(refusal(&allowed, Path::new("sub")).contains("absolute"));
        let none = AllowedDirs::default();
        assert!(refusal(&none, &at("listed")).contains("--allow-dir"));
    }

    #[test]
    fn a_link_out_of_a_listed_directory_opens_nothing_and_one_to_it_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("listed/sub")).unwrap();
        std::fs::create_dir(at("secret")).unwrap();
        std::os::unix::fs::symlink("../secret", at("listed/out")).unwrap();
        std::os::unix::fs::symlink("sub", at("listed/in")).unwrap();
        std::os::unix::fs::symlink("listed", at("alias")).unwrap();
        let allowed = AllowedDirs::open(&[at("alias")]).unwrap();
        assert!(refusal(&allowed, &at("alias/out")).contains("can't be opened"));
        for fine in ["alias/in", "listed/in", "alias"] {
            allowed.directory(at(fine).to_str().unwrap()).unwrap();
        }
    }

    #[test]
    fn a_listed_directory_that_is_not_there_is_named() {
        let (path, _) = AllowedDirs::open(&["/nowhere/at/all".into()]).unwrap_err();
        assert_eq!(path, Path::new("/nowhere/at/all"));
    }
}
