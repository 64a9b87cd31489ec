//! What runs a file: the executor of its kind, found beside the binary.
//!
//! Digests of what was found are remembered by size and time, so that a start reads a few hundred bytes
//! and not the whole executor.

#![expect(
    clippy::disallowed_methods,
    reason = "it owns the executors beside the binary and what is remembered of them"
)]

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use errand_core::{Digest, ExecutorName};
use serde::{Deserialize, Serialize};

use crate::errors::{CommandError, Result};

/// The directories of executors, beside those that ship with the binary.
const PLUGINS_VARIABLE: &str = "ERRAND_PLUGINS";

/// What runs a `.py` file.
pub(crate) const PYTHON: &str = "python";

/// What runs a `.js` file.
const JAVASCRIPT: &str = "javascript";

/// Tells whether a file is a Python program, by its ending.
pub(super) fn is_python(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "py")
}

/// A wasm to run a file with.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) name: ExecutorName,
    pub(super) path: PathBuf,
    /// Whether the file is the program itself.
    pub(super) is_program: bool,
}

impl Plugin {
    /// Finds what runs a file, by the file's ending.
    pub(super) fn for_file(file: &Path) -> Result<Self> {
        let name = match file.extension().and_then(|ending| ending.to_str()) {
            Some("py") => PYTHON,
            Some("js" | "mjs" | "cjs") => JAVASCRIPT,
            Some("wasm") => {
                let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                let name = ExecutorName::new(&stem.to_lowercase())
                    .or_else(|_| ExecutorName::new("program"))
                    .map_err(CommandError::usage)?;
                return Ok(Self { name, path: file.to_owned(), is_program: true });
            }
            _ => {
                let shown = file.display();
                return Err(CommandError::usage(format_args!(
                    "run `{shown}`: nothing runs files of its kind"
                ))
                .hint("name a .py, .js, .mjs or .wasm file"));
            }
        };
        let name = ExecutorName::new(name).map_err(CommandError::usage)?;
        let wasm = format!("{name}.wasm");
        let directories = directories();
        match directories.iter().map(|directory| directory.join(&wasm)).find(|path| path.is_file()) {
            Some(path) => Ok(Self { name, path, is_program: false }),
            None => Err(CommandError::not_found(format_args!("find the executor `{name}` ({wasm})")).hint(
                format_args!(
                    "it was looked for in {}; build it with `make plugins`, or say where it is with {PLUGINS_VARIABLE}",
                    directories.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
                ),
            )),
        }
    }

    /// Returns the digest of the wasm, remembered in `compiled` where it did not change since.
    pub(super) fn digest(&self, compiled: &Path) -> Result<Digest> {
        let unreadable = |error: std::io::Error| {
            CommandError::usage(format_args!("read `{}`: {error}", self.path.display()))
        };
        let path = self.path.canonicalize().map_err(unreadable)?;
        let seen = Seen::of(&path.metadata().map_err(unreadable)?);
        let key = Digest::of(path.as_os_str().as_encoded_bytes()).to_string();
        let note = compiled.join(format!("{}.digest", &key[..32]));
        if let Some(remembered) = Remembered::read(&note)
            && remembered.seen == seen
        {
            return Ok(remembered.digest);
        }
        let digest = Digest::of(&self.read()?);
        // Without the note the next start is slower, and as right.
        let _ = Remembered { seen, digest }.write(&note);
        Ok(digest)
    }

    /// Reads the wasm.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        crate::files::read_bytes(&self.path)
    }
}

/// Where executors lie, in the order in which they are looked for.
fn directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = std::env::var_os(PLUGINS_VARIABLE)
        .map(|paths| std::env::split_paths(&paths).collect())
        .unwrap_or_default();
    if let Ok(binary) = std::env::current_exe().and_then(|path| path.canonicalize())
        && let Some(prefix) = binary.parent().and_then(Path::parent)
    {
        directories.push(prefix.join("plugins"));
        directories.push(prefix.join("share/errand/plugins"));
    }
    directories
}

/// What tells one state of a file from another.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    inode: u64,
    size_bytes: u64,
    modified_s: i64,
    modified_ns: i64,
    changed_s: i64,
    changed_ns: i64,
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size_bytes: metadata.len(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
            changed_s: metadata.ctime(),
            changed_ns: metadata.ctime_nsec(),
        }
    }
}

/// The digest of a file as it was when last seen.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    seen: Seen,
    digest: Digest,
}

impl Remembered {
    fn read(note: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(note).ok()?).ok()
    }

    fn write(&self, note: &Path) -> std::io::Result<()> {
        let temporary = note.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&temporary, serde_json::to_vec(self)?)?;
        fs::rename(temporary, note)
    }
}
