//! How a durable store is opened, and why it could not be.

use std::path::PathBuf;

use errand_core::StoreError;

use crate::FreeSpace;

/// How a [`crate::SledStore`] is opened.
#[derive(Debug, Clone)]
pub struct SledOptions {
    /// Bytes of the index that are kept in memory.
    pub cache_bytes: u64,
    /// How many tasks may be queued.
    pub queued_max: u64,
    /// While fewer bytes than these are free on the disk, new tasks and uploads are refused, and no task
    /// is started.
    pub reserve_bytes: u64,
    /// Tells how many are.
    pub free_space: FreeSpace,
    /// How large a segment of the write-ahead log gets.
    pub segment_bytes: u64,
    /// Sled is flushed when the write-ahead log has grown by this much: what a start has to redo at
    /// most.
    pub checkpoint_bytes: u64,
    /// A snapshot is taken when the write-ahead log has grown by this much, or by the size of the last
    /// one if that is more.
    pub snapshot_bytes: u64,
    /// Whether writes are synced.
    pub syncing: Syncing,
    /// Whether sled's files are believed.
    pub trust: Trust,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            queued_max: crate::QUEUED_MAX,
            reserve_bytes: crate::RESERVE_BYTES,
            free_space: FreeSpace::default(),
            segment_bytes: crate::wal::SEGMENT_BYTES,
            // A second's redo, about.
            checkpoint_bytes: 16 << 20,
            snapshot_bytes: 64 << 20,
            syncing: Syncing::Full,
            trust: Trust::WhileUp,
        }
    }
}

/// Whether writes are synced before they are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syncing {
    /// Yes.
    #[default]
    Full,
    /// No: what was acknowledged can be lost. For tests that must find such a loss.
    Never,
}

/// When sled's files are believed at open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// If the machine has been up since they were written, or the store was closed in an orderly way.
    #[default]
    WhileUp,
    /// If the store was closed in an orderly way, not otherwise: as if power had been lost since.
    IfClosed,
    /// Never: the index is made anew.
    Never,
    /// Always, also after a loss of power. For tests that find out what would come of it.
    Always,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("open the data directory {0}: another process is using it")]
    InUse(PathBuf),
    /// What is stored can't be read.
    #[error("read what is stored: {0}")]
    Corrupt(String),
    /// The disk has no room left.
    #[error("open the data directory: no space is left on its disk")]
    NoSpace,
    /// The files can't be made, read or written.
    #[error("open the data directory: {0}")]
    Io(String),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(text) => Self::Corrupt(text),
            StoreError::NoSpace => Self::NoSpace,
            StoreError::Io(text) => Self::Io(text),
            other => Self::Io(other.to_string()),
        }
    }
}
