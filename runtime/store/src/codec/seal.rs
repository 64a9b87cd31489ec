//! Sealed values: a version, a checksum over key and value, a head and perhaps a payload.
//!
//! `version u8 · crc32 u32 · flags u8 · head length u32 · head · payload`. Either part may lie in a blob
//! instead, with its digest and size in its place.

use errand_core::{Digest, StoreError};
use serde::{Deserialize, Serialize};

use super::keys;
use crate::blobs::BlobFiles;

/// The version that is written.
const VERSION: u8 = 1;
/// Bytes before the head.
const PREAMBLE: usize = 10;
/// A longer head goes into a blob. Head and payload stay well below the 128 KiB from which on sled puts
/// values into files that it never syncs.
const INLINE_HEAD_MAX: usize = 32 << 10;
/// A longer payload goes into a blob.
const INLINE_PAYLOAD_MAX: usize = 60 << 10;

const HEAD_IN_BLOB: u8 = 1;
const HAS_PAYLOAD: u8 = 2;
const PAYLOAD_IN_BLOB: u8 = 4;

/// A blob that a value points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobRef {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// One part of a value to seal.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Inline(Vec<u8>),
    Blob(BlobRef),
}

impl Part {
    /// Takes bytes as a head, written to a blob if they are too many.
    pub(crate) fn head(bytes: Vec<u8>, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        Self::at_most(INLINE_HEAD_MAX, bytes, blobs)
    }

    /// Takes bytes as a payload, written to a blob if they are too many.
    pub(crate) fn payload(bytes: Vec<u8>, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        Self::at_most(INLINE_PAYLOAD_MAX, bytes, blobs)
    }

    fn at_most(max: usize, bytes: Vec<u8>, blobs: &dyn BlobFiles) -> Result<Self, StoreError> {
        if bytes.len() <= max {
            return Ok(Self::Inline(bytes));
        }
        let digest = blobs.store(&bytes).map_err(crate::failure::blob)?;
        Ok(Self::Blob(BlobRef { digest, size: bytes.len() as u64 }))
    }

    /// Returns the blob that it lies in, if it does.
    pub(crate) fn blob(&self) -> Option<BlobRef> {
        match self {
            Self::Inline(_) => None,
            Self::Blob(blob) => Some(*blob),
        }
    }

    fn write(&self, value: &mut Vec<u8>) {
        match self {
            Self::Inline(bytes) => value.extend_from_slice(bytes),
            Self::Blob(blob) => {
                value.extend_from_slice(blob.digest.as_bytes());
                value.extend_from_slice(&blob.size.to_le_bytes());
            }
        }
    }

    /// Returns how many bytes it takes in the value.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::Blob(_) => 40,
        }
    }
}

/// Seals a head without a payload.
pub(crate) fn seal_head(key: &[u8], head: &[u8]) -> Vec<u8> {
    seal_parts(key, 0, head.len(), |value| value.extend_from_slice(head), None)
}

/// Seals a head, and a payload if there is one, for one key.
pub(crate) fn seal(key: &[u8], head: &Part, payload: Option<&Part>) -> Vec<u8> {
    let flags = if head.blob().is_some() { HEAD_IN_BLOB } else { 0 };
    seal_parts(key, flags, head.len(), |value| head.write(value), payload)
}

fn seal_parts(
    key: &[u8],
    mut flags: u8,
    head_len: usize,
    write_head: impl FnOnce(&mut Vec<u8>),
    payload: Option<&Part>,
) -> Vec<u8> {
    if let Some(payload) = payload {
        flags |= HAS_PAYLOAD;
        flags |= if payload.blob().is_some() { PAYLOAD_IN_BLOB } else { 0 };
    }
    let mut value = Vec::with_capacity(PREAMBLE + head_len + payload.map_or(0, Part::len));
    value.extend_from_slice(&[VERSION, 0, 0, 0, 0, flags]);
    value.extend_from_slice(&(head_len as u32).to_le_bytes());
    write_head(&mut value);
    if let Some(payload) = payload {
        payload.write(&mut value);
    }
    let sum = checksum(key, &value[5..]);
    value[1..5].copy_from_slice(&sum.to_le_bytes());
    value
}

