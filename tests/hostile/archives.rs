//! Archives that reach out of their workspace, or would fill it and the disk.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tar::EntryType;

use super::{Neighbour, met_a_bound};
use crate::harness::archive::{Item, file, gzip, hard_link, header, item, link, tar};
use crate::harness::shared;

const MIB: u64 = 1 << 20;
/// A name that lies nowhere on the host unless an archive escapes.
const ESCAPED: &str = "escaped-from-its-archive";

/// Runs a task on an archive, with room for a MiB.
fn run(archive: &[u8]) -> Value {
    let client = shared::agent();
    let blob = client.upload_blob(archive);
    client.finish(&client.submit(&json!({
        "executor": shared::noop(), "workspace": {"from": "tar", "blob": blob},
        "limits": {"workspace_bytes": MIB},
    })))
}

fn is_invalid(task: &Value, part: &str) {
    let error = &task["error"];
    assert_eq!(task["status"], "failed", "{part}: {task}");
    assert_eq!(error["code"], "executor_failed", "{error}");
    assert_eq!(error["detail"]["code"], "invalid_workspace", "{error}");
    assert_eq!(error["retryable"], false, "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains(part)), "{part}: {error}");
    assert_eq!(task["attempt"], 1, "it is not tried again");
}

#[test]
fn archives_that_reach_out_fail_their_task_and_make_nothing_outside() {
    let neighbour = Neighbour::start();
    let up = format!("../../{ESCAPED}");
    let deep = format!("a/../../../{ESCAPED}");
    let absolute = format!("/tmp/{ESCAPED}");
    let through = format!("way/{ESCAPED}");
    let pax = format!("30 path=/tmp/{ESCAPED}\n");
    let pax = pax.replacen("30", &pax.len().to_string(), 1);
    let long_name = format!("{}x", "n".repeat(300));
    let extension = |kind, content| Item { content, ..item(kind, "extension") };
    let cases: Vec<(Vec<Item<'_>>, &str)> = vec![
        (vec![file(&up, "x")], "leads out"),
        (vec![file(&deep, "x")], "leads out"),
        (vec![file(&absolute, "x")], "absolute"),
        (vec![extension(EntryType::XHeader, pax.as_bytes()), file("a", "x")], "absolute"),
        (vec![extension(EntryType::GNULongName, up.as_bytes()), file("a", "x")], "leads out"),
        (vec![extension(EntryType::GNULongName, long_name.as_bytes()), file("a", "x")], "called"),
        (vec![link("way", "/tmp"), file(&through, "x")], "link out"),
        (vec![link("way", "../.."), file(&through, "x")], "link out"),
        (vec![link("way", "."), file(&through, "x")], "no directory"),
        (vec![link("passwd", "/etc/passwd")], "link out"),
        (vec![hard_link("token", "../../operator.token")], "leads out"),
        (vec![hard_link("passwd", "/etc/passwd")], "absolute"),
        (vec![item(EntryType::Char, "null")], "device"),
        (vec![item(EntryType::Block, "disk")], "device"),
        (vec![item(EntryType::Fifo, "pipe")], "pipe"),
        (vec![item(EntryType::GNUSparse, "sparse")], "sparse"),
        (vec![file("a", "x"), file("a", "y")], "twice"),
        (vec![file("a", "x"), item(EntryType::Directory, "a")], "twice"),
    ];
    for (items, part) in &cases {
        is_invalid(&run(&tar(items)), part);
    }
    let whole = tar(&[file("a", &"x".repeat(2_000))]);
    is_invalid(&run(&whole[..1_500]), "cut off");
    let mut wrong = tar(&[file("a", "x"), file("b", "x")]);
    wrong[1_024] ^= 1;
    is_invalid(&run(&wrong), "checksum");
    neighbour.finishes_unharmed();
    for place in ["/tmp".as_ref(), shared::server().data()] {
        let names: BTreeSet<_> = std::fs::read_dir(place)
            .expect("it is there")
            .map(|entry| entry.expect("it is read").file_name())
            .collect();
        assert!(!names.contains(std::ffi::OsStr::new(ESCAPED)), "it is in {}", place.display());
    }
}

#[test]
fn archives_that_would_fill_the_disk_meet_the_bound() {
    let neighbour = Neighbour::start();
    let zeros = vec![0; MIB as usize];
    let bomb = gzip(|out| {
        out.write_all(&header(&file("bomb", ""), 4_096 * MIB))?;
        (0..1_024).try_for_each(|_| out.write_all(&zeros))
    });
    assert!(bomb.len() < 10 * MIB as usize);
    met_a_bound(&run(&bomb), "workspace_limit", "workspace_bytes", MIB);
    // Each fits, and all of them do not.
    let many = gzip(|out| {
        (0..1_024).try_for_each(|n| {
            out.write_all(&header(&file(&format!("f{n}"), ""), MIB / 4))?;
            out.write_all(&zeros[..MIB as usize / 4])
        })
    });
    met_a_bound(&run(&many), "workspace_limit", "workspace_bytes", MIB);
    let million = gzip(|out| {
        (0..1_000_000).try_for_each(|n| out.write_all(&header(&file(&format!("{n}"), ""), 0)))
    });
    met_a_bound(&run(&million), "workspace_limit", "workspace_files", 100_000);
    neighbour.finishes_unharmed();
    let left = std::fs::read_dir(shared::server().data().join("workspaces")).expect("it is there");
    for space in left {
        // Those of others may be there; what a bomb has made is not.
        let space = space.expect("it is read").path();
        assert!(!space.join("bomb").exists() && !space.join("99999").exists(), "{space:?}");
    }
}

#[test]
fn zeros_without_end_are_no_archive() {
    let zeros = vec![0; MIB as usize];
    let endless = gzip(|out| (0..2_048).try_for_each(|_| out.write_all(&zeros)));
    is_invalid(&run(&endless), "after its end");
}

#[test]
fn what_is_no_archive_is_refused_before_its_task_is_queued() {
    let client = shared::agent();
    for bytes in [&b"hello"[..], b"", &[b'x'; 4_096], b"PK\x03\x04", b"\x1f\x8b\x08"] {
        let blob = client.upload_blob(bytes);
        let request = json!({
            "executor": shared::noop(), "workspace": {"from": "tar", "blob": blob},
        });
        let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/workspace/blob", "{problem}");
    }
}
