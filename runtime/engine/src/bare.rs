//! Wasmtime as the engine sets it up, with nothing of the engine around it: for benchmarks alone.

pub use crate::bindings::ExecutorPre;
use crate::config::{self, Allocation, Footprint};

/// Makes an engine as guests of this size run in.
///
/// # Errors
/// When wasmtime can't be configured on this machine.
pub fn engine(allocation: Allocation, wasm_bytes: u64) -> wasmtime::Result<wasmtime::Engine> {
    config::engine(allocation, Footprint::of(wasm_bytes))
}

/// Returns the component that a wasm is run as.
///
/// # Errors
/// With a sentence that says what is wrong with the wasm.
pub fn component(wasm: &[u8]) -> Result<Vec<u8>, String> {
    crate::admission::as_component(wasm).map(std::borrow::Cow::into_owned)
}
