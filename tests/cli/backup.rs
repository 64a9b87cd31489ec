//! `backup` and `restore`, with a server at work and without one.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::shell::{self, Ran};
use crate::harness::{Server, errand, plugin};

fn on(data: &Path, args: &[&str]) -> Ran {
    shell::run(errand(args).env("ERRAND_DATA", data))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// A server with an executor, an ended task that left a file, and a queued one.
fn busy() -> (Server, String, String) {
    let server = Server::start();
    let operator = server.operator();
    operator.upload("probe", &plugin("test/probe")).expect(201);
    let done = operator.submit(&json!({
        "executor": "probe",
        "input": {"do": "write_text", "path": "/workspace/left.txt", "text": "kept"},
        "artifacts": ["*.txt"],
    }));
    operator.finish(&done);
    operator.post("/v1/queue/pause", &json!({})).expect(200);
    let queued = operator
        .submit(&json!({"executor": "probe", "input": {"do": "list", "path": "/workspace"}}));
    (server, done, queued)
}

/// Returns a task as a server tells it, without where that is.
fn told(server: &Server, id: &str) -> Value {
    let mut task = server.operator().get(&format!("/v1/tasks/{id}")).expect(200);
    task["links"].take();
    task
}

#[test]
fn what_was_backed_up_while_a_server_worked_is_served_after_a_restore() {
    let (server, done, queued) = busy();
    let before = told(&server, &done);
    assert_eq!(before["status"], "completed");
    let files = tempfile::tempdir().expect("a temporary directory can be made");
    let file = files.path().join("backup.tar");
    shell::run(&mut server.command(&["backup", text(&file)])).expect(0);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &file.metadata().expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "it holds what tasks held");
    let agent = server.agent_token();
    drop(server);

    let data = tempfile::tempdir().expect("a temporary directory can be made");
    on(data.path(), &["restore", text(&file)]).expect(0).has("restored 2 tasks");
    let server = Server::start_on(data, &[]);
    let operator = server.operator();
    assert_eq!(told(&server, &done), before);
    let left = operator.get(&format!("/v1/tasks/{done}/artifacts/left.txt"));
    assert_eq!(left.bytes, b"kept");
    let path = format!("/v1/tasks/{done}/diff");
    let patch = operator.ask("GET", &path, &[("accept", "text/x-diff")]).bytes;
    let patch = String::from_utf8_lossy(&patch);
    assert!(patch.contains("+++ b/left.txt") && patch.contains("+kept"), "{patch}");
    operator.post("/v1/queue/resume", &json!({})).expect(200);
    assert_eq!(operator.finish(&queued)["status"], "completed", "its executor came with it");
    let earlier = crate::harness::Client::new(server.url(), &agent);
    earlier.get("/v1/tasks").expect(200);
    let (_, data) = server.stop();
    let report = on(data.path(), &["doctor"]).expect(0).stdout;
    assert!(report.contains("consistent"), "{report}");
}

#[test]
fn a_data_directory_is_backed_up_without_a_server_and_through_pipes() {
    let (_, data) = Server::start().stop();
    let output = errand(&["backup", "-"])
        .env("ERRAND_DATA", data.path())
        .output()
        .expect("it can be started");
    assert!(output.status.success());
    let copy = tempfile::tempdir().expect("a temporary directory can be made");
    let new = copy.path().join("new");
    let mut restore = errand(&["restore", "-"]);
    shell::run_with(restore.env("ERRAND_DATA", &new), &output.stdout).expect(0);
    assert!(new.join("store/wal").is_dir());
    // What a server that was killed left does not look like one.
    let killed = Server::start_on(copy, &[]).kill();
    let file = killed.path().join("after.tar");
    on(killed.path(), &["backup", text(&file)]).expect(0);
    on(&killed.path().join("none"), &["backup", "x.tar"]).fails(3, "there is no store");
}

#[test]
fn what_is_wrong_with_a_backup_is_told_and_nothing_is_left() {
    let (server, ..) = busy();
    let files = tempfile::tempdir().expect("a temporary directory can be made");
    let file = files.path().join("backup.tar");
    shell::run(&mut server.command(&["backup", text(&file)])).expect(0);
    let whole = std::fs::read(&file).expect("it is there");
    shell::run(&mut server.command(&["backup", text(&file)])).fails(4, "is there already");
    assert_eq!(std::fs::read(&file).expect("it is there"), whole);

    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let cut = &whole[..whole.len() / 2];
    for (bytes, code, part) in [
        (&b"no backup"[..], 2, "it is no backup"),
        (&changed[..], 4, "damaged"),
        (cut, 4, "cut off"),
        (b"", 2, "it is no backup"),
    ] {
        let wrong = files.path().join("wrong.tar");
        std::fs::write(&wrong, bytes).expect("it can be written");
        let data = files.path().join("data");
        on(&data, &["restore", text(&wrong)]).fails(code, part);
        assert!(!data.exists(), "something is left after: {part}");
    }
    on(files.path(), &["restore", text(&file)]).fails(4, "is not empty");
    on(server.data(), &["restore", text(&file)]).fails(4, "is not empty");
    on(files.path(), &["restore", "none.tar"]).fails(2, "none.tar");
    on(&files.path().join("data"), &["restore", text(files.path())]).fails(2, "not a file");
}

#[test]
fn a_backup_needs_the_operators_token() {
    let server = Server::start();
    server.agent().post("/v1/backup", &json!({})).problem(403, "forbidden");
    let agent = server.agent_token();
    let file = server.data().join("x.tar");
    let mut command = server.command(&["backup", text(&file), "--token", &agent]);
    shell::run(&mut command).fails(4, "admin");
    assert!(!file.exists());
}
