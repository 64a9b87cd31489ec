//! The trait behind which large, content-addressed bytes lie: uploads, artifacts, big payloads.

use std::io::Read;

use bytes::Bytes;

use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Digest, Principal, UnixMillis};

/// Content-addressed bytes. The same content is stored once.
pub trait Blobs: Send + Sync {
    /// Stores bytes. They are durable when this returns.
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Digest, BlobError>>;

    /// Stores all that a reader gives, in bounded memory; returns its digest and size in bytes.
    fn put_reader(
        &self,
        reader: Box<dyn Read + Send>,
    ) -> BoxFuture<'_, Result<(Digest, u64), BlobError>>;

    /// Returns the size in bytes of a blob, or nothing where there is none.
    fn size(&self, digest: Digest) -> BoxFuture<'_, Result<Option<u64>, BlobError>>;

    /// Marks a blob as used just now, and tells whether it is there. It stays for a while then, though
    /// nothing may refer to it yet.
    fn touch(&self, digest: Digest) -> BoxFuture<'_, Result<bool, BlobError>>;

    /// Reads up to `length` bytes from `offset` on; fewer at the end.
    fn read(
        &self,
        digest: Digest,
        offset: u64,
        length: usize,
    ) -> BoxFuture<'_, Result<Bytes, BlobError>>;
}

/// Bytes that were uploaded to a namespace. Only there they can be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRecord {
    /// How many.
    pub size_bytes: u64,
    /// When they came first.
    pub uploaded_at: UnixMillis,
    /// When they came last.
    pub last_uploaded_at: UnixMillis,
    /// Who uploaded them first.
    pub uploaded_by: Principal,
}

/// Why a blob could not be stored or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlobError {
    /// There is no blob of this digest.
    #[error("there is no blob {0}")]
    Missing(Digest),
    /// The disk has no room left.
    #[error("store a blob: no space is left")]
    NoSpace,
    /// The storage failed.
    #[error("use the blob storage: {0}")]
    Io(String),
}
