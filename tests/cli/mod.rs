//! The binary, as a person or a script uses it: what goes to which stream, and how it ends.
//!
//! Exit codes: 0 done, 1 the task failed, 2 usage or unsupported, 3 no such thing, 4 refused, 5 no server;
//! of `run`: the program's own, 124 at a limit, 125 on Errand's side.

mod administration;
mod answers;
mod backup;
mod data_dir;
mod doctor;
mod following;
mod mcp_install;
mod packages;
mod plugin_new;
mod plugin_test;
mod run_javascript;
mod run_limits;
mod run_python;
mod run_requests;
mod run_wasm;
mod serve;
mod submit;
mod tasks;
mod terminal;
mod tour;
mod usage;
mod workspaces;
mod workspaces_back;

use crate::harness::shell;

/// Submits to the shared server and returns the id that is printed.
#[track_caller]
fn submitted(args: &[&str]) -> String {
    let args: Vec<&str> = ["submit"].iter().chain(args).copied().collect();
    let printed = shell::shared(&args).ok();
    let id = printed.trim_end().to_owned();
    assert_eq!(printed, format!("{id}\n"), "the id alone is data");
    id
}

/// Submits to the shared server, waits for the end and returns the id.
#[track_caller]
fn completed(args: &[&str]) -> String {
    let id = submitted(args);
    shell::shared(&["result", "--wait", &id]).expect(0);
    id
}
