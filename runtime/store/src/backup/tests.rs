//! Archives that are wrong in every way; what is right about them is tested with whole stores.

use super::*;
use crate::backup::archive::Writer;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    let head = serde_json::to_vec(&Head { format: 1, made_by: "test".into(), lsn: 0 }).unwrap();
    for (name, mut content) in [(HEAD, &head[..])].into_iter().chain(files.iter().copied()) {
        writer.file(name, content.len() as u64, &mut content).unwrap();
    }
    let end = serde_json::to_vec(&writer.summary()).unwrap();
    writer.file(END, end.len() as u64, &mut &end[..]).unwrap();
    writer.finish().unwrap();
    bytes
}

async fn refusal(bytes: &[u8]) -> RestoreError {
    let dir = tempfile::tempdir().unwrap();
    let error = restore(bytes, &dir.path().join("store")).await.unwrap_err();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "something is left: {error}");
    error
}

#[tokio::test]
async fn an_archive_without_files_is_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let restored = restore(&archive(&[])[..], &store).await.unwrap();
    assert_eq!(restored, Restored { tasks: 0, blobs: 0 });
    let again = restore(&archive(&[])[..], &store).await;
    assert!(matches!(again, Err(RestoreError::Exists(path)) if path == store));
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "../outside",
        "/etc/passwd",
        "wal/../../outside",
        "wal/segment-../../../../../x",
        "wal/segment-000000000000000",
        "blobs/aa/../../x",
        "index/db",
        "lock",
    ] {
        let error = refusal(&archive(&[(name, b"x")])).await;
        assert!(matches!(error, RestoreError::Damaged(_)), "{name}: {error}");
    }
}

#[tokio::test]
async fn what_comes_twice_or_is_another_blob_is_refused() {
    let segment = ("wal/segment-0000000000000001", &b"x"[..]);
    refusal(&archive(&[segment, segment])).await;
    let name = format!("blobs/aa/{}", "a".repeat(62));
    let error = refusal(&archive(&[(&name, b"something else")])).await;
    assert!(error.to_string().contains("is not what it was"), "{error}");
}

#[tokio::test]
async fn what_is_no_backup_is_told_from_one_that_is_damaged() {
    for other in [&b""[..], b"some text", &[0; 4_096], &[0xff; 4_096]] {
        assert!(matches!(refusal(other).await, RestoreError::NotABackup(_)));
    }
    let newer =
        String::from_utf8(archive(&[])).unwrap().replacen("\"format\":1", "\"format\":9", 1);
    let error = refusal(newer.as_bytes()).await.to_string();
    assert!(error.contains("format 9, written by test"), "{error}");
}
