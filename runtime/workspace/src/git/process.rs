//! Running git: its environment, its pipes, and its end.
//!
//! Each child has an environment of its own making, a process group that is killed as a whole, a bound
//! on what is read of it, and a thread that kills it when it is told to stop or takes too long.

#![expect(clippy::disallowed_methods, reason = "it owns git's processes")]

use std::ffi::OsStr;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::environment;
use crate::start::shown;
use crate::{StartError, StopFlag};

/// Wall time that a call may take whose answer is waited for. A status of a large work tree on a slow
/// disk takes some of it.
const WALL: Duration = Duration::from_secs(120);
/// How soon a child is killed after it was told to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What an answer may have: the names of all files of a large repository fit.
const ANSWER_BYTES: u64 = 16 << 20;
/// What is kept of complaints.
const COMPLAINT_BYTES: u64 = 16 << 10;
/// How long a dead child's complaints are waited for.
const COMPLAINT_WAIT: Duration = Duration::from_secs(1);
/// A call of git, not made yet.
pub(super) struct Call {
    command: Command,
    settings: Vec<(String, String)>,
    name: String,
    wall: Option<Duration>,
}

/// What a child answered.
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) output: Vec<u8>,
    pub(super) complaint: Complaint,
}

/// What a child wrote to its standard error.
#[derive(Debug, Default)]
pub(super) struct Complaint(String);

