//! The files that a person names on the command line: the only module that opens them.

#![expect(clippy::disallowed_methods, reason = "it owns the files that a person names")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::errors::{CommandError, Result};

/// Reads a file as text.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

/// Reads a file.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| unreadable(path, &error))
}

/// Opens a file to read it.
pub(crate) fn open(path: &Path) -> Result<File> {
    let open = || {
        let file = File::open(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"))
        }
    };
    open().map_err(|error| unreadable(path, &error))
}

/// Lists the files of a directory, by name.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let listed: io::Result<Vec<PathBuf>> = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut listed = listed.map_err(|error| unreadable(directory, &error))?;
    listed.sort();
    Ok(listed)
}

/// Reads standard input as text.
pub(crate) fn read_stdin() -> Result<String> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| CommandError::usage(format_args!("read standard input: {error}")))?;
    Ok(text)
}

/// Writes all that a reader gives to a file, replacing it; returns the number of bytes.
pub(crate) fn write_from(path: &Path, reader: &mut dyn Read) -> Result<u64> {
    let mut file = File::create(path).map_err(|error| {
        CommandError::usage(format_args!("write `{}`: {error}", path.display()))
    })?;
    let copied = io::copy(reader, &mut file).map_err(|error| {
        anyhow::Error::from(error).context(format!("write `{}`", path.display()))
    })?;
    Ok(copied)
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::usage(format_args!("read `{}`: {error}", path.display()))
}
