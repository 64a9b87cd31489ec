//! A disk that fails or is full, under the real server: what it says, how it ends, and what is there
//! afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::shell::{self, Ran};
use crate::harness::{Server, errand, plugin};

/// A server whose disk does as a test says.
struct Frail {
    server: Server,
    /// Says what fails, while it is there.
    order: PathBuf,
    log: PathBuf,
    _scratch: TempDir,
}

impl Frail {
    fn start() -> Self {
        let scratch = tempfile::tempdir().expect("a temporary directory can be made");
        let (order, log) = (scratch.path().join("order"), scratch.path().join("log"));
        let shim = build_shim(scratch.path());
        let data = tempfile::tempdir().expect("a temporary directory can be made");
        let file = fs::File::create(&log).expect("a log can be made");
        let server = Server::start_in(data, |server| {
            server.env("LD_PRELOAD", shim).env("FAIL_FILE", &order).stderr(file);
        });
        Self { server, order, log, _scratch: scratch }
    }

    /// From now on, after some more calls, a call on files whose path has `part` in it fails.
    fn fail(&self, call: &str, errno: Errno, skip: u32, part: &str) {
        let order = format!("{call} {} {skip} {part}", errno.raw_os_error());
        // In one step: the server may read it at any time.
        let unfinished = self.order.with_extension("unfinished");
        fs::write(&unfinished, order).expect("it can be written");
        fs::rename(&unfinished, &self.order).expect("it can be renamed");
    }

    fn mend(&self) {
        fs::remove_file(&self.order).expect("it is there");
    }

    fn run(&self, args: &[&str]) -> Ran {
        shell::run(&mut self.server.command(args))
    }
}

fn build_shim(scratch: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crash/fail_io.c");
    let shim = scratch.join("fail_io.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&shim)
        .arg(source)
        .arg("-ldl")
        .status()
        .expect("a C compiler");
    assert!(status.success(), "the shim is not compiled");
    shim
}

/// Has the write-ahead log fail; what was acknowledged before must be there after a restart.
fn the_log_fails(call: &str, errno: Errno, skip: u32) {
    let frail = Frail::start();
    frail.server.operator().upload("noop", &plugin("test/noop")).expect(201);
    let first = frail.run(&["submit", "noop"]).ok();
    frail.run(&["result", "--wait", first.trim()]).expect(0);
    let mut acknowledged = vec![first];
    frail.fail(call, errno, skip, "/wal/segment-");
    // Each writes at least once, so they come to an end.
    loop {
        let submitted = frail.run(&["submit", "noop"]);
        if submitted.code != 0 {
            break;
        }
        acknowledged.push(submitted.stdout);
        assert!(acknowledged.len() < 1_000, "nothing fails");
    }
    let Frail { server, log, order, _scratch } = frail;
    let (status, data) = server.wait();
    let said = fs::read_to_string(log).expect("the log is read");
    assert_eq!(status.code(), Some(70), "{said}");
    assert!(said.contains("error: the store failed, so the server stops"), "{said}");
    assert!(said.contains("hint: what was acknowledged is on disk"), "{said}");

    fs::remove_file(order).expect("it is there");
    let server = Server::start_on(data, &[]);
    let operator = server.operator();
    for id in &acknowledged {
        assert_eq!(operator.finish(id.trim())["status"], "completed", "{id}");
    }
    let (_, data) = server.stop();
    let report = shell::run(errand(&["doctor"]).env("ERRAND_DATA", data.path())).ok();
    assert!(report.contains("consistent"), "{report}");
}

#[test]
fn a_failing_sync_stops_the_server_and_the_next_start_recovers() {
    for skip in [0, 1, 4] {
        the_log_fails("fdatasync", Errno::IO, skip);
    }
}

#[test]
fn a_failing_write_stops_the_server_and_the_next_start_recovers() {
    the_log_fails("pwrite", Errno::IO, 0);
    the_log_fails("pwrite", Errno::IO, 3);
    the_log_fails("pwrite", Errno::NOSPC, 2);
}

#[test]
fn a_run_that_the_disk_has_no_room_for_ends_and_passes_when_there_is_room() {
    let frail = Frail::start();
    let operator = frail.server.operator();
    operator.upload("probe", &plugin("test/probe")).expect(201);
    let write = |attempts: u32| {
        operator.submit(&json!({
            "executor": "probe",
            "input": {"do": "write_file", "path": "/workspace/a", "bytes": 300_000},
            "retry": {"max_attempts": attempts, "backoff_ms": 1},
        }))
    };
    for (errno, part) in [(Errno::NOSPC, "disk is full"), (Errno::IO, "disk failed")] {
        frail.fail("pwrite", errno, 0, "/workspaces/");
        let id = write(1);
        let task = operator.finish(&id);
        assert_eq!(task["status"], "failed", "an errno would have been an answer: {task}");
        assert_eq!(task["error"]["code"], "internal", "{task}");
        assert_eq!(task["error"]["retryable"], true, "{task}");
        let message = task["error"]["message"].as_str().expect("a message is text");
        assert!(message.contains("the host's") && message.contains(part), "{message}");
        let again = write(100);
        let scheduled = loop {
            let task = operator.get(&format!("/v1/tasks/{again}")).expect(200);
            if task["attempt"].as_u64() > Some(1) {
                break task;
            }
        };
        assert_ne!(scheduled["status"], "failed", "{scheduled}");
        frail.mend();
        assert_eq!(operator.finish(&again)["status"], "completed");
        frail.run(&["retry", &id]).expect(0);
        assert_eq!(operator.finish(&id)["status"], "completed");
    }
    let left = fs::read_dir(frail.server.data().join("workspaces")).expect("it is there").count();
    assert_eq!(left, 0, "the workspaces of failed runs are gone");
}
