//! The memory bound: all linear memories and tables of a run together.

use errand_core::ErrorCode;
use wasmtime::ResourceLimiter;

use crate::config::PARTS_PER_COMPONENT;
use crate::ended::Ended;

/// What one table element counts for.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts what a run's memories and tables take, and ends the run at the bound.
///
/// Growth is decided by the task's limit alone, never by how much the host has left: a replay sees the
/// same.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit_bytes: u64,
    used_bytes: u64,
}

impl MemoryBudget {
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self { limit_bytes, used_bytes: 0 }
    }

    /// Returns what memories and tables take.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    fn grow(&mut self, current: usize, desired: usize) -> wasmtime::Result<bool> {
        let used = self.used_bytes + (desired.saturating_sub(current)) as u64;
        if used > self.limit_bytes {
            let bound = Ended::bound(ErrorCode::MemoryLimit, "memory_bytes", self.limit_bytes);
            return Err(bound.into());
        }
        self.used_bytes = used;
        Ok(true)
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // What the module itself rules out is its own affair: the guest sees -1, as everywhere.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Ended::Host(format!("the host could not give memory: {error}")).into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current.saturating_mul(ELEMENT_BYTES), desired.saturating_mul(ELEMENT_BYTES))
    }

    fn instances(&self) -> usize {
        PARTS_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        PARTS_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        PARTS_PER_COMPONENT as usize
    }
}
