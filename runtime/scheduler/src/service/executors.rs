//! Uploading, listing and removing executors.

use bytes::Bytes;
use errand_core::{
    AdmissionError, Digest, DocKind, ExecutorName, ExecutorRecord, ExecutorVersion, ListFilter,
    ListQuery, Namespace, StoreError, TaskId,
};

use tokio::sync::watch;

use super::catalogue::doc_key;
use super::schema;
use super::{Caller, Fault, Right, Service, ServiceError};

/// Most versions of one name. The oldest that no task is pinned to makes room.
const MAX_VERSIONS: usize = 64;
/// How often a write starts over because somebody else wrote the same document first.
const MAX_TRIES: usize = 16;

/// What became of an upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Uploaded {
    /// The executor's name.
    pub name: ExecutorName,
    /// What was uploaded.
    pub version: ExecutorVersion,
    /// Whether it is new; the same bytes were there otherwise.
    pub created: bool,
}

impl Service {
    /// Admits a wasm under a name. What was uploaded last is what the bare name means.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] saying what is wrong with the name or the wasm.
    pub async fn upload(
        &self,
        caller: &Caller,
        name: &str,
        wasm: Bytes,
    ) -> Result<Uploaded, ServiceError> {
        caller.require(Right::Upload)?;
        let name = ExecutorName::new(name)
            .map_err(|error| ServiceError::invalid("/name", error.to_string()))?;
        if wasm.len() > self.0.settings.max_wasm_bytes {
            let most = self.0.settings.max_wasm_bytes;
            return Err(ServiceError::invalid("", format!("is larger than {most} bytes")));
        }
        self.store().check_room().await?;
        let namespace = caller.home();
        let digest = Digest::of(&wasm);
        let known = self
            .executor_entry(&namespace, &name)
            .await?
            .and_then(|entry| entry.record.versions.iter().find(|one| is(one, digest)).cloned());
        let version = match known {
            Some(version) => version,
            None => {
                let profile = self.0.parts.runner.admit(wasm.clone()).await?;
                // The schemas of typed functions are made by admission itself.
                for function in profile.functions.iter().filter(|one| one.signature.is_none()) {
                    for (what, schema) in
                        [("input", &function.input_schema), ("output", &function.output_schema)]
                    {
                        schema::compile(schema).map_err(|reason| {
                            let name = &function.name;
                            let text = format!("the {what} schema of `{name}` is wrong: {reason}");
                            ServiceError::invalid("", text)
                        })?;
                    }
                }
                self.0.parts.blobs.put(wasm).await?;
                ExecutorVersion {
                    profile,
                    uploaded_at: self.now(),
                    uploaded_by: caller.principal.clone(),
                }
            }
        };
        let created = self.enter(&namespace, &name, &version).await?;
        Ok(Uploaded { name, version, created })
    }

    /// Returns all executors of the caller's namespace, or of all; by namespace and name.
    ///
    /// # Errors
    /// When the right `read` is lacking or the store fails.
    pub async fn executors(&self, caller: &Caller) -> Result<Vec<ExecutorRecord>, ServiceError> {
        caller.require(Right::Read)?;
        let prefix = caller.namespace.as_ref().map(|own| format!("{own}/")).unwrap_or_default();
        let docs = self.store().docs(DocKind::Executor, prefix).await?;
        docs.into_iter()
            .map(|(_, doc)| serde_json::from_value(doc.value).map_err(ServiceError::internal))
            .collect()
    }

    /// Returns what tells that executors were uploaded or removed, by this process.
    pub fn executor_changes(&self) -> watch::Receiver<u64> {
        self.0.catalogue.changes()
    }

