//! The files that tasks left behind.

use std::sync::Arc;

use bytes::Bytes;
use errand_core::{Artifact, Blobs, TaskId};

use super::{Caller, Right, Service, ServiceError};

/// A file that a task left behind, to be read piece by piece.
#[derive(Clone)]
pub struct ArtifactReader {
    /// What it is.
    pub artifact: Artifact,
    blobs: Arc<dyn Blobs>,
}

impl Service {
    /// Returns what a task has left behind so far, by path.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn artifacts(
        &self,
        caller: &Caller,
        id: TaskId,
    ) -> Result<Vec<Artifact>, ServiceError> {
        caller.require(Right::Read)?;
        self.visible(caller, id).await?;
        Ok(self.store().artifacts(id).await?)
    }

    /// Opens one of them.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn artifact(
        &self,
        caller: &Caller,
        id: TaskId,
        path: &str,
    ) -> Result<ArtifactReader, ServiceError> {
        let artifacts = self.artifacts(caller, id).await?;
        let artifact = artifacts
            .into_iter()
            .find(|artifact| artifact.path == path)
            .ok_or_else(|| ServiceError::NotFound { what: format!("artifact `{path}`") })?;
        Ok(self.reader(artifact))
    }

    /// Opens all of them.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn artifact_readers(
        &self,
        caller: &Caller,
        id: TaskId,
    ) -> Result<Vec<ArtifactReader>, ServiceError> {
        let artifacts = self.artifacts(caller, id).await?;
        Ok(artifacts.into_iter().map(|artifact| self.reader(artifact)).collect())
    }

    pub(super) fn reader(&self, artifact: Artifact) -> ArtifactReader {
        ArtifactReader { artifact, blobs: Arc::clone(&self.0.parts.blobs) }
    }
}

impl ArtifactReader {
    /// Reads up to `length` bytes from `offset` on; fewer at the end.
    ///
    /// # Errors
    /// When the blob is missing or can't be read.
    pub async fn read(&self, offset: u64, length: usize) -> Result<Bytes, ServiceError> {
        Ok(self.blobs.read(self.artifact.blake3, offset, length).await?)
    }
}
