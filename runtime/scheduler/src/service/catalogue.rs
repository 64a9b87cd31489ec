//! The executors, as submissions look them up: a cache in front of the store's documents.
//!
//! Writes of this process are seen at once. Those of another are seen after
//! [`MAX_AGE_MS`] at the latest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use errand_core::{
    DocKind, ExecutorName, ExecutorRecord, ExecutorRef, Namespace, Store, UnixMillis,
};

use tokio::sync::watch;

use super::ServiceError;
use super::schema::Checked;

/// After this time an entry is read again.
const MAX_AGE_MS: u64 = 1_000;
/// Most names kept. Past it the cache starts anew: more live names than this are not expected.
const MAX_NAMES: usize = 1_024;

#[derive(Default)]
pub(crate) struct Catalogue {
    cached: Mutex<Cached>,
    /// Counts the writes of this process.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Cached {
    /// Each with the moment when it was read.
    names: HashMap<(Namespace, ExecutorName), (UnixMillis, Arc<Entry>)>,
    /// Writes of this process so far: what was read before one is not put in after it.
    writes: u64,
}

/// An executor with the version of its document.
pub(crate) struct Entry {
    pub(crate) record: ExecutorRecord,
    pub(crate) doc_version: u64,
    /// In the order of the record's versions.
    checked: Vec<Arc<Checked>>,
}

impl Catalogue {
    /// Returns an executor, from memory where it is fresh.
    pub(crate) async fn get(
        &self,
        store: &dyn Store,
        now: UnixMillis,
        namespace: &Namespace,
        name: &ExecutorName,
    ) -> Result<Option<Arc<Entry>>, ServiceError> {
        let key = (namespace.clone(), name.clone());
        let (known, writes) = {
            let cached = self.lock();
            (cached.names.get(&key).cloned(), cached.writes)
        };
        if let Some((read_at, entry)) = &known
            && now.since_ms(*read_at) < MAX_AGE_MS
        {
            return Ok(Some(Arc::clone(entry)));
        }
        let Some(doc) = store.doc(DocKind::Executor, doc_key(namespace, name)).await? else {
            self.lock().names.remove(&key);
            return Ok(None);
        };
        let entry = match known {
            Some((_, entry)) if entry.doc_version == doc.version => entry,
            known => {
                let record = serde_json::from_value(doc.value).map_err(ServiceError::internal)?;
                Arc::new(Entry::new(record, doc.version, known.map(|(_, entry)| entry)))
            }
        };
        let mut cached = self.lock();
        if cached.writes == writes {
            if cached.names.len() >= MAX_NAMES {
                cached.names.clear();
            }
            cached.names.insert(key, (now, Arc::clone(&entry)));
        }
        Ok(Some(entry))
    }

    /// Forgets an executor, so that the next look-up reads it.
    pub(crate) fn forget(&self, namespace: &Namespace, name: &ExecutorName) {
        let mut cached = self.lock();
        cached.names.remove(&(namespace.clone(), name.clone()));
        cached.writes += 1;
        drop(cached);
        self.changed.send_modify(|writes| *writes += 1);
    }

    /// Returns what tells of each write of this process.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Entry {
    fn new(record: ExecutorRecord, doc_version: u64, before: Option<Arc<Self>>) -> Self {
        let compiled = |profile: &errand_core::ExecutorProfile| {
            let before = before.as_ref()?;
            before.checked.iter().find(|known| known.profile.digest == profile.digest).cloned()
        };
        let checked = record
            .versions
            .iter()
            .map(|version| {
                compiled(&version.profile)
                    .unwrap_or_else(|| Arc::new(Checked::new(version.profile.clone())))
            })
            .collect();
        Self { record, doc_version, checked }
    }

    /// Pins the executor: the newest version, or the one whose digest starts so.
    pub(crate) fn pin(
        &self,
        prefix: Option<&str>,
    ) -> Result<(ExecutorRef, &Arc<Checked>), &'static str> {
        let found = match prefix {
            None => self.checked.last().ok_or("has no version")?,
            Some(prefix) => {
                let mut fits = self.checked.iter().filter(|checked| {
                    !prefix.is_empty() && checked.profile.digest.to_string().starts_with(prefix)
                });
                let first = fits.next().ok_or("has no version of this digest")?;
                if fits.next().is_some() {
                    return Err("has several versions whose digest starts so");
                }
                first
            }
        };
        let pinned = ExecutorRef { name: self.record.name.clone(), digest: found.profile.digest };
        Ok((pinned, found))
    }

    /// Returns what is known of a digest.
    pub(crate) fn version(&self, digest: errand_core::Digest) -> Option<&Arc<Checked>> {
        self.checked.iter().find(|checked| checked.profile.digest == digest)
    }
}

/// Returns the key of an executor's document.
pub(crate) fn doc_key(namespace: &Namespace, name: &ExecutorName) -> String {
    format!("{namespace}/{name}")
}
