//! The store that lives and dies with the process.

use std::sync::Arc;

use errand_core::Clock;

use crate::blobs::MemoryBlobs;
use crate::embedded::{Embedded, assemble, delegate_store};
use crate::kv::MemoryKv;
use crate::state::State;
use crate::state::load::Miscount;
use crate::writer::NoLog;

/// A store in memory: for tests, and for `errand run`, which keeps nothing.
///
/// The same as [`crate::SledStore`] but for what is under it.
pub struct MemoryStore {
    embedded: Embedded,
    blobs: MemoryBlobs,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::with_queue_bound(crate::QUEUED_MAX)
    }

    /// Makes an empty store that refuses to queue more than so many tasks.
    ///
    /// # Panics
    /// Where the system gives no thread.
    pub fn with_queue_bound(queued_max: u64) -> Self {
        Self::build(queued_max, MemoryBlobs::default())
    }

    /// Makes an empty store whose blobs age by this clock.
    ///
    /// # Panics
    /// Where the system gives no thread.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::build(crate::QUEUED_MAX, MemoryBlobs::with_clock(clock))
    }

    fn build(queued_max: u64, blobs: MemoryBlobs) -> Self {
        let kv = Arc::new(MemoryKv::default());
        let files = Arc::new(blobs.clone());
        let state = State::load(kv.clone(), files.clone(), queued_max, Miscount::Refuse);
        let state = state.expect("an empty store can be read");
        let embedded = assemble(state, kv, files, Box::new(NoLog));
        Self { embedded: embedded.expect("a thread can be started"), blobs }
    }

    /// Returns the blobs that large values go to.
    pub fn blobs(&self) -> &MemoryBlobs {
        &self.blobs
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

delegate_store!(MemoryStore);
