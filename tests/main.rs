//! Errand, tested from outside: the binary is started as a user starts it, and spoken to over HTTP, the
//! shell and signals.
//!
//! Needs what `make build plugins` builds, which `make test` does first.

mod harness;
mod structure;
