//! A task's log: its events, and the artifacts that they published.

use std::collections::BTreeMap;

use errand_core::{
    Artifact, ContextEntry, ContextId, Event, EventBody, Namespace, StoreError, TaskId,
};

use super::View;
use crate::codec::context::open_entry;
use crate::codec::{event, keys, task};
use crate::kv::Slice;

/// About how many stored bytes one call takes up at most; whoever wants more asks again.
const BYTES_MAX: usize = 16 << 20;

impl View {
    /// Returns up to `limit` events after number `after`; fewer where they are large.
    pub(crate) fn events(
        &self,
        id: TaskId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        let mut next = after.saturating_add(1);
        let submitted =
            task::read_submission(&*self.kv, &*self.blobs, id)?.ok_or(StoreError::NotFound(id))?;
        if next <= 1 && limit > 0 {
            events.push(submitted.into_event(&*self.blobs)?);
            next = 2;
        }
        let mut bytes = 0;
        for chunk in self.chunks(id, next)? {
            let (key, value) = chunk?;
            if events.len() >= limit || bytes >= BYTES_MAX {
                break;
            }
            bytes += value.len();
            for event in event::read_chunk(&key, &value, &*self.blobs)? {
                if event.seq < next || events.len() >= limit {
                    continue;
                }
                if event.seq > next {
                    return self.hole(id, next);
                }
                next += 1;
                match self.whole(id, event)? {
                    Some(event) => events.push(event),
                    None => return Ok(events),
                }
            }
        }
        Ok(events)
    }