    /// Returns one executor with all its versions.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn executor(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<ExecutorRecord, ServiceError> {
        caller.require(Right::Read)?;
        let missing = || ServiceError::NotFound { what: format!("executor `{name}`") };
        let parsed = ExecutorName::new(name).map_err(|_| missing())?;
        let entry = self.executor_entry(&caller.home(), &parsed).await?;
        entry.map(|entry| entry.record.clone()).ok_or_else(missing)
    }

    /// Removes an executor with all its versions.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Conflict`] while a task is pinned to one of them.
    pub async fn remove_executor(&self, caller: &Caller, name: &str) -> Result<(), ServiceError> {
        caller.require(Right::Upload)?;
        let missing = || ServiceError::NotFound { what: format!("executor `{name}`") };
        let parsed = ExecutorName::new(name).map_err(|_| missing())?;
        let namespace = caller.home();
        self.0.catalogue.forget(&namespace, &parsed);
        let entry = self.executor_entry(&namespace, &parsed).await?.ok_or_else(missing)?;
        for version in &entry.record.versions {
            let digest = version.profile.digest;
            if let Some(task) = self.pinned(&namespace, &parsed, digest).await? {
                let message =
                    format!("task `{task}` is pinned to `{name}@{digest}`; delete it first");
                return Err(ServiceError::conflict(message));
            }
        }
        let key = doc_key(&namespace, &parsed);
        self.store().put_doc(DocKind::Executor, key, Some(entry.doc_version), None).await?;
        self.0.catalogue.forget(&namespace, &parsed);
        Ok(())
    }

    /// Puts a version last in its executor's record. Tells whether it was not in it.
    async fn enter(
        &self,
        namespace: &Namespace,
        name: &ExecutorName,
        version: &ExecutorVersion,
    ) -> Result<bool, ServiceError> {
        let digest = version.profile.digest;
        let key = doc_key(namespace, name);
        for _ in 0..MAX_TRIES {
            let doc = self.store().doc(DocKind::Executor, key.clone()).await?;
            let doc_version = doc.as_ref().map(|doc| doc.version);
            let mut record = match doc {
                Some(doc) => serde_json::from_value(doc.value).map_err(ServiceError::internal)?,
                None => ExecutorRecord {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    versions: Vec::new(),
                },
            };
            let last = record.versions.last();
            if last.is_some_and(|last| is(last, digest)) {
                return Ok(false);
            }
            let before = record.versions.len();
            record.versions.retain(|one| !is(one, digest));
            let created = record.versions.len() == before;
            self.make_room(&mut record).await?;
            record.versions.push(version.clone());
            let value = serde_json::to_value(&record).map_err(ServiceError::internal)?;
            let written = self
                .store()
                .put_doc(DocKind::Executor, key.clone(), doc_version, Some(value))
                .await;
            self.0.catalogue.forget(namespace, name);
            match written {
                Ok(_) => return Ok(created),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::conflict(format!("`{name}` is being uploaded by many at once")))
    }

    async fn make_room(&self, record: &mut ExecutorRecord) -> Result<(), ServiceError> {
        if record.versions.len() < MAX_VERSIONS {
            return Ok(());
        }
        for index in 0..record.versions.len() {
            let digest = record.versions[index].profile.digest;
            if self.pinned(&record.namespace, &record.name, digest).await?.is_none() {
                record.versions.remove(index);
                return Ok(());
            }
        }
        let name = &record.name;
        let message = format!("`{name}` has {MAX_VERSIONS} versions, and tasks are pinned to each");
        Err(ServiceError::conflict(message))
    }

    /// Returns a task that is pinned to a version, where there is one.
    async fn pinned(
        &self,
        namespace: &Namespace,
        name: &ExecutorName,
        digest: Digest,
    ) -> Result<Option<TaskId>, ServiceError> {
        let filter = ListFilter {
            executor: Some(name.clone()),
            digest: Some(digest),
            ..ListFilter::default()
        };
        let query =
            ListQuery { namespace: Some(namespace.clone()), filter, before: None, limit: 1 };
        // A page may be empty and not the last: an index can hold more than what the filter keeps.
        let mut query = query;
        loop {
            let page = self.store().list(query.clone()).await?;
            if let Some(task) = page.items.first() {
                return Ok(Some(task.id));
            }
            match page.next {
                Some(next) => query.before = Some(next),
                None => return Ok(None),
            }
        }
    }

    pub(crate) async fn executor_entry(
        &self,
        namespace: &Namespace,
        name: &ExecutorName,
    ) -> Result<Option<std::sync::Arc<super::catalogue::Entry>>, ServiceError> {
        self.0.catalogue.get(self.store(), self.now(), namespace, name).await
    }
}

fn is(version: &ExecutorVersion, digest: Digest) -> bool {
    version.profile.digest == digest
}

impl From<AdmissionError> for ServiceError {
    fn from(error: AdmissionError) -> Self {
        match error {
            AdmissionError::Refused(reason) => {
                Self::Invalid { faults: vec![Fault::new("", reason)] }
            }
            AdmissionError::Internal(_) => Self::internal(error),
        }
    }
}
