//! Files of a task's own workspace.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// What is read at most.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Files.
    pub files: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// How deep directories are followed.
    pub depth: usize,
}

/// Why files could not be read.
#[derive(Debug)]
pub enum Unread {
    /// There are more files than the bound, which this is.
    TooMany(usize),
    /// They have more bytes than the bound, which this is.
    TooLarge(u64),
    /// One can't be read.
    Unreadable {
        /// Which.
        path: String,
        /// Why not.
        error: io::Error,
    },
}

/// Reads the files below a directory that are wanted, by their paths in it. Links are not followed.
///
/// `wanted` is asked for files by their path and size, and for directories without one.
///
/// # Errors
/// Past the bounds, and where something can't be read.
pub fn read(
    root: &Path,
    bounds: Bounds,
    wanted: impl FnMut(&str, Option<u64>) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, Unread> {
    let mut reading = Reading { files: BTreeMap::new(), bytes: 0, bounds, wanted };
    reading.directory(root, "", bounds.depth)?;
    Ok(reading.files)
}

struct Reading<W> {
    files: BTreeMap<String, Vec<u8>>,
    bytes: u64,
    bounds: Bounds,
    wanted: W,
}

impl<W: FnMut(&str, Option<u64>) -> bool> Reading<W> {
    fn directory(&mut self, path: &Path, at: &str, depth: usize) -> Result<(), Unread> {
        let unreadable = |error: io::Error| Unread::Unreadable {
            path: if at.is_empty() { "." } else { at }.to_owned(),
            error,
        };
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // What a guest sees has names of text alone.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let inner = if at.is_empty() { name } else { format!("{at}/{name}") };
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() && depth > 0 {
                if (self.wanted)(&inner, None) {
                    self.directory(&entry.path(), &inner, depth - 1)?;
                }
            } else if kind.is_file() {
                let size = entry.metadata().map_err(unreadable)?.len();
                if (self.wanted)(&inner, Some(size)) {
                    self.check_bounds(size)?;
                    let bytes = fs::read(entry.path()).map_err(unreadable)?;
                    self.files.insert(inner, bytes);
                }
            }
        }
        Ok(())
    }

    fn check_bounds(&mut self, size: u64) -> Result<(), Unread> {
        self.bytes = self.bytes.saturating_add(size);
        if self.files.len() >= self.bounds.files {
            return Err(Unread::TooMany(self.bounds.files));
        }
        if self.bytes > self.bounds.bytes {
            return Err(Unread::TooLarge(self.bounds.bytes));
        }
        Ok(())
    }
}
