//! Errand, tested from outside: the binary is started as a user starts it, and spoken to over HTTP, the
//! shell and signals.
//!
//! Needs what `make build plugins templates` builds, which `make test` does first.

#![expect(clippy::disallowed_methods, reason = "tests make their own files and start processes")]

mod api;
mod cli;
mod crash;
mod docs;
mod harness;
mod hostile;
mod mcp;
mod outgoing;
mod structure;
