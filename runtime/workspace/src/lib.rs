//! Workspaces: the directory that a task sees, and how much may lie in it.
//!
//! Owns the directories under one root, reached through capability handles alone, their byte and file
//! accounting ([`Quota`]), the walk that finds what a request wants kept, and what they start from: a
//! directory of the host ([`AllowedDirs`], [`Scan`]) or an archive ([`unpack`]). Knows no task states, no
//! store and no WebAssembly.

mod allowed;
mod git;
mod globs;
mod ignored;
mod pack;
mod place;
mod quota;
mod room;
mod root;
mod scan;
mod start;
mod tally;
mod unpack;

pub use allowed::{AllowedDirs, Directory};
pub use git::{
    Author, CommitId, Content, Contents, Git, InvalidObjectId, NewCommit, ObjectId, Placed,
    Repository, SparsePaths, Tree, TreeEntry, TreeNode, WorkTreeState, Worktree, is_lfs_pointer,
};
pub use globs::{Globs, InvalidGlob};
pub use quota::{Exceeded, FileId, OpenFile, Quota, Refused};
pub use room::Room;
pub use root::{Found, Workspace, WorkspaceError, Workspaces};
pub use scan::Scan;
pub use start::{Bounds, MAX_FILES, StartError, StopFlag};
pub use unpack::{LinksOut, check_archive, unpack};
