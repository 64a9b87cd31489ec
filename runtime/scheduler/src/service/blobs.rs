//! Uploaded blobs: bytes that a workspace may start from.
//!
//! The bytes lie in [`errand_core::Blobs`], once whoever uploads them. That a namespace has them is a
//! document of the namespace's; only by that they are found, and only while it is there they are kept.

use std::io::Read;

use errand_core::{BlobRecord, Digest, Doc, DocKind, Namespace, StoreError};

use super::{Caller, Right, Service, ServiceError};

/// Bytes that were uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadedBlob {
    /// What names them.
    pub blake3: Digest,
    /// How many they are.
    pub size_bytes: u64,
}

impl Service {
    /// Stores bytes for a namespace, the caller's own where none is named. They are durable when this
    /// answers. The same bytes again are fine.
    ///
    /// # Errors
    /// [`ServiceError::Internal`] also where `bytes` fails, which its owner knows better.
    pub async fn upload_blob(
        &self,
        caller: &Caller,
        namespace: Option<&str>,
        bytes: Box<dyn Read + Send>,
    ) -> Result<UploadedBlob, ServiceError> {
        let namespace = self.blob_namespace(caller, namespace)?;
        self.store().check_room().await?;
        let (blake3, size_bytes) = self.0.parts.blobs.put_reader(bytes).await?;
        self.note_upload(caller, &namespace, blake3, size_bytes).await?;
        Ok(UploadedBlob { blake3, size_bytes })
    }

    /// Writes down that a namespace has the bytes, or that they came again: old uploads are collected.
    async fn note_upload(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        blob: Digest,
        size_bytes: u64,
    ) -> Result<(), ServiceError> {
        let key = key(namespace, blob);
        loop {
            let now = self.now();
            let known = self.store().doc(DocKind::Blob, key.clone()).await?;
            let (record, expected) = match known {
                Some(Doc { value, version }) => {
                    let record = serde_json::from_value(value).map_err(ServiceError::internal)?;
                    (BlobRecord { last_uploaded_at: now, ..record }, Some(version))
                }
                None => {
                    let uploaded_by = caller.principal.clone();
                    let (uploaded_at, last_uploaded_at) = (now, now);
                    (BlobRecord { size_bytes, uploaded_at, last_uploaded_at, uploaded_by }, None)
                }
            };
            let value = serde_json::to_value(&record).map_err(ServiceError::internal)?;
            let put = self.store().put_doc(DocKind::Blob, key.clone(), expected, Some(value));
            match put.await {
                Ok(_) => return Ok(()),
                // Uploaded elsewhere at the same time, or just collected.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns the namespace that an upload is for, before any of it is read.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] without the right `submit` or for another namespace.
    pub fn blob_namespace(
        &self,
        caller: &Caller,
        namespace: Option<&str>,
    ) -> Result<Namespace, ServiceError> {
        caller.require(Right::Submit)?;
        match namespace.map(Namespace::new) {
            None => Ok(caller.home()),
            Some(Ok(namespace)) => Ok(caller.within(namespace)?.home()),
            Some(Err(error)) => Err(ServiceError::invalid("/namespace", error.to_string())),
        }
    }

    /// Tells whether a namespace has a blob, which then stays for as long as a submission takes.
    pub(super) async fn has_blob(
        &self,
        namespace: &Namespace,
        blob: Digest,
    ) -> Result<bool, ServiceError> {
        // In this order: what is looked up now may be collected, what was used just now is not.
        let there = self.0.parts.blobs.touch(blob).await?;
        Ok(there && self.store().doc(DocKind::Blob, key(namespace, blob)).await?.is_some())
    }
}

fn key(namespace: &Namespace, blob: Digest) -> String {
    format!("{namespace}/{blob}")
}
