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

/// Tells whether nothing is there, or a directory with nothing in it.
pub(crate) fn is_vacant(path: &Path) -> Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Makes a directory with those that it lies in, where they are not there.
pub(crate) fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| unwritable(path, &error))
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

/// A file that is there only once it is whole.
pub(crate) struct NewFile {
    unfinished: tempfile::NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file where none is, for its owner alone.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(directory);
        let unfinished = unfinished.map_err(|error| unwritable(path, &error))?;
        Ok(Self { unfinished, path: path.to_owned() })
    }

    /// Returns what writes to it.
    pub(crate) fn writer(&self) -> Result<Box<dyn io::Write + Send>> {
        let file = self.unfinished.reopen().map_err(|error| unwritable(&self.path, &error))?;
        Ok(Box::new(io::BufWriter::new(file)))
    }

    /// Waits until the disk has it and gives it its name; returns its size in bytes.
    pub(crate) fn keep(self) -> Result<u64> {
        let Self { unfinished, path } = self;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&path),
            _ => unwritable(&path, &error),
        };
        unfinished.as_file().sync_all().map_err(failed)?;
        let file = unfinished.persist_noclobber(&path).map_err(|error| failed(error.error))?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))
            .and_then(|directory| directory.sync_all())
            .map_err(failed)?;
        Ok(file.metadata().map_err(failed)?.len())
    }
}

fn exists(path: &Path) -> CommandError {
    CommandError::refused(format_args!("`{}` is there already", path.display()))
        .hint("it is not replaced; name another file")
}

fn unwritable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::usage(format_args!("write `{}`: {error}", path.display()))
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::usage(format_args!("read `{}`: {error}", path.display()))
}
