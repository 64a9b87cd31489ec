//! The REST interface as clients see it: requests through the router, over the real service and a store
//! in memory. The files mirror the paths.

mod access;
mod artifacts;
mod blobs;
mod bodies;
mod connections;
mod console;
mod description;
mod events;
mod executors;
mod grants;
mod harness;
mod lists;
mod operations;
mod tasks;
mod tokens;
