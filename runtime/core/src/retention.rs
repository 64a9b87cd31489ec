//! What a store says when old things are collected from it.

use crate::{TaskId, UnixMillis};

/// Which ended tasks to find, and from where on.
#[derive(Debug, Clone)]
pub struct ExpiredQuery {
    /// Only tasks that ended before this moment.
    pub ended_before: UnixMillis,
    /// Where an earlier part ended.
    pub after: Option<ExpiredCursor>,
    /// How many at most.
    pub limit: usize,
}

/// Where a part of the ended tasks ends. Means something to its store alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredCursor(pub Vec<u8>);

/// A part of the ended tasks, in no particular order.
#[derive(Debug, Clone, Default)]
pub struct ExpiredPage {
    /// The tasks, each with its version.
    pub items: Vec<(TaskId, u64)>,
    /// Where the next part begins; nothing at the end.
    pub next: Option<ExpiredCursor>,
}

/// Blobs that were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CollectedBlobs {
    /// How many.
    pub count: u64,
    /// How large they were together.
    pub bytes: u64,
}
