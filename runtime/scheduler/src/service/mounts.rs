//! What a task may read besides its workspace: whose archives they are, and where they may lie.

use errand_core::{Digest, Limits, Mount, Namespace, WorkspaceSource};

use super::check::Findings;
use super::workspace::Starts;
use super::{Service, ServiceError, TaskRequest};

impl Service {
    /// Checks what is to be mounted. Where a finding is in the way, what is returned is not used.
    pub(super) async fn check_mounts(
        &self,
        namespace: &Namespace,
        request: &TaskRequest,
        starts: &mut Starts,
        found: &mut Findings<'_>,
    ) -> Result<Vec<Mount>, ServiceError> {
        if request.mounts.len() > Mount::MOST {
            found.fault("/mounts", format!("must be at most {}", Mount::MOST));
            return Ok(Vec::new());
        }
        let mut mounts: Vec<Mount> = Vec::new();
        for (index, asked) in request.mounts.iter().enumerate() {
            let pointer = |field: &str| format!("/mounts/{index}/{field}");
            if let Err(rule) = Mount::check_path(&asked.path) {
                found.fault(&pointer("path"), rule);
            }
            let blob = match asked.blob.parse::<Digest>() {
                Ok(blob) => blob,
                Err(error) => {
                    found.fault(&pointer("blob"), error.to_string());
                    continue;
                }
            };
            let mount = Mount { path: asked.path.clone(), blob };
            if let Some(earlier) = mounts.iter().find(|earlier| earlier.overlaps(&mount)) {
                let message = format!("must not lie at or in `{}`, which is mounted", earlier.path);
                found.fault(&pointer("path"), message);
            }
            mounts.push(mount);
            if !self.has_blob(namespace, blob).await? {
                let message = format!(
                    "namespace `{namespace}` has no such blob; upload the archive with \
                     `POST /v1/blobs` first"
                );
                found.fault(&pointer("blob"), message);
                continue;
            }
            let source = WorkspaceSource::Tar { blob };
            if let Err(message) = self.look_at(&source, &Limits::default(), starts).await? {
                found.fault(&pointer("blob"), message);
            }
        }
        Ok(mounts)
    }
}
