//! Why the service refused or failed: one error type, which the doors map to their own codes.

use errand_core::{BlobError, StoreError, WorldError};
use serde::Serialize;

/// Why a call was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The request is not JSON at all (400).
    #[error("read the request: {message}")]
    Malformed {
        /// What is wrong, with line and column.
        message: String,
    },
    /// The credentials are unknown, revoked or expired (401).
    #[error("the token is unknown, revoked or expired")]
    Unauthenticated,
    /// The caller lacks a right (403).
    #[error("{message}")]
    Forbidden {
        /// What is lacking.
        message: String,
    },
    /// There is no such thing, or it is another namespace's (404).
    #[error("there is no {what}")]
    NotFound {
        /// Such as ``task `01…` ``.
        what: String,
    },
    /// The request can be read, and is wrong (422).
    #[error("the request is wrong: {}", listed(faults))]
    Invalid {
        /// Everything that is wrong with it.
        faults: Vec<Fault>,
    },
    /// The request asks for what this version does not do (422, `unsupported`).
    #[error("{what} is not supported")]
    Unsupported {
        /// What it asks for.
        what: String,
    },
    /// The thing's state forbids it (409).
    #[error("{message}")]
    Conflict {
        /// Why.
        message: String,
    },
    /// The queue holds as many tasks as it may (429).
    #[error("the queue is full ({bound} tasks)")]
    QueueFull {
        /// How many it may hold.
        bound: u64,
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The namespace has used up what it may (429).
    #[error("over the quota: {what}")]
    OverQuota {
        /// Which quota.
        what: String,
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The disk has no room left beyond the reserve (507).
    #[error("the server's disk is full; new work is refused until there is room again")]
    NoSpace,
    /// Something is wrong on this side (500).
    #[error("{message}")]
    Internal {
        /// What, for the log of the server.
        message: String,
    },
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The JSON pointer of what is wrong.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

impl Fault {
    /// Names a fault.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

impl ServiceError {
    /// How long a client is told to wait when the queue is full.
    const QUEUE_FULL_RETRY_MS: u64 = 1_000;

    pub(crate) fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { faults: vec![Fault::new(pointer, message)] }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into() }
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::Internal { message: message.to_string() }
    }

    pub(crate) fn no_task(id: impl std::fmt::Display) -> Self {
        Self::NotFound { what: format!("task `{id}`") }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(id) => Self::no_task(id),
            StoreError::Conflict
            | StoreError::Illegal(_)
            | StoreError::IdempotencyConflict { .. } => Self::conflict(error.to_string()),
            StoreError::QueueFull { bound } => {
                Self::QueueFull { bound, retry_after_ms: Self::QUEUE_FULL_RETRY_MS }
            }
            StoreError::NoSpace => Self::NoSpace,
            StoreError::NoBackup => Self::Unsupported { what: "a backup of this store".into() },
            StoreError::Corrupt(_) | StoreError::Io(_) => Self::internal(error),
        }
    }
}

impl From<ServiceError> for WorldError {
    fn from(error: ServiceError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<BlobError> for ServiceError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NoSpace => Self::NoSpace,
            BlobError::Missing(_) | BlobError::Io(_) => Self::internal(error),
        }
    }
}

fn listed(faults: &[Fault]) -> String {
    let texts: Vec<String> =
        faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.message)).collect();
    texts.join("; ")
}
