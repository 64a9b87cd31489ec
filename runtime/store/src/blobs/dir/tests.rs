//! Blobs in a directory: swept, pinned, put again, damaged.

use super::*;

/// Returns a moment after what was written up to now, by so much.
fn later(blobs: &DirBlobs, digest: &Digest, than: Duration) -> UnixMillis {
    let written = fs::metadata(blobs.path(digest)).unwrap().modified().unwrap();
    let since = (written + than).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis() as u64)
}

#[test]
fn a_blob_is_swept_when_old_and_not_needed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = DirBlobs::open(&dir.path().join("blobs"), 0).unwrap();
    let digests = [b"one".as_slice(), b"three"].map(|bytes| blobs.store(bytes).unwrap());
    let now = later(&blobs, &digests[0], Duration::ZERO);
    assert_eq!(blobs.sweep(now, &|_| false).unwrap(), CollectedBlobs::default());
    let hour = later(&blobs, &digests[1], Duration::from_secs(3_600));
    let swept = blobs.sweep(hour, &|digest| *digest == digests[0]).unwrap();
    assert_eq!(swept, CollectedBlobs { count: 1, bytes: 5 });
    assert_eq!(&blobs.load(&digests[0]).unwrap()[..], b"one");
    assert!(matches!(blobs.load(&digests[1]), Err(BlobError::Missing(_))));
}

#[test]
fn what_was_put_again_or_used_is_new_and_what_is_pinned_stays() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = DirBlobs::open(&dir.path().join("blobs"), 0).unwrap();
    let digests = [b"put", b"use"].map(|bytes| blobs.store(bytes).unwrap());
    let long_ago = SystemTime::now() - Duration::from_secs(7_200);
    for digest in &digests {
        let file = OpenOptions::new().write(true).open(blobs.path(digest)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let an_hour_ago = later(&blobs, &digests[0], Duration::from_secs(3_600));
    let pin = blobs.pin();
    assert_eq!(blobs.sweep(an_hour_ago, &|_| false).unwrap().count, 0, "they are pinned");
    drop(pin);
    blobs.store(b"put").unwrap();
    assert!(blobs.use_now(&digests[1], None).unwrap());
    assert_eq!(blobs.sweep(an_hour_ago, &|_| false).unwrap().count, 0, "they are new again");
    assert!(!blobs.use_now(&Digest::of(b"other"), None).unwrap());
}

#[test]
fn a_put_beside_a_sweep_is_never_told_that_what_is_gone_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = DirBlobs::open(&dir.path().join("blobs"), 0).unwrap();
    let digest = blobs.store(b"contended").unwrap();
    let sweeping = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while sweeping.load(Ordering::Relaxed) {
                let minute_ago = SystemTime::now() - Duration::from_secs(60);
                let since = minute_ago.duration_since(SystemTime::UNIX_EPOCH).unwrap();
                let since = UnixMillis(since.as_millis() as u64);
                // Where a put is in between, the file is missing for the sweep's look.
                let _ = blobs.sweep(since, &|_| false);
            }
        });
        for _ in 0..500 {
            if let Ok(file) = OpenOptions::new().write(true).open(blobs.path(&digest)) {
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
            blobs.store(b"contended").unwrap();
            assert_eq!(&blobs.load(&digest).unwrap()[..], b"contended");
        }
        sweeping.store(false, Ordering::Relaxed);
    });
}

#[test]
fn a_large_blob_leaves_the_reserve_alone_and_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = DirBlobs::open(&dir.path().join("blobs"), u64::MAX).unwrap();
    blobs.store(b"small ones are part of the reserve").unwrap();
    let large = io::repeat(1).take(LOOK_BYTES + 1);
    assert!(matches!(blobs.write(large), Err(BlobError::NoSpace)));
    assert_eq!(fs::read_dir(dir.path().join("blobs").join(UNFINISHED)).unwrap().count(), 0);
}

#[test]
fn a_changed_blob_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = DirBlobs::open(&dir.path().join("blobs"), 0).unwrap();
    let digest = blobs.store(b"as it was").unwrap();
    assert_eq!(blobs.check().unwrap(), []);
    fs::write(blobs.path(&digest), b"as it wos").unwrap();
    assert!(blobs.load(&digest).is_err());
    assert_eq!(blobs.check().unwrap(), [digest]);
}
