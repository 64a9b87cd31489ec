//! Documents.

use errand_core::{Doc, DocKind, StoreError};
use serde_json::Value;

use super::State;
use crate::codec::{doc, keys};
use crate::kv::Read;

impl State {
    /// Writes or removes a document that is at the expected version; returns the new version.
    pub(crate) fn put_doc(
        &mut self,
        kind: DocKind,
        name: &str,
        expected: Option<u64>,
        value: Option<Value>,
    ) -> Result<u64, StoreError> {
        let key = keys::doc(kind, name);
        let present = match self.pending().get(&key)? {
            Some(value) => Some(doc::open_doc(&key, &value, &*self.blobs)?.version),
            None => None,
        };
        if present != expected {
            return Err(StoreError::Conflict);
        }
        let version = present.unwrap_or(0) + 1;
        let sealed = value
            .map(|value| doc::seal_doc(kind, name, Doc { value, version }, &*self.blobs))
            .transpose()?;
        let owner = keys::doc_blobs(kind, name);
        for reference in self.keys_from(&owner)? {
            self.batch.delete(reference);
        }
        match sealed {
            Some((sealed, blobs)) => {
                self.batch.put(key, sealed);
                for digest in blobs {
                    self.batch.put(keys::blob_ref(&owner, &digest), &[]);
                }
            }
            None => self.batch.delete(key),
        }
        Ok(version)
    }
}
