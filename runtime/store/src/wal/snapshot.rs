//! Snapshots: all keys in one file, `snapshot-<LSN>`.
//!
//! The keys are read while the writer goes on, so a snapshot may have some of what came after its LSN.
//! Redoing the write-ahead log from its LSN on makes that whole.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use errand_core::StoreError;

use super::frame;
use crate::codec::keys;
use crate::durable::{list_numbered, sync_dir};
use crate::failure;
use crate::kv::{Batch, Kv};

const PREFIX: &str = "snapshot-";
const UNFINISHED: &str = "unfinished-snapshot";
const MAGIC: &[u8; 8] = b"errands1";
/// How many bytes of keys and values one frame of a snapshot holds, about.
const FRAME_BYTES: usize = 256 << 10;

/// Writes a snapshot at an LSN that is applied; returns its size.
pub(crate) fn write(dir: &Path, kv: &dyn Kv, lsn: u64) -> Result<u64, StoreError> {
    let path = dir.join(UNFINISHED);
    let failed = failure::at("write the snapshot", &path);
    let mut out = BufWriter::new(File::create(&path).map_err(&failed)?);
    out.write_all(MAGIC).map_err(&failed)?;
    let (mut number, mut batch, mut frame) = (0, Batch::default(), Vec::new());
    let mut write_frame = |number: u64, batch: &Batch| {
        frame::encode(&mut frame, number, batch.iter());
        out.write_all(&frame)
    };
    for pair in kv.range(&[0], &[0xff]) {
        let (key, value) = pair?;
        if key == keys::APPLIED_LSN {
            continue;
        }
        batch.write(key, Some(value));
        if batch.bytes() >= FRAME_BYTES {
            number += 1;
            write_frame(number, &batch).map_err(&failed)?;
            batch = Batch::default();
        }
    }
    write_frame(number + 1, &batch).map_err(&failed)?;
    // An empty frame says that this is all.
    write_frame(number + 2, &Batch::default()).map_err(&failed)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(&failed)?;
    let size = file.metadata().map_err(&failed)?.len();
    fs::rename(&path, dir.join(format!("{PREFIX}{lsn:016x}"))).map_err(&failed)?;
    sync_dir(dir).map_err(&failed)?;
    Ok(size)
}

/// Reads the newest snapshot, if there is one; returns its LSN and size. Where it is damaged and an older
/// one is there, that one.
pub(crate) fn load_newest(
    dir: &Path,
    mut apply: impl FnMut(&Batch) -> Result<(), StoreError>,
) -> Result<Option<(u64, u64)>, StoreError> {
    match newest_whole(dir)? {
        Some((lsn, path)) => Ok(Some((lsn, load(&path, &mut apply)?))),
        None => Ok(None),
    }
}

/// Finds the newest snapshot whose checksums are right, nothing where there is none at all.
///
/// # Errors
/// [`StoreError::Corrupt`], naming file and offset, where all that are there are damaged.
pub(super) fn newest_whole(dir: &Path) -> Result<Option<(u64, PathBuf)>, StoreError> {
    let mut damage = None;
    for (lsn, path) in list_numbered(dir, PREFIX)?.into_iter().rev() {
        match load(&path, &mut |_| Ok(())) {
            Ok(_) => return Ok(Some((lsn, path))),
            Err(error) => {
                tracing::error!(%error, "a snapshot can't be read");
                damage = Some(error);
            }
        }
    }
    damage.map_or(Ok(None), Err)
}

/// Checks every snapshot that is there.
pub(super) fn check(dir: &Path) -> Result<(), StoreError> {
    for (_, path) in list_numbered(dir, PREFIX)? {
        load(&path, &mut |_| Ok(()))?;
    }
    Ok(())
}

fn load(
    path: &Path,
    apply: &mut dyn FnMut(&Batch) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let failed = failure::at("read the snapshot", path);
    let mut file = std::io::BufReader::new(File::open(path).map_err(&failed)?);
    let size = file.get_ref().metadata().map_err(&failed)?.len();
    let mut magic = [0; 8];
    file.read_exact(&mut magic).map_err(&failed)?;
    let damaged = |at: u64| {
        StoreError::Corrupt(format!("{}, at byte {at}: the snapshot is damaged", path.display()))
    };
    if magic != *MAGIC {
        return Err(damaged(0));
    }
    let (mut offset, mut expected) = (MAGIC.len() as u64, 1);
    let mut bytes = vec![0; frame::HEADER];
    loop {
        bytes.truncate(frame::HEADER);
        file.read_exact(&mut bytes).map_err(|_| damaged(offset))?;
        let body_len = u64::from(u32::from_le_bytes(bytes[..4].try_into().expect("4 bytes")));
        if offset + body_len > size {
            return Err(damaged(offset));
        }
        bytes.resize(frame::HEADER + body_len as usize, 0);
        file.read_exact(&mut bytes[frame::HEADER..]).map_err(|_| damaged(offset))?;
        let frame = frame::read(&bytes, 0).filter(|frame| frame.lsn == expected);
        let frame = frame.ok_or_else(|| damaged(offset))?;
        if frame.body.is_empty() {
            return Ok(size);
        }
        apply(&frame::decode(frame.body).ok_or_else(|| damaged(offset))?)?;
        offset += frame.end as u64;
        expected += 1;
    }
}

/// Removes the snapshots before an LSN.
pub(super) fn remove_before(dir: &Path, lsn: u64) -> Result<(), StoreError> {
    for (at, path) in list_numbered(dir, PREFIX)? {
        if at < lsn {
            fs::remove_file(&path).map_err(failure::at("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::{MemoryKv, Read};

    #[test]
    fn a_snapshot_comes_back_and_a_damaged_one_gives_way_to_an_older_one() {
        let dir = tempfile::tempdir().unwrap();
        let kv = MemoryKv::default();
        let mut batch = Batch::default();
        for n in 0..5_000_u32 {
            batch.put(&n.to_be_bytes(), &[n as u8; 500][..]);
        }
        kv.apply(&batch, 1).unwrap();
        write(dir.path(), &kv, 3).unwrap();
        write(dir.path(), &kv, 7).unwrap();
        let newest = list_numbered(dir.path(), PREFIX).unwrap().pop().unwrap().1;
        let mut bytes = fs::read(&newest).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&newest, bytes).unwrap();

        let copy = MemoryKv::default();
        let (lsn, _) = load_newest(dir.path(), |batch| copy.apply(batch, 0)).unwrap().unwrap();
        assert_eq!(lsn, 3);
        assert_eq!(copy.range(&[0], &[0xff]).count(), 5_000);
        remove_before(dir.path(), 7).unwrap();
        assert!(load_newest(dir.path(), |_| Ok(())).is_err(), "only the damaged one is left");
    }
}
