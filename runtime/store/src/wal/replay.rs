//! Reading the write-ahead log back.

use std::fs;
use std::path::{Path, PathBuf};

use errand_core::StoreError;

use super::{frame, segment};
use crate::failure;
use crate::kv::Batch;

/// Where the write-ahead log ends.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) last_lsn: u64,
    /// The last segment, and where its good frames end.
    last_segment: Option<(PathBuf, u64)>,
}

impl Replayed {
    /// Cuts the torn end off, so that what is written from now on is all that comes after.
    pub(crate) fn cut_torn_end(&self, dir: &Path) -> Result<(), StoreError> {
        match &self.last_segment {
            Some((path, len)) => segment::cut(dir, path, *len),
            None => Ok(()),
        }
    }
}

/// Goes over all frames after number `after`, in order.
///
/// # Errors
/// [`StoreError::Corrupt`], naming file and offset, where a frame is damaged or missing; a torn end of
/// the last segment is not that. What `apply` answers.
pub(crate) fn replay(
    dir: &Path,
    after: u64,
    mut apply: impl FnMut(u64, &Batch) -> Result<(), StoreError>,
) -> Result<Replayed, StoreError> {
    let segments = segment::after(dir, after)?;
    let mut replayed = Replayed { last_lsn: after, last_segment: None };
    if let Some((first, path)) = segments.first() {
        if *first > after + 1 {
            let path = path.display();
            return Err(StoreError::Corrupt(format!(
                "the write-ahead log begins with frame {first} in {path}; frame {} is missing",
                after + 1
            )));
        }
        replayed.last_lsn = first - 1;
    }
    let count = segments.len();
    for (index, (first, path)) in segments.into_iter().enumerate() {
        let bytes = fs::read(&path).map_err(failure::at("read", &path))?;
        if first != replayed.last_lsn + 1 {
            return Err(damaged(&path, 0, replayed.last_lsn + 1));
        }
        let is_last = index + 1 == count;
        let end = read_segment(&bytes, &path, first, is_last, |lsn, body| {
            replayed.last_lsn = lsn;
            if lsn <= after {
                return Ok(());
            }
            let batch = frame::decode(body).ok_or_else(|| damaged(&path, 0, lsn))?;
            apply(lsn, &batch)
        })?;
        replayed.last_segment = Some((path, end as u64));
    }
    // Fewer frames than asked to start from: what was there is lost.
    if replayed.last_lsn < after {
        return Err(StoreError::Corrupt(format!(
            "the write-ahead log in {} ends at frame {}, but frame {after} was written",
            dir.display(),
            replayed.last_lsn
        )));
    }
    Ok(replayed)
}

/// Reads every frame and every snapshot that is there, changing nothing.
///
/// # Errors
/// As [`replay`], and where a segment that others follow, or that was closed, has a damaged end.
pub(crate) fn check(dir: &Path) -> Result<(), StoreError> {
    super::snapshot::check(dir)?;
    let segments = segment::list(dir)?;
    let Some((first, _)) = segments.first() else { return Ok(()) };
    let mut replayed = replay(dir, first.saturating_sub(1), |_, _| Ok(()))?;
    loop {
        // What is behind the last good frame is room taken in advance, or a frame that is damaged.
        let Some((path, end)) = &replayed.last_segment else { return Ok(()) };
        let bytes = fs::read(path).map_err(failure::at("read", path))?;
        let from = usize::try_from(*end).unwrap_or(bytes.len());
        if bytes.get(from..).is_none_or(|rest| rest.iter().all(|byte| *byte == 0)) {
            return Ok(());
        }
        // Or one that was written since: then there is more to read now.
        let again = replay(dir, first.saturating_sub(1), |_, _| Ok(()))?;
        if again.last_segment == replayed.last_segment {
            return Err(damaged(path, from, replayed.last_lsn + 1));
        }
        replayed = again;
    }
}

