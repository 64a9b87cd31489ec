//! The one place that configures wasmtime, for the compiler and for whoever runs what it compiled.
//!
//! Two configurations that drift apart would recompile everything in silence; so there is one function,
//! and what differs is its arguments: between a server and a single run, how instances are allocated;
//! between small and large guests, how their memory is guarded.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig,
};

/// Stack that a guest may use, in bytes: with less, deep recursion in CPython traps before it can raise.
const WASM_STACK_BYTES: usize = 4 << 20;
/// The fiber's stack: the guest's and, above it, what host calls need.
const FIBER_STACK_BYTES: usize = 5 << 20;
/// The largest memory that a task can be allowed.
pub(crate) const MAX_MEMORY_BYTES: usize = 4 << 30;
/// Elements that one table may have; CPython needs about 15,000.
pub(crate) const TABLE_ELEMENTS: usize = 1 << 16;
/// Tables and core instances of one component.
pub(crate) const PARTS_PER_COMPONENT: u32 = 64;
/// Memories of one component; each reserves address space in the pool.
pub(crate) const MEMORIES_PER_COMPONENT: u32 = 16;
/// Handles (files, streams, pollables, requests) that a guest may hold at once.
pub(crate) const MAX_HANDLES: usize = 1_024;
/// Handles of a component's own, those that it lends in a call included: a list of a hundred thousand.
pub(crate) const COMPONENT_HANDLES: usize = 100_000;
/// Files and directories that a run may hold open: as many as some systems give a whole program.
pub const MAX_OPEN_FILES: u64 = 256;
/// What a guest may make the host allocate for the arguments of one call.
pub(crate) const HOST_CALL_BYTES: usize = 64 << 20;
/// Names and values of one set of HTTP fields.
pub(crate) const HTTP_FIELDS_BYTES: usize = 32 << 10;
/// Fuel between two yields of a guest: about 0.1 ms, so that cancelling and reporting are prompt.
pub(crate) const YIELD_FUEL: u64 = 1_000_000;
/// Time between two ticks of the engine's epoch. A guest yields at each, for what fuel does not see: a
/// circle of host calls that cost the host much and the guest little.
pub(crate) const EPOCH: Duration = Duration::from_millis(10);
/// Nanoseconds of guest time for ten units of fuel.
pub(crate) const FUEL_PER_NS: u64 = 10;

/// How instances get their memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool of so many instances, for a server.
    Pooled {
        /// Instances alive at once.
        instances: u32,
    },
    /// As it comes, for a process that runs one task, and for the compiler.
    OnDemand,
}

/// What is cheap for a guest: to start, or to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Footprint {
    /// Memory accesses are checked by instructions, so memory needs no guard pages, and a start no call
    /// that changes the address space. Such calls are what several workers would wait for each other in.
    Small,
    /// Memory accesses are checked by guard pages: a start costs more, and computing a sixth less.
    Large,
}

/// A guest of more wasm is an interpreter or a tool, and computes more than it starts.
const SMALL_WASM_BYTES: u64 = 1 << 20;

impl Footprint {
    /// Tells which it is from the size of the uploaded wasm.
    pub(crate) fn of(wasm_bytes: u64) -> Self {
        if wasm_bytes <= SMALL_WASM_BYTES { Self::Small } else { Self::Large }
    }
}

/// Makes an engine. What is compiled under one allocation runs under the other.
pub(crate) fn engine(allocation: Allocation, footprint: Footprint) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(OperatorCost::default())
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .memory_init_cow(true);
    if footprint == Footprint::Small {
        config
            .signals_based_traps(false)
            .memory_guard_size(0)
            .memory_reservation(MAX_MEMORY_BYTES as u64);
    }
    if let Allocation::Pooled { instances } = allocation {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    }
    Engine::new(&config)
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let parts = instances.saturating_mul(PARTS_PER_COMPONENT).max(PARTS_PER_COMPONENT);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(parts)
        .total_memories(instances.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_tables(parts)
        .total_stacks(instances)
        .total_gc_heaps(instances)
        .max_core_instances_per_component(PARTS_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(PARTS_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_module(PARTS_PER_COMPONENT)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(MAX_MEMORY_BYTES)
        .table_elements(TABLE_ELEMENTS)
        // Resetting a slot in place instead of giving its pages back is what makes a start quick.
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20)
        .async_stack_keep_resident(128 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// How uploads are turned into what is compiled. Count it up when `admission` changes what comes out of
/// it, or a setting for small guests is changed: what was compiled before is compiled again then.
const ADMISSION: u32 = 3;

/// Names an engine for large guests, its settings, its fuel costs and what admission makes of uploads, in 16
/// hexadecimal digits.
pub(crate) fn compatibility(engine: &Engine) -> String {
    struct Blake3Hasher(blake3::Hasher);

    impl Hasher for Blake3Hasher {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            let hash = self.0.finalize();
            u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
        }
    }

    let mut hasher = Blake3Hasher(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    OperatorCost::default().hash(&mut hasher);
    ADMISSION.hash(&mut hasher);
    hasher.0.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_for_one_run_is_compiled_for_a_server() {
        for footprint in [Footprint::Small, Footprint::Large] {
            let alone = engine(Allocation::OnDemand, footprint).unwrap();
            let pooled = engine(Allocation::Pooled { instances: 1 }, footprint).unwrap();
            assert_eq!(compatibility(&alone), compatibility(&pooled));
        }
    }
}
