//! Runs JavaScript that an agent wrote: QuickJS, in a fresh context for each task.
//!
//! [`run`] takes one task from its input to its output; what it needs of the world is a [`Host`]. The part
//! that programs see is JavaScript itself, beside this directory in `js/`: `start.js` first, the rest when
//! it is used. `executor` is the edge, where the host is the real one.
//!
//! It does not bound what a program uses: fuel, memory and time are the host's.

mod builtins;
mod executor;
mod failure;
mod files;
mod host;
mod input;
mod modules;
mod native;
mod program;
mod resolve;
mod run;
mod streams;
mod urls;

pub use failure::Failure;
pub use host::{Host, HttpAnswer, HttpRequest, Refusal, Stream};
pub use run::run;
