//! One server for all tests that leave it as it was for the others, with the test guests uploaded.
//!
//! Names of executors, labels and namespaces on it are a test's own.

use std::process::{Command, Stdio};
use std::sync::{LazyLock, Once};

use super::{Client, Server, plugin};

/// More than there are tests at a time, each with a task and its neighbour.
const SLOTS: &str = "8";

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let server = Server::start_with(&["--slots", SLOTS]);
    bury_after_this_process(&server);
    server
});

/// The server.
pub(crate) fn server() -> &'static Server {
    &SERVER
}

/// A client of it with all rights.
pub(crate) fn operator() -> Client {
    server().operator()
}

/// A client of it that may read and submit.
pub(crate) fn agent() -> Client {
    server().agent()
}

/// The executor that does nothing.
pub(crate) fn noop() -> &'static str {
    static ONCE: Once = Once::new();
    uploaded(&ONCE, "noop", "test/noop")
}

/// The executor whose input says what it does.
pub(crate) fn probe() -> &'static str {
    static ONCE: Once = Once::new();
    uploaded(&ONCE, "probe", "test/probe")
}

/// The program whose arguments say what it does.
pub(crate) fn command_probe() -> &'static str {
    static ONCE: Once = Once::new();
    uploaded(&ONCE, "command-probe", "test/command-probe")
}

/// CPython, which takes seconds to compile.
pub(crate) fn python() -> &'static str {
    static ONCE: Once = Once::new();
    uploaded(&ONCE, "python", "python")
}

/// QuickJS.
pub(crate) fn javascript() -> &'static str {
    static ONCE: Once = Once::new();
    uploaded(&ONCE, "javascript", "javascript")
}

fn uploaded(once: &Once, name: &'static str, file: &str) -> &'static str {
    once.call_once(|| {
        operator().upload(name, &plugin(file)).expect(201);
    });
    name
}

/// A static is never dropped, and a killed test run drops nothing; so a shell waits for the end of this
/// process, which closes its standard input, and clears up.
#[expect(clippy::zombie_processes, reason = "it outlives this process, which is its purpose")]
pub(crate) fn bury_after_this_process(server: &Server) {
    let mut undertaker = Command::new("sh")
        .args(["-c", "trap '' INT TERM; cat >/dev/null; kill -9 $0; rm -rf \"$1\""])
        .arg(server.pid().as_raw_nonzero().to_string())
        .arg(server.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a shell");
    // Open for as long as this process lives.
    std::mem::forget(undertaker.stdin.take());
}
