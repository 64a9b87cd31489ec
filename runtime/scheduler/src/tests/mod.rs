//! The service and the worker together, over the store in memory, a scripted runner and a clock that
//! stands still until a test moves it.

mod access;
mod checkpoints;
mod collecting;
mod faults;
mod harness;
mod leases;
mod logging;
mod outside;
mod recovery;
mod requests;
mod running;
mod waiting;
mod workspaces;
