//! Requests of guests, on their way out: to where the operator granted, at an address that was vetted.
//!
//! Owns the HTTP client, TLS, DNS, the secrets' values, and what takes those out of what comes back. Does
//! not decide what is granted ([`errand_core::Granting`] does), keeps no journal, sends nothing twice, and
//! knows no WebAssembly.

mod address;
mod body;
mod choice;
mod client;
mod coding;
mod connect;
mod dns;
mod failure;
mod head;
mod hosts;
mod rate;
mod secrets;
#[cfg(test)]
mod tests;
mod tls;
mod veil;

pub use client::{Client, EgressOptions};
pub use secrets::{SecretSource, Secrets};
