//! One life of a server, from its start to its violent end, and where clients find the present one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Answer, Client, errand};

const ENDED: &str = "the server ended by itself: see server.log in its data directory";

/// A server process that is to be killed.
pub(crate) struct Life {
    child: Child,
    said: Receiver<String>,
}

impl Life {
    /// Starts a server on a data directory and returns before it is ready.
    pub(crate) fn begin(data: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(data.join("server.log"));
        let mut child = errand(&["serve", "--slots", "8", "--data"])
            .arg(data)
            .env("ERRAND_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log can be written"))
            .spawn()
            .expect("the server can be started");
        let (say, said) = channel();
        let stdout = child.stdout.take().expect("its standard output is piped");
        std::thread::spawn(move || {
            let lines = BufReader::<ChildStdout>::new(stdout).lines();
            lines.map_while(Result::ok).all(|line| say.send(line).is_ok())
        });
        Self { child, said }
    }

    /// Waits until it is ready, and returns where it listens.
    pub(crate) fn url(&self) -> String {
        let line = self.said.recv().unwrap_or_else(|_| panic!("{ENDED}"));
        let url = line.strip_prefix("listening on ");
        url.unwrap_or_else(|| panic!("it said {line:?}")).trim().to_owned()
    }

    /// Lets it live for so long, and kills it. This waits for an instant, not for an event.
    pub(crate) fn kill_after(mut self, lifetime: Duration) {
        match self.said.recv_timeout(lifetime) {
            Err(RecvTimeoutError::Timeout) => self.kill(),
            other => panic!("{ENDED}, or said {other:?}"),
        }
    }

    /// Kills it so long after its start, ready or not.
    pub(crate) fn kill_after_start(mut self, lifetime: Duration) {
        match self.said.recv_timeout(lifetime) {
            // Just ready is an instant too.
            Err(RecvTimeoutError::Timeout) | Ok(_) => self.kill(),
            Err(RecvTimeoutError::Disconnected) => panic!("{ENDED}"),
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Ends it in an orderly way.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it can be signalled");
        let ended = self.child.wait().expect("it can be waited for");
        assert!(ended.success(), "the server ended with {ended}");
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where clients find the server that lives.
#[derive(Default)]
pub(crate) struct Door {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    client: Option<Client>,
    /// How many servers were there.
    lives: u64,
    closed: bool,
}

impl Door {
    pub(crate) fn open(&self, client: Client) {
        let mut state = self.lock();
        state.client = Some(client);
        state.lives += 1;
        self.changed.notify_all();
    }

    /// Says that the server is gone.
    pub(crate) fn shut(&self) {
        self.lock().client = None;
    }

    /// Says that nobody is to begin anything more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for a server after so many, and returns how many there were; nothing at the end.
    pub(crate) fn next(&self, after: u64) -> Option<u64> {
        let mut state = self.lock();
        while !state.closed {
            if state.client.is_some() && state.lives > after {
                return Some(state.lives);
            }
            state = self.changed.wait(state).expect("nobody panics with it");
        }
        None
    }

    /// Sends a request until a server answers it; `before` is told of each time. Nothing: there is no
    /// server, and none will come.
    pub(crate) fn ask(
        &self,
        (method, path): (&str, &str),
        (content_type, body): (&str, &[u8]),
        mut before: impl FnMut(),
    ) -> Option<Answer> {
        let mut tried = 0;
        loop {
            let (client, life) = {
                let mut state = self.lock();
                loop {
                    match &state.client {
                        Some(client) if state.lives > tried => break (client.clone(), state.lives),
                        _ if state.closed => return None,
                        _ => state = self.changed.wait(state).expect("nobody panics with it"),
                    }
                }
            };
            before();
            match client.try_send(method, path, content_type, body) {
                Ok(answer) => return Some(answer),
                Err(_) => tried = life,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

/// Closes a door when it goes out of scope, so that whoever waits there does not wait for ever.
pub(crate) struct Closing<'a>(pub(crate) &'a Door);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
