//! Workspaces: the directory that a task sees, and how much may lie in it.
//!
//! Owns the directories under one root, reached through capability handles alone, their byte and file
//! accounting ([`Quota`]) and the walk that finds what a request wants kept. Knows no task states, no
//! store and no WebAssembly.

mod globs;
mod quota;
mod root;

pub use globs::{Globs, InvalidGlob};
pub use quota::{Exceeded, FileId, OpenFile, Quota};
pub use root::{Found, Workspace, WorkspaceError, Workspaces};
