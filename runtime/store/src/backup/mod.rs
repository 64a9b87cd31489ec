//! A backup: everything that a durable store has at one moment, as one file.
//!
//! It is a tar archive that any `tar` can list: `backup.json`, then the newest snapshot and the frames
//! after it as the write-ahead log has them, then the blobs, then `end.json` with the number of files
//! and the digest of all before it. The index is not in it: it is rebuilt from the rest, which also
//! compacts it.
//!
//! *Invariants.* What was acknowledged before a backup began is in it. A backup without its end, or with
//! one bit changed, is not restored. The names in an archive are checked against a short list of forms;
//! no other path is ever written.

#![expect(clippy::disallowed_methods, reason = "it reads and writes the store's directory")]

mod archive;
mod restore;
mod write;

use serde::{Deserialize, Serialize};

pub use restore::{RestoreError, Restored, restore};
pub(crate) use write::{Source, write};

/// The version of the archive's layout. What its files hold has versions of its own.
const FORMAT: u32 = 1;
const HEAD: &str = "backup.json";
const END: &str = "end.json";

/// What an archive begins with.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// [`FORMAT`].
    format: u32,
    /// Which program wrote it, for people.
    made_by: String,
    /// The number of the last frame that is in it.
    lsn: u64,
}

/// What an archive ends with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    /// How many files come before it.
    files: u64,
    /// How many bytes of the archive come before it.
    bytes: u64,
    /// The BLAKE3 digest of those bytes.
    blake3: String,
}

#[cfg(test)]
mod tests;