/// Goes over the frames of a segment; returns where the good ones end.
fn read_segment(
    bytes: &[u8],
    path: &Path,
    first: u64,
    is_last: bool,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), StoreError>,
) -> Result<usize, StoreError> {
    let mut expected = first;
    let mut offset = 0;
    if segment::header_is_whole(bytes, first) {
        offset = segment::HEADER;
        while let Some(frame) = frame::read(bytes, offset)
            && frame.lsn == expected
        {
            visit(frame.lsn, frame.body)?;
            expected += 1;
            offset = frame.end;
        }
    } else if !is_last {
        return Err(damaged(path, 0, first));
    }
    // Only the last frame can be torn. A good one after a bad one means that the bad one was whole
    // once.
    match frame::find(bytes, offset, expected) {
        Some(_) => Err(damaged(path, offset, expected)),
        None => Ok(offset),
    }
}

pub(super) fn damaged(path: &Path, offset: usize, lsn: u64) -> StoreError {
    StoreError::Corrupt(format!(
        "{}, at byte {offset}: frame {lsn} of the write-ahead log is damaged or missing",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Wal;
    use super::*;
    use std::os::unix::fs::FileExt;

    fn batch(n: u64) -> Batch {
        let mut batch = Batch::default();
        batch.put(&n.to_be_bytes(), &vec![n as u8; 300][..]);
        batch
    }

    fn write(dir: &Path, frames: u64, segment_bytes: u64) {
        let mut wal = Wal::begin(dir, 0, segment_bytes, true).unwrap();
        for n in 1..=frames {
            assert_eq!(wal.append(&batch(n)).unwrap().0, n);
        }
    }

    fn frames(dir: &Path, after: u64) -> Result<Vec<u64>, StoreError> {
        let mut seen = Vec::new();
        let replayed = replay(dir, after, |lsn, _| {
            seen.push(lsn);
            Ok(())
        })?;
        assert_eq!(replayed.last_lsn, seen.last().copied().unwrap_or(after));
        replayed.cut_torn_end(dir)?;
        Ok(seen)
    }

    #[test]
    fn frames_come_back_over_segments_from_any_point() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 10, 1_000);
        assert!(segment::list(dir.path()).unwrap().len() >= 3);
        for after in 0..=10 {
            assert_eq!(frames(dir.path(), after).unwrap(), (after + 1..=10).collect::<Vec<_>>());
        }
        assert!(frames(dir.path(), 11).is_err(), "frame 11 was never written");
    }

    #[test]
    fn a_torn_end_is_cut_off_and_the_log_goes_on() {
        for torn in [1, 100, 320] {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), 3, SEGMENT);
            let path = segment::list(dir.path()).unwrap()[0].1.clone();
            let frame = 16 + 6 + 8 + 300;
            let len = segment::HEADER as u64 + 3 * frame - torn;
            fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len).unwrap();
            assert_eq!(frames(dir.path(), 0).unwrap(), [1, 2]);
            let mut wal = Wal::begin(dir.path(), 2, SEGMENT, true).unwrap();
            wal.append(&batch(3)).unwrap();
            assert_eq!(frames(dir.path(), 0).unwrap(), [1, 2, 3]);
        }
    }
    const SEGMENT: u64 = super::super::SEGMENT_BYTES;

    #[test]
    fn damage_before_a_good_frame_is_named_with_file_and_offset() {
        for zero in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), 3, SEGMENT);
            let path = segment::list(dir.path()).unwrap()[0].1.clone();
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            let second = segment::HEADER as u64 + 330;
            let damage: &[u8] = if zero { &[0; 330] } else { &[7] };
            file.write_all_at(damage, second + if zero { 0 } else { 40 }).unwrap();
            let error = frames(dir.path(), 0).unwrap_err().to_string();
            assert!(error.contains(&format!("at byte {second}")), "{error}");
            assert!(error.contains("segment-0000"), "{error}");
        }
    }

    #[test]
    fn a_missing_segment_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 10, 1_000);
        let segments = segment::list(dir.path()).unwrap();
        fs::remove_file(&segments[1].1).unwrap();
        assert!(matches!(frames(dir.path(), 0), Err(StoreError::Corrupt(_))));
    }
}