/// A value whose seal was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened<'a> {
    pub(crate) head: Found<'a>,
    pub(crate) payload: Option<Found<'a>>,
}

/// Where a part lies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    Inline(&'a [u8]),
    Blob(BlobRef),
}

impl<'a> Found<'a> {
    /// Returns the bytes, read from the blob where they lie in one.
    pub(crate) fn bytes(
        self,
        blobs: &dyn BlobFiles,
    ) -> Result<std::borrow::Cow<'a, [u8]>, StoreError> {
        match self {
            Self::Inline(bytes) => Ok(bytes.into()),
            Self::Blob(blob) => blobs
                .load(&blob.digest)
                .map(|bytes| Vec::from(bytes).into())
                .map_err(crate::failure::blob),
        }
    }

    /// Returns how many bytes it has.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::Blob(blob) => blob.size as usize,
        }
    }
}

/// Checks a sealed value and takes it apart.
///
/// # Errors
/// [`StoreError::Corrupt`] where the version is unknown or the checksum does not hold.
pub(crate) fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<Opened<'a>, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(format!("{}: {what}", keys::describe(key)));
    if let Some(&version) = value.first()
        && version != VERSION
    {
        return Err(corrupt(&format!("version {version} of the format is not known")));
    }
    if value.len() < PREAMBLE {
        return Err(corrupt("it is cut off"));
    }
    let stored = u32::from_le_bytes(value[1..5].try_into().expect("4 bytes"));
    if stored != checksum(key, &value[5..]) {
        return Err(corrupt("the checksum does not hold"));
    }
    let flags = value[5];
    let head_len = u32::from_le_bytes(value[6..10].try_into().expect("4 bytes")) as usize;
    let (head, payload) =
        value[PREAMBLE..].split_at_checked(head_len).ok_or_else(|| corrupt("it is cut off"))?;
    let part = |bytes: &'a [u8], in_blob: bool| match in_blob {
        false => Ok(Found::Inline(bytes)),
        true => blob_ref(bytes).map(Found::Blob).ok_or_else(|| corrupt("a blob's name")),
    };
    Ok(Opened {
        head: part(head, flags & HEAD_IN_BLOB != 0)?,
        payload: match flags & HAS_PAYLOAD {
            0 => None,
            _ => Some(part(payload, flags & PAYLOAD_IN_BLOB != 0)?),
        },
    })
}

fn blob_ref(bytes: &[u8]) -> Option<BlobRef> {
    let (digest, size) = bytes.split_first_chunk::<32>()?;
    Some(BlobRef { digest: Digest::from(*digest), size: u64::from_le_bytes(size.try_into().ok()?) })
}

fn checksum(key: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::MemoryBlobs;

    #[test]
    fn parts_come_back_from_inside_and_from_blobs() {
        let blobs = MemoryBlobs::default();
        for (head, payload) in [(10, 0), (10, 10), (40 << 10, 100 << 10)] {
            let (head, payload) = (vec![1; head], vec![2; payload]);
            let sealed = seal(
                b"t",
                &Part::head(head.clone(), &blobs).unwrap(),
                Some(&Part::payload(payload.clone(), &blobs).unwrap()),
            );
            assert!(sealed.len() < 64 << 10);
            let opened = open(b"t", &sealed).unwrap();
            assert_eq!(opened.head.bytes(&blobs).unwrap(), head);
            assert_eq!(opened.payload.unwrap().bytes(&blobs).unwrap(), payload);
        }
    }

    #[test]
    fn any_changed_bit_is_noticed_and_so_is_another_key() {
        let sealed = seal_head(b"t", b"something");
        assert!(open(b"u", &sealed).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(b"t", &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn an_unknown_version_is_named() {
        let mut sealed = seal_head(b"t", b"something");
        sealed[0] = 9;
        assert!(open(b"t", &sealed).unwrap_err().to_string().contains("version 9"));
    }
}
