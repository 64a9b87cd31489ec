//! A server of a test's own: on a free port, with a temporary data directory, gone with the test.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Client, errand};

/// A running server.
pub(crate) struct Server {
    child: Child,
    data: Option<TempDir>,
    url: String,
}

impl Server {
    /// Starts a server on an empty data directory.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server on an empty data directory, with further flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory can be made");
        Self::start_on(data, flags)
    }

    /// Starts a server on an empty data directory whose log is the file `server.log` there.
    pub(crate) fn start_logged(flags: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory can be made");
        let log = File::create(data.path().join("server.log")).expect("a log can be made");
        Self::start_in(data, |server| _ = server.args(flags).stderr(log))
    }

    /// Starts a server on a data directory.
    pub(crate) fn start_on(data: TempDir, flags: &[&str]) -> Self {
        Self::start_in(data, |server| _ = server.args(flags))
    }

    /// Starts a server on a data directory, with what `prepare` adds to its command.
    pub(crate) fn start_in(data: TempDir, prepare: impl FnOnce(&mut Command)) -> Self {
        let path = data.path().to_str().expect("a temporary path is text").to_owned();
        let mut server = errand(&["serve", "--data", &path]);
        prepare(&mut server);
        let mut child = server
            // A flag overrules it.
            .env("ERRAND_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server can be started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its standard output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("its standard output can be read");
        let url = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("it said {line:?} instead of its address"))
            .trim()
            .to_owned();
        Self { child, data: Some(data), url }
    }

    /// Returns `http://HOST:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns its data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.as_ref().expect("a running server has its directory").path()
    }

    /// Returns the operator's token.
    pub(crate) fn operator_token(&self) -> String {
        self.token("operator.token")
    }

    /// Returns the agent's token.
    pub(crate) fn agent_token(&self) -> String {
        self.token("agent.token")
    }

    /// Returns a client with all rights.
    pub(crate) fn operator(&self) -> Client {
        Client::new(&self.url, &self.operator_token())
    }

    /// Returns a client that may read and submit.
    pub(crate) fn agent(&self) -> Client {
        Client::new(&self.url, &self.agent_token())
    }

    /// Calls the binary against this server.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = errand(args);
        command.env("ERRAND_DATA", self.data());
        command
    }

    /// Returns the process, for signals.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends SIGTERM, waits for the end and returns how it ended and the data directory.
    pub(crate) fn stop(mut self) -> (ExitStatus, TempDir) {
        kill_process(self.pid(), Signal::TERM).expect("the server can be signalled");
        self.end()
    }

    /// Sends SIGKILL, waits for the end and returns the data directory.
    pub(crate) fn kill(mut self) -> TempDir {
        kill_process(self.pid(), Signal::KILL).expect("the server can be killed");
        self.end().1
    }

    /// Waits for the end that a signal has asked for, and returns as [`Self::stop`] does.
    pub(crate) fn wait(mut self) -> (ExitStatus, TempDir) {
        self.end()
    }

    fn end(&mut self) -> (ExitStatus, TempDir) {
        let status = self.child.wait().expect("the server can be waited for");
        (status, self.data.take().expect("a server ends once"))
    }

    fn token(&self, file: &str) -> String {
        let text = std::fs::read_to_string(self.data().join(file)).expect("it has token files");
        text.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.data.is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
