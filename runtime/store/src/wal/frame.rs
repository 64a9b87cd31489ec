//! Frames: `body length u32 · crc32 u32 · LSN u64 · body`, the checksum over all but itself.
//!
//! The body is one entry for each key: `key length u16 · value length u32 · key · value`, the value's
//! length `u32::MAX` where the key is removed.

use crate::kv::{Batch, Slice};

pub(super) const HEADER: usize = 16;
const REMOVED: u32 = u32::MAX;

/// Encodes a frame into a buffer, in place of what was in it.
pub(super) fn encode<'a>(
    frame: &mut Vec<u8>,
    lsn: u64,
    writes: impl Iterator<Item = (&'a Slice, Option<&'a Slice>)>,
) {
    frame.clear();
    frame.resize(HEADER, 0);
    for (key, value) in writes {
        frame.extend_from_slice(&(key.len() as u16).to_le_bytes());
        let value_len = value.map_or(REMOVED, |value| value.len() as u32);
        frame.extend_from_slice(&value_len.to_le_bytes());
        frame.extend_from_slice(key);
        frame.extend_from_slice(value.map_or(&[], |value| &value[..]));
    }
    let body_len = (frame.len() - HEADER) as u32;
    frame[..4].copy_from_slice(&body_len.to_le_bytes());
    frame[8..16].copy_from_slice(&lsn.to_le_bytes());
    let sum = checksum(frame);
    frame[4..8].copy_from_slice(&sum.to_le_bytes());
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..4]);
    hasher.update(&frame[8..]);
    hasher.finalize()
}

/// A frame that was found whole.
pub(super) struct Frame<'a> {
    pub(super) lsn: u64,
    pub(super) body: &'a [u8],
    /// Where the next one begins.
    pub(super) end: usize,
}

/// Reads the frame at an offset, if a whole one is there.
pub(super) fn read(bytes: &[u8], offset: usize) -> Option<Frame<'_>> {
    let header = bytes.get(offset..)?.get(..HEADER)?;
    let body_len = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let end = offset.checked_add(HEADER)?.checked_add(body_len)?;
    let frame = bytes.get(offset..end)?;
    let stored = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let lsn = u64::from_le_bytes(header[8..16].try_into().ok()?);
    (lsn > 0 && stored == checksum(frame)).then(|| Frame { lsn, body: &frame[HEADER..], end })
}

/// Looks for a whole frame numbered `lsn` or somewhat higher, from an offset on.
pub(super) fn find(bytes: &[u8], from: usize, lsn: u64) -> Option<usize> {
    /// No more frames than these fit into a segment.
    const NEAR: u64 = 1 << 24;
    (from..bytes.len().saturating_sub(HEADER)).find(|&offset| {
        let header = &bytes[offset + 8..offset + 16];
        let found = u64::from_le_bytes(header.try_into().expect("8 bytes"));
        found >= lsn && found - lsn < NEAR && read(bytes, offset).is_some()
    })
}

/// Takes a body apart into writes; nothing where it is not well-formed.
pub(super) fn decode(mut body: &[u8]) -> Option<Batch> {
    let mut batch = Batch::default();
    while !body.is_empty() {
        let (key_len, rest) = body.split_first_chunk::<2>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*key_len).into())?;
        let value_len = u32::from_le_bytes(*value_len);
        if value_len == REMOVED {
            batch.write(key.into(), None);
            body = rest;
        } else {
            let (value, rest) = rest.split_at_checked(value_len as usize)?;
            batch.write(key.into(), Some(value.into()));
            body = rest;
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(lsn: u64) -> Vec<u8> {
        let mut batch = Batch::default();
        batch.write(b"set".into(), Some(b"value".into()));
        batch.write(b"gone".into(), None);
        let mut frame = Vec::new();
        encode(&mut frame, lsn, batch.iter());
        frame
    }

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let bytes = frame(7);
        let read = read(&bytes, 0).unwrap();
        assert_eq!((read.lsn, read.end), (7, bytes.len()));
        let batch = decode(read.body).unwrap();
        let writes: Vec<_> = batch.iter().map(|(key, value)| (&key[..], value.is_some())).collect();
        assert_eq!(writes, [(&b"gone"[..], false), (b"set", true)]);
    }

    #[test]
    fn a_torn_frame_is_none_and_a_later_one_is_found() {
        let mut bytes = frame(7);
        let second = bytes.len();
        bytes.extend(frame(8));
        assert!(read(&bytes[..second - 1], 0).is_none());
        bytes[20] ^= 1;
        assert!(read(&bytes, 0).is_none());
        assert_eq!(find(&bytes, 0, 7), Some(second));
        assert_eq!(find(&bytes, 0, 9), None);
    }
}
