//! What is known of an executor once its wasm was admitted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Digest, ExecutorName, Namespace, Principal, Signature, UnixMillis};

/// The three kinds of wasm that run tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutorKind {
    /// Exports the world `errand:task/executor`.
    Native,
    /// Exports typed functions.
    Functions,
    /// Exports `wasi:cli/run`, or was a WASI preview 1 program.
    Command,
}

/// What admission found out about a wasm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorProfile {
    /// The digest of the bytes as uploaded.
    pub digest: Digest,
    /// How it runs tasks.
    pub kind: ExecutorKind,
    /// The size of the bytes as uploaded.
    pub size_bytes: u64,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What can be called: one entry named `run`, or every typed function.
    pub functions: Vec<FunctionProfile>,
    /// The interfaces that it imports, by name.
    #[serde(default)]
    pub imports: Vec<String>,
}

/// One function that a task can call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionProfile {
    /// Its name, unique in the executor.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the input.
    pub input_schema: Value,
    /// JSON Schema of the output.
    pub output_schema: Value,
    /// What it takes and gives, in WIT's types; of typed functions alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// An executor's name with everything that was uploaded under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorRecord {
    /// The tenant.
    pub namespace: Namespace,
    /// The name.
    pub name: ExecutorName,
    /// Newest last. The last one is what the bare name means.
    pub versions: Vec<ExecutorVersion>,
}

/// One upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutorVersion {
    /// What it is.
    pub profile: ExecutorProfile,
    /// When it came.
    pub uploaded_at: UnixMillis,
    /// Who uploaded it.
    pub uploaded_by: Principal,
}
