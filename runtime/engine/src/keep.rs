//! Keeping files of a workspace as artifacts.

use std::collections::HashSet;
use std::sync::Arc;

use errand_core::{Artifact, BlobError, Blobs, Published};
use errand_workspace::Workspace;

use crate::bindings::errand::task::types::Bound;
use crate::ended::DISK_FULL;

/// Artifacts that one run may keep.
pub(crate) const MAX_ARTIFACTS: usize = 1_000;

/// Where kept files go; nothing where nobody will ask for them, as in a local run.
pub(crate) type Destination = Option<Arc<dyn Blobs>>;

/// Why a file was not kept.
#[derive(Debug)]
pub(crate) enum KeepError {
    /// It is not a regular file in the workspace.
    NotFound,
    /// The storage failed.
    Host(String),
}

/// What a run has kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    paths: HashSet<String>,
    /// Files kept, those included whose path was kept again.
    count: usize,
    bytes: u64,
}

impl Kept {
    pub(crate) fn add(&mut self, artifact: &Artifact) {
        self.paths.insert(artifact.path.clone());
        self.count += 1;
        self.bytes = self.bytes.saturating_add(artifact.size_bytes);
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Names the bound where a further file of this size may not be kept.
    ///
    /// All together may have as many bytes as the workspace: a file that is published again as another
    /// takes its room again.
    pub(crate) fn refuses(&self, size_bytes: u64, workspace_bytes: u64) -> Option<Bound> {
        if self.count >= MAX_ARTIFACTS {
            return Some(Bound { name: "artifacts".into(), value: MAX_ARTIFACTS as u64 });
        }
        (self.bytes.saturating_add(size_bytes) > workspace_bytes)
            .then(|| Bound { name: "artifact_bytes".into(), value: workspace_bytes })
    }
}

impl Kept {
    /// Returns what goes into a checkpoint of it.
    pub(crate) fn published(&self) -> Published {
        let mut paths: Vec<String> = self.paths.iter().cloned().collect();
        paths.sort_unstable();
        Published { paths, count: self.count, bytes: self.bytes }
    }
}

impl From<&Published> for Kept {
    fn from(published: &Published) -> Self {
        let paths = published.paths.iter().cloned().collect();
        Self { paths, count: published.count, bytes: published.bytes }
    }
}

/// Stores a file of the workspace as it is now.
pub(crate) async fn keep(
    blobs: &Destination,
    workspace: &Workspace,
    path: &str,
    media_type: Option<String>,
    description: Option<String>,
) -> Result<Artifact, KeepError> {
    let (file, size_bytes) = workspace.open_file(path).map_err(|_| KeepError::NotFound)?;
    let (blake3, size_bytes) = match blobs {
        Some(blobs) => blobs.put_reader(Box::new(file)).await.map_err(host)?,
        None => {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(file).map_err(|error| KeepError::Host(error.to_string()))?;
            (hasher.finalize().into(), size_bytes)
        }
    };
    let media_type = media_type.unwrap_or_else(|| {
        mime_guess::from_path(path).first_or_octet_stream().essence_str().to_owned()
    });
    Ok(Artifact { path: path.to_owned(), size_bytes, blake3, media_type, description })
}

fn host(error: BlobError) -> KeepError {
    let why = match error {
        BlobError::NoSpace => DISK_FULL.to_owned(),
        error => error.to_string(),
    };
    KeepError::Host(format!("failed to keep an artifact: {why}"))
}
