//! What a scan has found, as an archive or copied into a workspace.
//!
//! The archive says nothing but paths, contents, links and whether files are executable: the same files
//! make the same archive, whoever owns them and whenever they were changed.

use std::io::{self, Read, Write};

use cap_std::fs::{Metadata, MetadataExt};

use crate::place::{Copying, Placer};
use crate::scan::{Kind, Scan, open_file};
use crate::start::shown;
use crate::{Bounds, Quota, StartError, Workspace};

impl Scan {
    /// Writes a tar archive.
    ///
    /// # Errors
    /// [`StartError::Changed`] where a file shrinks while it is read, [`StartError::Io`] where the
    /// archive can't be written.
    pub fn pack(&self, out: impl Write, bounds: &Bounds) -> Result<(), StartError> {
        let mut archive = tar::Builder::new(out);
        let mut bytes = 0;
        for entry in &self.entries {
            bounds.stop.check()?;
            let mut header = header();
            match &entry.kind {
                Kind::Directory => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(0o755);
                    archive.append_data(&mut header, &entry.path, io::empty())?;
                }
                Kind::Link { target } => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_mode(0o777);
                    archive.append_link(&mut header, &entry.path, target)?;
                }
                Kind::File => {
                    let Some((file, metadata)) = self.open(&entry.path)? else { continue };
                    let size = metadata.size();
                    bytes += size;
                    // It may have grown since it was looked at.
                    if bytes > bounds.bytes {
                        return Err(StartError::Changed(shown(&entry.path)));
                    }
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_mode(if is_executable(&metadata) { 0o755 } else { 0o644 });
                    header.set_size(size);
                    let mut whole =
                        Whole { file: file.take(size), left: size, bounds, shrunk: None };
                    let appended = archive.append_data(&mut header, &entry.path, &mut whole);
                    match (whole.shrunk, appended) {
                        (Some(Fault::Stopped), _) => return Err(StartError::Stopped),
                        (Some(Fault::Shrunk), _) => {
                            return Err(StartError::Changed(shown(&entry.path)));
                        }
                        (Some(Fault::Unreadable(error)), _) => {
                            return Err(unreadable(&entry.path, &error));
                        }
                        (None, appended) => appended?,
                    }
                }
            }
        }
        Ok(archive.into_inner()?.flush()?)
    }

    /// Copies what was found into a workspace, counted.
    ///
    /// # Errors
    /// As [`Scan::of`], for what has changed since, and when the workspace can't be written.
    pub fn copy_to(
        &self,
        to: &Workspace,
        quota: &Quota,
        bounds: &Bounds,
    ) -> Result<(), StartError> {
        let mut placer = Placer::new(to, quota, bounds);
        for entry in &self.entries {
            match &entry.kind {
                Kind::Directory => placer.directory(&entry.path)?,
                Kind::Link { target } => placer.link(&entry.path, target)?,
                Kind::File => {
                    let Some((mut file, metadata)) = self.open(&entry.path)? else { continue };
                    let executable = is_executable(&metadata);
                    placer.file(&entry.path, executable, &mut file).map_err(
                        |error| match error {
                            Copying::Reading(error) => unreadable(&entry.path, &error),
                            Copying::Writing(error) => error,
                        },
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Opens a file that was found; nothing where it was removed since.
    fn open(&self, path: &str) -> Result<Option<(cap_std::fs::File, Metadata)>, StartError> {
        match open_file(&self.dir, path) {
            Ok(opened) => Ok(Some(opened)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(path, &error)),
        }
    }
}

fn unreadable(path: &str, error: &io::Error) -> StartError {
    StartError::Refused(format!("read `{}`: {error}", shown(path)))
}

fn is_executable(metadata: &Metadata) -> bool {
    metadata.mode() & 0o111 != 0
}

fn header() -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// Reads a file to the size that its header says, and not less.
struct Whole<'a> {
    file: io::Take<cap_std::fs::File>,
    left: u64,
    bounds: &'a Bounds,
    shrunk: Option<Fault>,
}

enum Fault {
    Shrunk,
    Stopped,
    Unreadable(io::Error),
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let fault = match self.file.read(buffer) {
            _ if self.bounds.stop.check().is_err() => Fault::Stopped,
            Ok(0) if self.left > 0 => Fault::Shrunk,
            Ok(read) => {
                self.left -= read as u64;
                return Ok(read);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => Fault::Unreadable(error),
        };
        self.shrunk = Some(fault);
        Err(io::Error::other("the file could not be read as it was"))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests;
