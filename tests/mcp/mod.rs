//! MCP, as clients speak it: over HTTP and over standard input and output.

mod calls;
mod clients;
mod conformance;
mod errors;
mod peer;
mod people;
mod resources;
mod stdio;
mod tasks;

use peer::{Era, Peer};

use crate::harness::{Server, plugin, shared};

/// The server that all tests share, with what these run.
fn together() -> &'static Server {
    assert_eq!((shared::python(), shared::probe()), ("python", "probe"));
    shared::server()
}

/// A server of a test's own, with what it runs.
fn server(executors: &[&str]) -> Server {
    let server = Server::start();
    for name in executors {
        server.operator().upload(name, &plugin(name)).expect(201);
    }
    server
}
