//! `errand doctor`: what is in order and what is not.

use std::os::unix::fs::PermissionsExt;

use crate::harness::shell::{self, alone};
use crate::harness::{Server, errand};

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
fn a_damaged_store_is_found() {
    let (_, data) = Server::start().stop();
    let journal = data.path().join("store/journal");
    let mut damaged = 0;
    for entry in std::fs::read_dir(&journal).expect("it is there") {
        let path = entry.expect("it is read").path();
        let mut bytes = std::fs::read(&path).expect("it is read");
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0xff;
            damaged += 1;
        }
        std::fs::write(&path, bytes).expect("it is ours");
    }
    assert!(damaged > 0, "there is a journal");
    let ran = shell::run(errand(&["doctor"]).env("ERRAND_DATA", data.path())).expect(1);
    assert!(ran.stdout.contains("✗ store"), "{}", ran.stdout);
    assert!(ran.stdout.contains("keep a copy"), "{}", ran.stdout);
}
