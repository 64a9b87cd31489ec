//! Where the value of a secret comes from.
//!
//! Owns the reading of a variable, a file or a command's output, each with a bound of bytes, the last with
//! one of time. Errors name the source and never what was read.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

/// The longest value.
const MAX_BYTES: usize = 64 * 1024;
/// How long a command may take.
const COMMAND_MS: u64 = 10_000;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SecretSource {
    /// A variable of the server's environment.
    Environment(String),
    /// A file, without the newline at its end.
    File(PathBuf),
    /// What a command prints, without the newline at its end: the program and its arguments; no shell.
    Command(Vec<String>),
}

/// What a file looked like when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl SecretSource {
    /// Returns what tells whether the source has changed; nothing where that can't be told.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let Self::File(path) = self else { return None };
        #[expect(
            clippy::disallowed_methods,
            reason = "the operator's file, which this module owns"
        )]
        let metadata = std::fs::metadata(path).ok()?;
        Some(Stamp { modified: metadata.modified().ok(), length: metadata.len() })
    }

    /// Reads it. Errors fit behind the source's own name.
    pub(crate) async fn read(&self) -> Result<(Zeroizing<Vec<u8>>, Option<Stamp>), String> {
        let stamp = self.stamp();
        let mut value = match self {
            Self::Environment(name) => match std::env::var_os(name) {
                Some(value) => Zeroizing::new(value.into_encoded_bytes()),
                None => return Err("is not set".to_owned()),
            },
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
                read.map_err(|error| error.to_string())??
            }
            Self::Command(command) => {
                let limit = Duration::from_millis(COMMAND_MS);
                let run = tokio::time::timeout(limit, run(command)).await;
                run.map_err(|_| format!("took longer than {COMMAND_MS} ms"))??
            }
        };
        if value.len() > MAX_BYTES {
            return Err(format!("has more than {MAX_BYTES} bytes"));
        }
        if value.last() == Some(&b'\n') {
            value.pop();
            if value.last() == Some(&b'\r') {
                value.pop();
            }
        }
        Ok((value, stamp))
    }
}

/// Room for all that is read, so that nothing of it is left behind by growing.
fn room() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(MAX_BYTES + 2))
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    #[expect(clippy::disallowed_methods, reason = "the operator's file, which this module owns")]
    let (metadata, open) = (std::fs::metadata(path), std::fs::File::open);
    // Opening a pipe would wait for who writes to it.
    if !metadata.map_err(|error| error.to_string())?.is_file() {
        return Err("is no file".to_owned());
    }
    let file = open(path).map_err(|error| error.to_string())?;
    let mut value = room();
    let most = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut value).map_err(|error| error.to_string())?;
    Ok(value)
}

async fn run(command: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("is empty".to_owned());
    };
    #[expect(clippy::disallowed_methods, reason = "the operator's command, which this module owns")]
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not be started: {error}"))?;
    let mut group = Group(child.id());
    let mut value = room();
    if let Some(output) = child.stdout.take() {
        let most = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
        output.take(most).read_to_end(&mut value).await.map_err(|error| error.to_string())?;
    }
    if value.len() > MAX_BYTES {
        // The caller says so; what the command would still say is not waited for.
        return Ok(value);
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    // It has ended by itself: its number may be another's soon.
    group.0 = None;
    if status.success() { Ok(value) } else { Err(format!("ended with {status}")) }
}

/// A command and what it started, which end when it is given up.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0.and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            // It may have ended in between.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment variable `{name}`"),
            Self::File(path) => write!(f, "file `{}`", path.display()),
            // The arguments may say what should not be said.
            Self::Command(command) => {
                write!(f, "command `{}`", command.first().map_or("", String::as_str))
            }
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
