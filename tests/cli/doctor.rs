//! `errand doctor`: what is in order and what is not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::shell::{self, alone};
use crate::harness::{Server, errand, plugin};

#[test]
fn all_is_well_without_a_server_with_one_and_after_one() {
    assert!(alone(&["doctor"]).ok().contains("none runs here"));
    let server = Server::start();
    let text = shell::run(&mut server.command(&["doctor"])).ok();
    assert!(text.contains(server.url()), "{text}");
    assert!(!text.contains('✗'), "{text}");
    let report = shell::run(&mut server.command(&["doctor", "--json"])).json();
    assert_eq!(report["ok"], true);
    let (_, data) = server.stop();
    let text = shell::run(errand(&["doctor"]).env("ERRAND_DATA", data.path())).ok();
    assert!(text.contains("store") && text.contains("consistent"), "{text}");
}

#[test]
fn a_token_that_others_can_read_is_found() {
    let (_, data) = Server::start().stop();
    let path = data.path().join("operator.token");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let ran = shell::run(errand(&["doctor"]).env("ERRAND_DATA", data.path())).expect(1);
    assert!(ran.stdout.contains("✗ operator.token"), "{}", ran.stdout);
    assert!(ran.stdout.contains("chmod 600"), "{}", ran.stdout);
    let ran = shell::run(errand(&["doctor", "--json"]).env("ERRAND_DATA", data.path())).expect(1);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(report["ok"], false);
}

#[test]
fn a_missing_blob_is_found() {
    let server = Server::start();
    server.operator().upload("noop", &plugin("test/noop")).expect(201);
    let (_, data) = server.stop();
    let blobs = data.path().join("store/blobs");
    std::fs::remove_dir_all(&blobs).expect("it is there");
    std::fs::create_dir(&blobs).expect("it is gone");
    let told = store_is_damaged(data.path());
    assert!(told.contains(blobs.to_str().expect("it is text")), "{told}");
}

#[test]
fn a_damaged_write_ahead_log_is_found() {
    let server = Server::start();
    server.operator().upload("noop", &plugin("test/noop")).expect(201);
    let (_, data) = server.stop();
    let wal = data.path().join("store/wal");
    for entry in std::fs::read_dir(&wal).expect("it is there") {
        let path = entry.expect("it is read").path();
        let mut bytes = std::fs::read(&path).expect("it is read");
        // Behind what was written lies room that was taken in advance. Whole frames must follow the
        // damaged one: a damaged last one is what a loss of power leaves, and is cut off in silence.
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        if let Some(byte) = bytes.get_mut(written / 8) {
            *byte ^= 0xff;
        }
        std::fs::write(&path, bytes).expect("it is ours");
    }
    let told = store_is_damaged(data.path());
    assert!(told.contains(wal.to_str().expect("it is text")), "{told}");
    assert!(told.contains("at byte"), "{told}");
}

#[track_caller]
fn store_is_damaged(data: &Path) -> String {
    let ran = shell::run(errand(&["doctor"]).env("ERRAND_DATA", data)).expect(1);
    assert!(ran.stdout.contains("✗ store"), "{}", ran.stdout);
    assert!(ran.stdout.contains("keep a copy"), "{}", ran.stdout);
    assert!(ran.stdout.contains("errand restore"), "{}", ran.stdout);
    ran.stdout
}

#[test]
fn a_damaged_compiled_file_is_found_and_a_server_makes_it_anew() {
    for cut in [false, true] {
        let server = Server::start();
        server.operator().upload("noop", &plugin("test/noop")).expect(201);
        let (_, data) = server.stop();
        let compiled = std::fs::read_dir(data.path().join("compiled")).expect("it is there");
        let path = compiled
            .map(|entry| entry.expect("it is read").path())
            .find(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
            .expect("it was compiled");
        let whole = std::fs::read(&path).expect("it is read");
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        if cut {
            bytes.truncate(middle)
        } else {
            bytes[middle] ^= 1
        }
        std::fs::write(&path, bytes).expect("it is ours");
        let ran = shell::run(errand(&["doctor"]).env("ERRAND_DATA", data.path())).expect(1);
        assert!(ran.stdout.contains("✗ compile cache"), "{}", ran.stdout);
        assert!(ran.stdout.contains(path.to_str().expect("it is text")), "{}", ran.stdout);

        let log = data.path().join("log");
        let file = std::fs::File::create(&log).expect("it can be made");
        let server = Server::start_in(data, |server| _ = server.stderr(file));
        let operator = server.operator();
        for _ in 0..2 {
            let id = operator.submit(&serde_json::json!({"executor": "noop"}));
            assert_eq!(operator.finish(&id)["status"], "completed");
        }
        let (_, data) = server.stop();
        assert_eq!(std::fs::read(&path).expect("it is read"), whole);
        let log = std::fs::read_to_string(log).expect("it is read");
        assert_eq!(log.matches("WARN").count(), 1, "{log}");
        assert!(log.contains("is damaged") && log.contains(".cwasm"), "{log}");
        let report = shell::run(errand(&["doctor"]).env("ERRAND_DATA", data.path())).ok();
        assert!(report.contains("✓ compile cache"), "{report}");
    }
}
