//! Workspaces: the directory that a task sees, and how much may lie in it.
//!
//! Owns the directories under one root, reached through capability handles alone, their byte and file
//! accounting ([`Quota`]), the walk that finds what a request wants kept, and what they start from: a
//! directory of the host ([`AllowedDirs`], [`Scan`]) or an archive ([`unpack`]). Knows no task states, no
//! store and no WebAssembly.

mod allowed;
mod apply;
mod base;
mod changed;
mod copy_up;
mod diff;
pub mod git;
mod globs;
mod ignored;
mod look;
mod overlay;
mod pack;
mod place;
mod quota;
mod room;
mod root;
mod scan;
mod start;
mod survey;
#[cfg(test)]
mod swapped;
mod tally;
mod unpack;

pub use allowed::{AllowedDirs, Directory};
pub use apply::{ApplyError, Difference, MAX_PATH_BYTES, Moved, apply, check};
pub use base::{Base, Bases};
pub use changed::Changed;
pub use copy_up::CopyUp;
pub use diff::{Contents, write_diff};
pub use globs::{Globs, InvalidGlob};
pub use look::{Located, Look, locate};
pub use overlay::{Began, count};
pub use quota::{Exceeded, FileId, OpenFile, Quota, Refused};
pub use room::Room;
pub use root::{Found, Workspace, WorkspaceError, Workspaces};
pub use scan::Scan;
pub use start::{Bounds, MAX_FILES, StartError, StopFlag};
pub use unpack::{LinksOut, check_archive, unpack};
