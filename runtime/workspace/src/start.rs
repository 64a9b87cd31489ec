//! What starting a workspace from files may take, and how it fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Exceeded;

/// Files, directories and links that a workspace may hold.
pub const MAX_FILES: u64 = 100_000;
/// How deep directories may be nested in what a workspace starts from.
pub(crate) const MAX_DEPTH: usize = 64;

/// What bounds the files that a workspace starts from.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, directories and links.
    pub files: u64,
    /// Ends the work early.
    pub stop: StopFlag,
}

impl Bounds {
    /// Bounds the bytes, and the files as for every workspace.
    pub fn of_bytes(bytes: u64) -> Self {
        Self { bytes, files: MAX_FILES, stop: StopFlag::default() }
    }
}

/// Tells work on another thread to end. Clones are one flag.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Ends the work at its next file or piece of one.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.0.load(Ordering::Relaxed) { Err(StartError::Stopped) } else { Ok(()) }
    }
}

/// Why a workspace can't start from what was named.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It is more than a bound allows. The message says what takes the room and what to do.
    #[error("{message}")]
    TooLarge {
        /// The bound.
        exceeded: Exceeded,
        /// For a person.
        message: String,
    },
    /// It can't be used as it is; trying again changes nothing.
    #[error("{0}")]
    Refused(String),
    /// It was changed while it was read; another try may pass.
    #[error("`{0}` was changed while it was read")]
    Changed(String),
    /// Something is wrong on this side.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The host has no room for it; another try may pass.
    #[error("the host's disk is full")]
    DiskFull,
    /// It was told to end.
    #[error("it was stopped")]
    Stopped,
}

impl StartError {
    pub(crate) fn refused(message: impl std::fmt::Display) -> Self {
        Self::Refused(message.to_string())
    }
}

/// Tells whether a link at a path, relative to the workspace, says that it leads out of it.
///
/// It reads the texts alone: a link may still lead out by way of others. That one leads nowhere all the
/// same, since whoever resolves paths in a workspace does so under a handle of its directory.
pub(crate) fn leads_out(path: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

/// A path as messages show it: control characters escaped, and not endless.
pub(crate) fn shown(path: &str) -> String {
    const CHARS: usize = 200;
    let escaped = path.escape_debug().take(CHARS + 1).collect::<String>();
    match escaped.char_indices().nth(CHARS) {
        Some((cut, _)) => format!("{}…", &escaped[..cut]),
        None => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_are_told_from_links_inside() {
        for (path, target) in [("a", "b"), ("d/a", "../b"), ("d/e/a", "../../b/../c"), ("a", ".")] {
            assert!(!leads_out(path, target), "{path} -> {target}");
        }
        for (path, target) in
            [("a", "/etc/passwd"), ("a", ".."), ("d/a", "../../b"), ("d/a", "x/../../../b")]
        {
            assert!(leads_out(path, target), "{path} -> {target}");
        }
    }

    #[test]
    fn a_path_in_a_message_is_short_and_printable() {
        assert_eq!(shown("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(shown(&"x".repeat(9_000)).chars().count(), 201);
    }
}
