//! `errand __compile`: the child process in which an upload is checked and compiled.
//!
//! The engine starts it, limits it, and speaks to it over its standard streams. It is not for people, and
//! not in the help.

use std::process::ExitCode;

use crate::errors::{CommandError, Exit};

/// Hands the process over to the engine.
pub(crate) fn run() -> ExitCode {
    match errand_engine::compile_child() {
        Ok(()) => Exit::Done.into(),
        Err(error) => CommandError::new(Exit::Internal, format_args!("compile: {error}")).report(),
    }
}