impl Call {
    /// Prepares a call without a repository.
    pub(super) fn new(program: &Path) -> Self {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").process_group(0);
        command.envs(environment::VARIABLES);
        let settings = environment::settings();
        Self { command, settings, name: String::new(), wall: Some(WALL) }
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(super) fn settings(mut self, settings: &[(String, String)]) -> Self {
        self.settings.extend_from_slice(settings);
        self
    }

    /// Lets it read the configuration of whoever runs this process, besides what is said otherwise.
    pub(super) fn with_personal_configuration(mut self) -> Self {
        for (name, value) in environment::personal() {
            match value {
                Some(value) => self.command.env(name, value),
                None => self.command.env_remove(name),
            };
        }
        self
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        if self.name.is_empty() {
            self.name = arg.as_ref().to_string_lossy().into_owned();
        }
        self.command.arg(arg);
        self
    }

    pub(super) fn args(self, args: &[&str]) -> Self {
        args.iter().fold(self, |call, arg| call.arg(arg))
    }

    /// Lets it run until it is told to stop.
    pub(super) fn without_wall(self) -> Self {
        Self { wall: None, ..self }
    }

    /// Makes the call and waits for its answer, whether it succeeds or not.
    ///
    /// # Errors
    /// When it can't be made, is stopped, takes too long or says too much.
    pub(super) fn answer(self, stop: &StopFlag) -> Result<Answer, StartError> {
        let mut running = self.start(stop)?;
        running.close_input();
        let mut output = Vec::new();
        let read = running.output().take(ANSWER_BYTES + 1).read_to_end(&mut output);
        running.check()?;
        read?;
        if output.len() as u64 > ANSWER_BYTES {
            let name = &running.name;
            return Err(StartError::Refused(format!(
                "`git {name}` says more than {ANSWER_BYTES} bytes"
            )));
        }
        let (success, complaint) = running.finish()?;
        Ok(Answer { success, output, complaint })
    }

    /// Makes the call and returns its text.
    ///
    /// # Errors
    /// As [`Call::answer`], and [`StartError::Refused`] when it fails, with what it complained of.
    pub(super) fn text(self, stop: &StopFlag) -> Result<String, StartError> {
        let name = self.name.clone();
        let answer = self.answer(stop)?;
        if !answer.success {
            return Err(answer.complaint.refusal(&name));
        }
        String::from_utf8(answer.output)
            .map_err(|_| StartError::Refused(format!("`git {name}` says what is not UTF-8")))
    }

    /// Starts the child, to talk with it.
    ///
    /// # Errors
    /// When it can't be started.
    pub(super) fn start(mut self, stop: &StopFlag) -> Result<Running, StartError> {
        stop.check()?;
        self.command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (number, (key, value)) in self.settings.iter().enumerate() {
            self.command.env(format!("GIT_CONFIG_KEY_{number}"), key);
            self.command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn()?;
        let pid = Pid::from_child(&child);
        let (input, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let missing = || io::Error::other("git has no pipes");
        let (told, complaint) = mpsc::channel();
        let errors = errors.ok_or_else(missing)?;
        std::thread::spawn(move || {
            let _ = told.send(complain(errors));
        });
        let child = Arc::new(Mutex::new(Some(child)));
        let late = Arc::new(AtomicBool::new(false));
        let (watching, ended) = mpsc::channel();
        let watch = Watch {
            child: Arc::clone(&child),
            stop: stop.clone(),
            until: self.wall.map(|wall| Instant::now() + wall),
            late: Arc::clone(&late),
        };
        std::thread::spawn(move || watch.until(&ended));
        Ok(Running {
            name: self.name,
            input,
            output: BufReader::new(output.ok_or_else(missing)?),
            child,
            pid,
            complaint,
            stop: stop.clone(),
            late,
            _watching: watching,
        })
    }
}

/// A child that is talked with. It is killed on drop.
#[derive(Debug)]
pub(super) struct Running {
    name: String,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Nothing once it is reaped: its number may be another's then.
    child: Arc<Mutex<Option<Child>>>,
    pid: Pid,
    complaint: Receiver<Complaint>,
    stop: StopFlag,
    late: Arc<AtomicBool>,
    _watching: Sender<()>,
}

impl Running {
    pub(super) fn output(&mut self) -> &mut BufReader<ChildStdout> {
        &mut self.output
    }

    /// Writes to its standard input. What it answers meanwhile must fit into a pipe.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.input {
            Some(input) => input.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    pub(super) fn close_input(&mut self) {
        self.input = None;
    }

    /// Tells whether it was killed, and why.
    ///
    /// # Errors
    /// When it was.
    pub(super) fn check(&self) -> Result<(), StartError> {
        self.stop.check()?;
        if self.late.load(Ordering::Relaxed) {
            let (name, wall) = (&self.name, WALL.as_secs());
            return Err(StartError::Refused(format!("`git {name}` took longer than {wall} s")));
        }
        Ok(())
    }

    /// Waits for its end; tells whether it succeeded and what it complained of.
    pub(super) fn finish(mut self) -> Result<(bool, Complaint), StartError> {
        self.close_input();
        let status = self.reap()?;
        self.check()?;
        let complaint = self.complaint.recv_timeout(COMPLAINT_WAIT).unwrap_or_default();
        Ok((status.is_some_and(|status| status.success()), complaint))
    }

    /// Kills it, and says why it can't be talked with.
    pub(super) fn broken(&mut self) -> StartError {
        if let Err(error) = self.check() {
            return error;
        }
        self.close_input();
        kill(&self.child);
        let complaint = self.complaint.recv_timeout(COMPLAINT_WAIT).unwrap_or_default();
        complaint.refusal(&self.name)
    }

    fn reap(&self) -> io::Result<Option<ExitStatus>> {
        // Not under the lock, which whoever kills it needs, and not yet taking its number away.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(self.pid), options) {}
        match lock(&self.child).take() {
            Some(mut child) => child.wait().map(Some),
            None => Ok(None),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill(&self.child);
        if lock(&self.child).is_some() {
            let _ = self.reap();
        }
    }
}

impl Complaint {
    /// Tells whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Tells whether it has a text in it.
    pub(super) fn has(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    /// Its most telling line, as messages show it.
    pub(super) fn line(&self) -> String {
        let lines = || self.0.lines().map(str::trim).filter(|line| !line.is_empty());
        let telling = |line: &&str| line.starts_with("fatal:") || line.starts_with("error:");
        let line = lines().find(telling).or_else(|| lines().next()).unwrap_or("it says nothing");
        shown(line.trim_start_matches("fatal:").trim_start_matches("error:").trim())
    }

    /// Refuses what a call was made for.
    pub(super) fn refusal(&self, name: &str) -> StartError {
        if self.has("No space left on device") {
            return StartError::DiskFull;
        }
        StartError::Refused(format!("`git {name}` failed: {}", self.line()))
    }
}

/// Kills a child that must not go on.
struct Watch {
    child: Arc<Mutex<Option<Child>>>,
    stop: StopFlag,
    until: Option<Instant>,
    late: Arc<AtomicBool>,
}

impl Watch {
    fn until(self, ended: &Receiver<()>) {
        while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            let late = self.until.is_some_and(|until| Instant::now() > until);
            if late {
                self.late.store(true, Ordering::Relaxed);
            }
            if late || self.stop.check().is_err() {
                return kill(&self.child);
            }
        }
    }
}

fn kill(child: &Mutex<Option<Child>>) {
    if let Some(child) = &*lock(child) {
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
}

/// Reads complaints to their end, so that the child never waits, and keeps the first of them.
fn complain(mut errors: impl Read) -> Complaint {
    let mut kept = Vec::new();
    let _ = errors.by_ref().take(COMPLAINT_BYTES).read_to_end(&mut kept);
    let _ = io::copy(&mut errors, &mut io::sink());
    Complaint(String::from_utf8_lossy(&kept).into_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
