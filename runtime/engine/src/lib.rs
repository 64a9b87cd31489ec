//! The sandbox: admits wasm, compiles it, and runs tasks in it under every bound.
//!
//! Owns wasmtime and the host's side of all interfaces that a guest may import. Knows no store, no
//! queue and no wire format: it is a [`errand_core::Runner`].

mod admission;
#[doc(hidden)]
pub mod bare;
#[expect(missing_docs, reason = "generated; public for benchmarks alone")]
mod bindings;
mod clock;
mod compiled;
mod config;
mod ended;
mod engine;
mod epoch;
mod executors;
mod fuel;
mod host;
mod journal;
mod keep;
mod memory;
mod run;
mod start;
mod state;
mod stopwatch;
pub mod typed;
mod veil;

pub use admission::as_component;
pub use admission::child::main as compile_child;
pub use compiled::{CompiledFiles, check_compiled};
pub use config::{Allocation, MAX_OPEN_FILES};
pub use engine::{Engine, EngineError, EngineOptions};
pub use host::filesystem::SeedFile;
pub use run::{Done, Local};
