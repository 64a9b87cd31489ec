//! One sweep over what is old: ended tasks, uploads that nobody used, blobs that nothing needs.

use std::sync::atomic::{AtomicU64, Ordering};

use errand_core::{BlobRecord, Digest, DocKind, ExpiredQuery, StoreError, TaskId, UnixMillis};
use futures_util::{StreamExt, stream};

use super::{Service, ServiceError};

/// How many ended tasks are found at once.
const FOUND_AT_ONCE: usize = 256;
/// How many are deleted at once: enough to share the store's syncs, few enough that those who submit
/// share them too.
const DELETED_AT_ONCE: usize = 32;
/// How long a blob stays that nothing refers to: its reference may be under way.
const BLOB_GRACE_MS: u64 = 3_600_000;

/// What was collected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Ended tasks, each with its log.
    pub tasks: u64,
    /// Uploads that a namespace had and no task started from.
    pub uploads: u64,
    /// Blobs.
    pub blobs: u64,
    /// How large the blobs were together.
    pub blob_bytes: u64,
}

/// What was collected since the start.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    tasks: AtomicU64,
    uploads: AtomicU64,
    blobs: AtomicU64,
    blob_bytes: AtomicU64,
}

impl Service {
    /// Returns what was collected since the start.
    pub fn collected(&self) -> Collected {
        let totals = &self.0.collected;
        Collected {
            tasks: totals.tasks.load(Ordering::Relaxed),
            uploads: totals.uploads.load(Ordering::Relaxed),
            blobs: totals.blobs.load(Ordering::Relaxed),
            blob_bytes: totals.blob_bytes.load(Ordering::Relaxed),
        }
    }

    /// Collects what is older than `keep_ms`, or, where that is nothing, blobs alone.
    pub(crate) async fn collect(&self, keep_ms: Option<u64>) -> Result<Collected, ServiceError> {
        let now = self.now();
        let before = |ms| UnixMillis(now.0.saturating_sub(ms));
        let mut collected = Collected::default();
        if let Some(keep_ms) = keep_ms {
            self.collect_tasks(before(keep_ms), &mut collected).await?;
            self.collect_uploads(before(keep_ms), &mut collected).await?;
        }
        let blobs = self.store().collect_blobs(before(BLOB_GRACE_MS)).await?;
        (collected.blobs, collected.blob_bytes) = (blobs.count, blobs.bytes);
        self.0.collected.blobs.fetch_add(blobs.count, Ordering::Relaxed);
        self.0.collected.blob_bytes.fetch_add(blobs.bytes, Ordering::Relaxed);
        Ok(collected)
    }

    async fn collect_tasks(
        &self,
        ended_before: UnixMillis,
        collected: &mut Collected,
    ) -> Result<(), ServiceError> {
        let mut query = ExpiredQuery { ended_before, after: None, limit: FOUND_AT_ONCE };
        loop {
            let page = self.store().expired(query.clone()).await?;
            let mut deleted = stream::iter(page.items)
                .map(|(id, version)| self.delete_expired(id, version))
                .buffer_unordered(DELETED_AT_ONCE);
            while let Some(deleted) = deleted.next().await {
                let count = u64::from(deleted?);
                collected.tasks += count;
                self.0.collected.tasks.fetch_add(count, Ordering::Relaxed);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Deletes a task; tells whether it was still there and as it was found.
    async fn delete_expired(&self, id: TaskId, version: u64) -> Result<bool, StoreError> {
        let Some(task) = self.store().task(id).await? else { return Ok(false) };
        if task.version != version || self.is_wanted(&task).await? {
            return Ok(false);
        }
        match self.remove(&task).await {
            Ok(()) => Ok(true),
            // Retried or deleted since.
            Err(StoreError::Conflict | StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn collect_uploads(
        &self,
        uploaded_before: UnixMillis,
        collected: &mut Collected,
    ) -> Result<(), ServiceError> {
        let mut old = Vec::new();
        for (key, doc) in self.store().docs(DocKind::Blob, String::new()).await? {
            let record: BlobRecord =
                serde_json::from_value(doc.value).map_err(ServiceError::internal)?;
            let digest = key.rsplit_once('/').and_then(|(_, digest)| digest.parse::<Digest>().ok());
            if let Some(digest) = digest
                && record.last_uploaded_at < uploaded_before
            {
                old.push((digest, key, doc.version));
            }
        }
        let digests = old.iter().map(|(digest, ..)| *digest).collect();
        let unused = self.store().without_task(digests).await?;
        let unused: std::collections::HashSet<Digest> = unused.into_iter().collect();
        for (_, key, version) in old.into_iter().filter(|(digest, ..)| unused.contains(digest)) {
            match self.store().put_doc(DocKind::Blob, key, Some(version), None).await {
                Ok(_) => {
                    collected.uploads += 1;
                    self.0.collected.uploads.fetch_add(1, Ordering::Relaxed);
                }
                // Uploaded again since.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
