//! Admitting uploads: what a wasm is, whether it can be run, and its compiled form.
//!
//! Compiling takes memory and time that the upload's author decides, so it happens in a child process
//! under limits of its own ([`child`]). This side feeds it, waits, and reads what it says.

#![expect(
    clippy::disallowed_methods,
    reason = "it owns the compiling child and the profiles beside the compiled files"
)]

mod adapt;
pub(crate) mod child;
mod inspect;
mod limits;
mod profile;
mod program;
mod worlds;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use errand_core::{AdmissionError, Digest, ExecutorProfile};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::compiled;

pub(crate) use profile::{kept, path as profile_path, read as known};

/// Wall time that a child may take. CPython compiles in about 8 s on two idle cores.
const WALL: Duration = Duration::from_secs(180);
/// What a child may say: a profile with thousands of functions fits.
const ANSWER_BYTES: u64 = 16 << 20;
/// Children at work at once: one uses all cores.
const CHILDREN: usize = 1;

/// Compiles uploads.
pub(crate) struct Admission {
    /// The program that is its own compiler, called with `__compile`.
    compiler: PathBuf,
    directory: PathBuf,
    children: Semaphore,
}

/// What a child is told, on its standard input.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// The wasm as uploaded.
    source: PathBuf,
    /// Where the compiled component goes.
    compiled: PathBuf,
    /// Where the profile goes.
    profile: PathBuf,
}

/// What a child answers, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Admitted(Box<ExecutorProfile>),
    Refused(String),
    Failed(String),
}

impl Admission {
    pub(crate) fn new(compiler: PathBuf, directory: PathBuf) -> Self {
        Self { compiler, directory, children: Semaphore::new(CHILDREN) }
    }

    /// Checks and compiles a wasm. What was admitted before for this engine is read from its profile.
    pub(crate) async fn admit(
        &self,
        wasm: Bytes,
        compiled: PathBuf,
    ) -> Result<ExecutorProfile, AdmissionError> {
        inspect::sniff(&wasm).map_err(AdmissionError::Refused)?;
        let digest = Digest::of(&wasm);
        if let Some(profile) = profile::read(&compiled) {
            return Ok(profile);
        }
        let _turn = self.children.acquire().await.map_err(internal)?;
        if let Some(profile) = profile::read(&compiled) {
            return Ok(profile);
        }
        // What is there of it is damaged, and would not be replaced.
        compiled::discard(&compiled).map_err(internal)?;
        let source = Source::write(&self.directory, digest, &wasm).map_err(internal)?;
        let order = Order { source: source.0.clone(), profile: profile::path(&compiled), compiled };
        match tokio::time::timeout(WALL, self.compile(&order)).await {
            Ok(answer) => match answer? {
                Answer::Admitted(profile) => Ok(*profile),
                Answer::Refused(why) => Err(AdmissionError::Refused(why)),
                Answer::Failed(why) => Err(AdmissionError::Internal(why)),
            },
            Err(_) => Err(AdmissionError::Refused(format!(
                "compiling it took longer than {} s",
                WALL.as_secs()
            ))),
        }
    }

    /// Removes a compiled file, unless somebody has made it anew meanwhile.
    pub(crate) async fn discard_unless(
        &self,
        is_whole: impl Fn() -> bool,
        compiled: &Path,
    ) -> Result<(), AdmissionError> {
        let _turn = self.children.acquire().await.map_err(internal)?;
        if is_whole() { Ok(()) } else { compiled::discard(compiled).map_err(internal) }
    }

    async fn compile(&self, order: &Order) -> Result<Answer, AdmissionError> {
        let mut child = Command::new(&self.compiler)
            .arg("__compile")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(internal)?;
        let order = serde_json::to_vec(order).map_err(internal)?;
        let mut stdin = child.stdin.take().ok_or_else(|| internal("no standard input"))?;
        let mut stdout = child.stdout.take().ok_or_else(|| internal("no standard output"))?;
        // A child that ended early says more by its status than by a broken pipe.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, &order).await;
        drop(stdin);
        let mut said = Vec::new();
        (&mut stdout).take(ANSWER_BYTES).read_to_end(&mut said).await.map_err(internal)?;
        let status = child.wait().await.map_err(internal)?;
        serde_json::from_slice(&said).or_else(|_| limits::explain(status))
    }
}

/// Returns the component that an upload is compiled from: itself, or what is made of a module.
///
/// Only its form is checked; whether it is valid is for the compiler to say.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn as_component(wasm: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match inspect::sniff(wasm)? {
        inspect::Form::Component => Ok(Cow::Borrowed(wasm)),
        inspect::Form::Module => adapt::adapt(wasm).map(Cow::Owned),
    }
}

fn internal(error: impl std::fmt::Display) -> AdmissionError {
    AdmissionError::Internal(error.to_string())
}

/// The upload as a file for the child, removed on drop.
struct Source(PathBuf);

impl Source {
    fn write(directory: &Path, digest: Digest, wasm: &[u8]) -> io::Result<Self> {
        let name = format!("{digest}-{:016x}.upload", rand::random::<u64>());
        let source = Self(directory.join(name));
        std::fs::write(&source.0, wasm)?;
        Ok(source)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
