//! Documents.

use errand_core::{Digest, Doc, DocChange, DocKind, StoreError};

use super::State;
use crate::codec::{doc, keys};
use crate::kv::{Read, Slice};

/// A document to write, checked and encoded.
pub(crate) struct PreparedDoc {
    kind: DocKind,
    name: String,
    /// Its references to blobs, which go.
    dropped: Vec<Slice>,
    /// What it says, and the blobs that it needs; nothing: it goes.
    sealed: Option<(Slice, Vec<Digest>)>,
    version: u64,
}

impl State {
    /// Writes or removes a document that is at the expected version; returns the new version.
    pub(crate) fn put_doc(&mut self, change: DocChange) -> Result<u64, StoreError> {
        let prepared = self.prepare_doc(change)?;
        let version = prepared.version;
        self.write_doc(prepared);
        Ok(version)
    }

    /// Checks that a document is at the expected version, and encodes what it is to say.
    pub(super) fn prepare_doc(&self, change: DocChange) -> Result<PreparedDoc, StoreError> {
        let DocChange { kind, key: name, expected, value } = change;
        let key = keys::doc(kind, &name);
        let present = match self.pending().get(&key)? {
            Some(value) => Some(doc::open_doc(&key, &value, &*self.blobs)?.version),
            None => None,
        };
        if present != expected {
            return Err(StoreError::Conflict);
        }
        let version = present.unwrap_or(0) + 1;
        let seal = |value| doc::seal_doc(kind, &name, Doc { value, version }, &*self.blobs);
        let sealed = value.map(seal).transpose()?;
        let dropped = self.keys_from(&keys::doc_blobs(kind, &name))?;
        Ok(PreparedDoc { kind, name, dropped, sealed, version })
    }

    pub(super) fn write_doc(&mut self, prepared: PreparedDoc) {
        let PreparedDoc { kind, name, dropped, sealed, version: _ } = prepared;
        for reference in dropped {
            self.batch.delete(reference);
        }
        let key = keys::doc(kind, &name);
        match sealed {
            Some((sealed, blobs)) => {
                self.batch.put(key, sealed);
                let owner = keys::doc_blobs(kind, &name);
                for digest in blobs {
                    self.batch.put(keys::blob_ref(&owner, &digest), &[]);
                }
            }
            None => self.batch.delete(key),
        }
    }
}
