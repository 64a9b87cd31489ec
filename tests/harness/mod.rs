//! Starts servers and commands, and speaks to them.

pub(crate) mod archive;
mod browser;
mod client;
mod messages;
mod peer;
mod raw;
mod server;
pub(crate) mod shared;
pub(crate) mod shell;
pub(crate) mod wasm;

use std::path::PathBuf;
use std::process::Command;

pub(crate) use browser::Browser;
pub(crate) use client::{Answer, Client};
pub(crate) use messages::{Message, Messages};
pub(crate) use peer::{Peer, Reply, Request};
pub(crate) use raw::Raw;
pub(crate) use server::Server;

/// Where the build puts things: `target/release`, whatever the target directory is called.
pub(crate) fn release_dir() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test has a path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path
}

/// The binary under test.
pub(crate) fn errand_path() -> PathBuf {
    let path = release_dir().join("errand");
    assert!(path.exists(), "{} is missing: run `make build`", path.display());
    path
}

/// A guest that `make plugins` built, such as `python` or `test/noop`.
pub(crate) fn plugin_path(name: &str) -> PathBuf {
    let path = release_dir().join("../plugins").join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is missing: run `make plugins`", path.display());
    path
}

/// The bytes of a guest that `make plugins` built.
pub(crate) fn plugin(name: &str) -> Vec<u8> {
    std::fs::read(plugin_path(name)).expect("a plugin can be read")
}

/// A call of the binary with nothing of this process's environment that would change what it does.
pub(crate) fn errand(args: &[&str]) -> Command {
    let mut command = Command::new(errand_path());
    command.args(args);
    for variable in
        ["ERRAND_SERVER", "ERRAND_TOKEN", "ERRAND_DATA", "ERRAND_LISTEN", "ERRAND_CONFIG"]
    {
        command.env_remove(variable);
    }
    command.env("NO_COLOR", "1");
    command
}

/// Milliseconds since midnight of a moment: enough for two moments of one test, but at midnight.
pub(crate) fn millis(at: &serde_json::Value) -> i64 {
    let text = at.as_str().unwrap_or_else(|| panic!("{at} is a moment"));
    let (_, time) = text.split_once('T').expect("it is a date and a time");
    let seconds = time.trim_end_matches('Z').split(':').fold(0.0, |sum, part| {
        sum * 60.0 + part.parse::<f64>().expect("a part of a time is a number")
    });
    (seconds * 1_000.0).round() as i64
}
