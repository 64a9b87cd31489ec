//! How failures of the operating system become the store's errors.

use std::io;
use std::path::Path;

use errand_core::{BlobError, StoreError};

/// Says what was tried; a full disk is told apart.
pub(crate) fn io(what: &str, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoSpace,
        _ => StoreError::Io(format!("{what}: {error}")),
    }
}

/// As [`io`], with the file that it was tried on.
pub(crate) fn at<'a>(what: &'a str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |error| io(&format!("{what} {}", path.display()), &error)
}

/// A failure of the blobs as one of the store.
pub(crate) fn blob(error: BlobError) -> StoreError {
    match error {
        BlobError::Missing(digest) => StoreError::Corrupt(format!("blob {digest} is missing")),
        BlobError::NoSpace => StoreError::NoSpace,
        BlobError::Io(text) => StoreError::Io(text),
    }
}
