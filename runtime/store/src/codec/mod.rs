//! The stored form of everything: keys, sealed values, tasks, events, documents.
//!
//! Owns the format. Every value that holds more than an index entry is sealed (version and checksum,
//! [`seal`]); bodies are JSON, so that a field can be added and old records still read. A fixture of
//! each version is read in a test for ever.

pub(crate) mod checkpoint;
pub(crate) mod context;
pub(crate) mod doc;
pub(crate) mod event;
pub(crate) mod journal;
pub(crate) mod keys;
pub(crate) mod seal;
pub(crate) mod series;
pub(crate) mod task;

use errand_core::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a value of ours as JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("stored types have no map keys but strings")
}

/// Reads JSON that [`to_json`] wrote.
pub(crate) fn from_json<T: DeserializeOwned>(key: &[u8], json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json)
        .map_err(|error| StoreError::Corrupt(format!("{}: {error}", keys::describe(key))))
}