    /// Returns up to `limit` entries of a context's log after a position.
    pub(crate) fn context_log(
        &self,
        namespace: &Namespace,
        context: &ContextId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ContextEntry>, StoreError> {
        let log = keys::context_log(namespace, context);
        let from = keys::context_entry(&log, after.saturating_add(1));
        let entries = self.kv.range(&from, &keys::after(&log)).take(limit);
        entries.map(|pair| pair.and_then(|(key, value)| open_entry(&key, &value))).collect()
    }

    /// Goes over the chunks of a log, from the one that has event `from` on.
    fn chunks(
        &self,
        id: TaskId,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<(Slice, Slice), StoreError>>, StoreError> {
        let log = keys::chunks(id);
        let before = keys::chunk(id, from.saturating_add(1));
        let first = self.kv.range_back(&log, &before).next().transpose()?;
        let start = first.map_or(before.to_vec(), |(key, _)| key.to_vec());
        Ok(self.kv.range(&start, &keys::after(&log)))
    }

    /// A number is missing: the task was deleted meanwhile, or the log is damaged.
    fn hole(&self, id: TaskId, seq: u64) -> Result<Vec<Event>, StoreError> {
        match self.version(id)? {
            None => Err(StoreError::NotFound(id)),
            Some(_) => Err(StoreError::Corrupt(format!("the log of task {id} lacks event {seq}"))),
        }
    }

    /// Puts back what is stored once in the record. Nothing where the record is not there yet: a reader
    /// may find a part of what is being applied.
    pub(crate) fn whole(&self, id: TaskId, mut event: Event) -> Result<Option<Event>, StoreError> {
        if let EventBody::Completed { output, .. } = &mut event.body {
            match task::read_output(&*self.kv, &*self.blobs, id)? {
                Some(there) => *output = there,
                None => return Ok(None),
            }
        }
        Ok(Some(event))
    }

    /// Returns the artifacts that the log has published, by path; the last of each path.
    pub(crate) fn artifacts(&self, id: TaskId) -> Result<Vec<Artifact>, StoreError> {
        if self.version(id)?.is_none() {
            return Err(StoreError::NotFound(id));
        }
        let mut found = BTreeMap::new();
        for chunk in self.chunks(id, 1)? {
            let (key, value) = chunk?;
            // Logs are mostly of other things. Where a body lies in a blob, its kind can't be seen.
            if !contains(&value, b"artifact_published") && !contains(&value, b"\"blob\"") {
                continue;
            }
            for event in event::read_chunk(&key, &value, &*self.blobs)? {
                if let EventBody::ArtifactPublished(artifact) = event.body {
                    found.insert(artifact.path.clone(), artifact);
                }
            }
        }
        Ok(found.into_values().collect())
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use errand_core::{
        Append, Claim, Digest, Draft, ExecutorName, ExecutorRef, Guard, Limits, Namespace, NewTask,
        Principal, Retry, Store, Submission, UnixMillis, WorkerId, WorkspaceSource,
    };
    use serde_json::json;

    use super::*;
    use crate::blobs::MemoryBlobs;
    use crate::embedded::assemble;
    use crate::kv::{Batch, Kv, MemoryKv, Read};
    use crate::state::State;
    use crate::state::load::Miscount;
    use crate::writer::NoLog;

    #[tokio::test]
    async fn a_reader_sees_no_completion_before_its_output() {
        let kv = Arc::new(MemoryKv::default());
        let blobs = Arc::new(MemoryBlobs::default());
        let state = State::load(kv.clone(), blobs.clone(), 10, Miscount::Refuse).unwrap();
        let store = assemble(state, kv.clone(), blobs, Box::new(NoLog)).unwrap();
        let id = TaskId::from_parts(1, 1);
        store.submit(vec![task(id)]).await.unwrap();
        let worker = WorkerId::new("worker").unwrap();
        let (now, lease_until) = (UnixMillis(1), UnixMillis(u64::MAX));
        let claim = Claim { worker: worker.clone(), max: 1, now, lease_until };
        let guard = Guard::Lease(store.claim(claim).await.unwrap().items[0].epoch);
        let append = async |body| {
            let by = Principal::new("worker").unwrap();
            let drafts = vec![Draft { at: UnixMillis(2), by, progress: None, body }];
            store.append(Append::new(id, guard, drafts)).await.unwrap();
        };
        append(EventBody::Started {
            run: 1,
            worker,
            engine: "engine".into(),
            workspace: None,
            placed: None,
        })
        .await;
        let before = kv.get(&keys::live(id)).unwrap().unwrap();
        append(EventBody::Completed { output: Arc::new(json!("done")), left: None }).await;
        let after = kv.get(&keys::live(id)).unwrap().unwrap();

        // What a reader finds while the batch is applied key by key: the log's, and not yet the record's.
        let set = |value| {
            let mut batch = Batch::default();
            batch.put(&keys::live(id), value);
            kv.apply(&batch, 0).unwrap();
        };
        set(before);
        let half = store.events(id, 0, 10).await.unwrap();
        assert_eq!(half.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
        set(after);
        let whole = store.events(id, 0, 10).await.unwrap();
        let output = Arc::new(json!("done"));
        assert_eq!(whole[2].body, EventBody::Completed { output, left: None });
    }

    fn task(id: TaskId) -> NewTask {
        let submission = Submission {
            namespace: Namespace::default(),
            executor: ExecutorRef {
                name: ExecutorName::new("python").unwrap(),
                digest: Digest::of(b"python"),
            },
            function: None,
            input: Arc::new(json!({})),
            workspace: WorkspaceSource::Empty,
            labels: Default::default(),
            priority: 0,
            idempotency_key: None,
            delay_ms: 0,
            parent_id: None,
            lineage: None,
            context_id: None,
            limits: Limits::default(),
            retry: Retry::default(),
            mounts: Vec::new(),
            artifacts: Vec::new(),
            notify: Vec::new(),
        };
        let submitted = Event {
            seq: 1,
            at: UnixMillis(1),
            by: Principal::new("agent").unwrap(),
            attempt: 1,
            progress: None,
            body: EventBody::Submitted(Box::new(submission)),
        };
        NewTask { id, submitted, idempotency: None }
    }
}
