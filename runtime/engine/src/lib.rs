//! The sandbox: admits wasm, compiles it, and runs tasks in it under every bound.
//!
//! Owns wasmtime and the host's side of all interfaces that a guest may import. Knows no store, no
//! queue and no wire format: it is a [`errand_core::Runner`].

mod admission;
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
mod keep;
mod memory;
mod run;
mod start;
mod state;

pub use admission::child::main as compile_child;
pub use config::Allocation;
pub use engine::{Engine, EngineError, EngineOptions};
pub use host::filesystem::SeedFile;
pub use run::Local;
