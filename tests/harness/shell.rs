//! Commands as a person or a script runs them: what they print, where, and how they end.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{errand, shared};

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; 128 + the signal's number where one ended it, as shells say it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Checks that what it said on standard error has `part` in it.
    #[track_caller]
    pub(crate) fn has(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "{part:?} is not in: {}", self.stderr);
        self
    }

    /// Checks that it ended well, and returns what it printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        self.expect(0).stdout
    }

    /// Checks that it ended well and printed one JSON document on a line, and returns that.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let text = self.ok();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Checks that it failed with a code and a message that has `part` in it, and printed no data.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, part: &str) -> Self {
        let ran = self.expect(code);
        assert!(ran.stderr.contains(part), "{part:?} is not in: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        assert_eq!(ran.stdout, "", "data belongs to success");
        ran
    }
}

/// Runs a command to its end, with nothing on its standard input.
pub(crate) fn run(command: &mut Command) -> Ran {
    run_with(command, b"")
}

/// Runs a command to its end, with bytes on its standard input.
pub(crate) fn run_with(command: &mut Command, stdin: &[u8]) -> Ran {
    use std::os::unix::process::ExitStatusExt;

    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command can be started");
    let mut input = child.stdin.take().expect("its standard input is piped");
    let bytes = stdin.to_vec();
    // It may not read, or write before it reads.
    let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
    let output = child.wait_with_output().expect("the command can be waited for");
    writer.join().expect("writing does not panic");
    let signal = output.status.signal().map(|signal| 128 + signal);
    Ran {
        code: output.status.code().or(signal).expect("it ended"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Calls the binary where no server and no data are.
pub(crate) fn alone(args: &[&str]) -> Ran {
    let nowhere = tempfile::tempdir().expect("a temporary directory can be made");
    run(errand(args).env("ERRAND_DATA", nowhere.path().join("none")))
}

/// Calls the binary beside the shared server.
pub(crate) fn shared(args: &[&str]) -> Ran {
    run(&mut shared::server().command(args))
}

/// Wraps a command so that a terminal is what it reads and writes. Both streams come out as stdout, with
/// the terminal's line ends.
pub(crate) fn on_a_terminal(command: &Command) -> Command {
    const RELAY: &str =
        "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut relayed = Command::new("python3");
    relayed.args(["-c", RELAY]).arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        relayed.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => relayed.env(name, value),
            None => relayed.env_remove(name),
        };
    }
    relayed.env("TERM", "xterm-256color");
    relayed
}
