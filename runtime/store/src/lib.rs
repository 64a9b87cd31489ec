//! Stores behind `core::Store`: in memory, and durable on one machine.
//!
//! Owns records, indexes, queue, leases, counters, blobs and what makes them durable. Decides nothing
//! about tasks: core's transition function does. Knows no HTTP, no scheduler and no engine.
//!
//! # How it is built
//! All domain logic is written once (`state` for the one writer, `read` for everybody else) over a
//! small key-value abstraction (`kv`). [`MemoryStore`] and [`SledStore`] differ in that alone.
//!
//! *Invariants.* The write-ahead log is the truth: a write is acknowledged, and seen by readers, only
//! after its frame is synced. sled is an index over the write-ahead log, rebuilt whenever it can't be
//! believed. Stored values carry a version and a checksum. The writer is one thread; nothing else
//! writes.

mod backup;
mod blobs;
mod codec;
mod durable;
mod embedded;
mod failure;
mod free_space;
mod kv;
mod memory_store;
mod read;
mod state;
mod wake;
mod wal;
mod writer;

pub use backup::{RestoreError, Restored, restore};
pub use blobs::{DirBlobs, MemoryBlobs};
pub use durable::{Finding, OpenError, Part, SledOptions, SledStore, Syncing, Trust};
pub use free_space::FreeSpace;
pub use memory_store::MemoryStore;

/// How many bytes of the disk are kept free unless it is said otherwise: what runs can end in them, and
/// the store can take its snapshots.
pub const RESERVE_BYTES: u64 = 256 << 20;

/// How many tasks may be queued unless it is said otherwise: about 300 MB of memory and 1.5 GB of disk.
pub const QUEUED_MAX: u64 = 2_000_000;
