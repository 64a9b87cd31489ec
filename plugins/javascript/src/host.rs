//! What a run needs of the world: an interface, so that tests can stand in for it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A standard stream that a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// What the program answers.
    Stdout,
    /// What it says besides.
    Stderr,
}

/// The world, as a program sees it.
pub trait Host {
    /// Writes to a standard stream. What can't be written is lost.
    fn write(&self, stream: Stream, bytes: &[u8]);

    /// Reads up to so many bytes of standard input; none at its end.
    fn read_stdin(&self, max_bytes: usize) -> Vec<u8>;

    /// Returns where a path of the sandbox is.
    fn path(&self, path: &str) -> PathBuf;

    /// Returns bytes that nobody can foresee, the same where an attempt is repeated.
    fn random(&self, length: usize) -> Vec<u8>;

    /// Returns the environment's variables.
    fn environment(&self) -> BTreeMap<String, String>;

    /// Calls a function of the host by name, with JSON for what it takes and gives.
    ///
    /// # Errors
    /// Where the host refuses.
    fn call(&self, name: &str, arguments: Value) -> Result<Value, Refusal>;

    /// Saves a checkpoint, and comes back only where it failed.
    fn save(&self, state: &[u8]) -> Refusal;

    /// Returns what the last checkpoint saved.
    fn restored(&self) -> Option<Vec<u8>>;

    /// Makes an HTTP request.
    ///
    /// # Errors
    /// Where there is no answer.
    fn http(&self, request: HttpRequest, body: Vec<u8>) -> Result<HttpAnswer, Refusal>;
}

/// What a program wants to be asked for, without its body.
#[derive(Debug, Deserialize)]
pub struct HttpRequest {
    /// Any method.
    pub method: String,
    /// `http` or `https`.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// How long connecting, and each part of the answer, may take.
    pub timeout_ms: Option<u64>,
}

/// An answer of any status.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Names in lower case; repeated ones as they came.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

/// Why the host did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refusal {
    /// This server does not offer the call.
    Unsupported {
        /// What is missing.
        text: String,
    },
    /// The operator has not granted it.
    Denied {
        /// What to grant.
        text: String,
    },
    /// An argument is malformed.
    Invalid {
        /// Which, and how.
        text: String,
    },
    /// A bound of the task would be exceeded.
    Limit {
        /// Its name.
        name: String,
        /// Its value.
        value: u64,
    },
    /// What the call names does not exist.
    NotFound {
        /// What it named.
        text: String,
    },
    /// It took too long.
    TimedOut {
        /// What did.
        text: String,
    },
    /// Nobody knows whether it was done.
    Unknown {
        /// What happened.
        text: String,
    },
    /// It failed otherwise.
    Failed {
        /// How.
        text: String,
    },
}
