//! Files of the task's own workspace, where its input hands none over.

use findings::{Bounds, InvalidInput, Unread};
use std::collections::BTreeMap;
use std::path::Path;

const BOUNDS: Bounds = Bounds { files: 50_000, bytes: 128 << 20, depth: 64 };
/// Larger files are not written by people.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Directories of what others wrote, or tools made.
const PASSED_OVER: [&str; 6] = [".git", "node_modules", "target", "__pycache__", ".venv", "vendor"];

/// The files of a workspace.
#[derive(Default)]
pub(crate) struct Read {
    /// Their contents, by their paths.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Those that are too large to be looked at.
    pub(crate) large: Vec<String>,
}

/// Reads the files below a directory, by their paths in it.
///
/// # Errors
/// `no_files` where there are none, `too_many_files` and `too_large` past the bounds, `unreadable`.
pub(crate) fn read(root: &Path) -> Result<Read, InvalidInput> {
    let mut large = Vec::new();
    let wanted = |path: &str, size: Option<u64>| match size {
        None => !PASSED_OVER.contains(&path.rsplit('/').next().unwrap_or(path)),
        Some(size) if size > MAX_FILE_BYTES => {
            large.push(path.to_owned());
            false
        }
        Some(_) => true,
    };
    let files = findings::read(root, BOUNDS, wanted).map_err(unread)?;
    if files.is_empty() && large.is_empty() {
        let message = "the input names no files, and the workspace has none".to_owned();
        return Err(InvalidInput { code: "no_files", message });
    }
    Ok(Read { files, large })
}

fn unread(unread: Unread) -> InvalidInput {
    let (code, message) = match unread {
        Unread::TooMany(files) => {
            ("too_many_files", format!("the workspace has more than {files} files"))
        }
        Unread::TooLarge(bytes) => {
            ("too_large", format!("the workspace has more than {bytes} bytes"))
        }
        Unread::Unreadable { path, error } => {
            ("unreadable", format!("{path:?} can't be read: {error}"))
        }
    };
    InvalidInput { code, message }
}
