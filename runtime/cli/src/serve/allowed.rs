//! The directories that workspaces may start from, as the operator listed them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use errand_workspace::AllowedDirs;

use crate::data_dir::DataDir;
use crate::errors::{CommandError, Result};

/// Opens the listed directories. The data directory is there by now.
///
/// One that has to do with the data directory is refused: tokens and other tasks' files lie there.
pub(super) fn open(listed: &[PathBuf], data: &DataDir) -> Result<Arc<AllowedDirs>> {
    let own = real(data.path())?;
    for directory in listed {
        let path = real(directory)?;
        if own.starts_with(&path) || path.starts_with(&own) {
            return Err(CommandError::usage(format_args!(
                "`--allow-dir {}` and the data directory `{}` lie in one another",
                directory.display(),
                data.path().display()
            ))
            .hint("list a directory beside it: tokens and the files of tasks lie in that one"));
        }
    }
    let allowed = AllowedDirs::open(listed).map_err(|(path, error)| unusable(&path, &error))?;
    Ok(Arc::new(allowed))
}

/// Returns a directory's path with its links resolved.
pub(super) fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::usage(format_args!("use the directory `{}`: {error}", path.display()))
}
