//! HTTP requests for executors in Rust: [`Request::send`], and a [`Response`] whose body is read as it is
//! wanted.
//!
//! It owns the bindings of the world `executor`, which an executor that sends requests uses for the rest of
//! the host as well. It follows no redirect and tries nothing again: what that would mean is the executor's
//! to know. Where a request may go, the operator grants; whether it is sent twice, the host decides
//! (`docs/requests.md`).

mod fault;
mod request;
mod response;

pub use fault::{Fault, Reason};
pub use request::Request;
pub use response::Response;

/// What the host offers, and what an executor exports.
#[expect(missing_docs, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        world: "executor",
        path: "../../wit",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "requests::bindings",
    });
}
