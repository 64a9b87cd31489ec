//! The executor without WebAssembly: programs, what they find, and how they end.

mod ends;
mod host;
mod inputs;
mod modules;
mod node;
mod world;
