//! What `make run` shows, after building: the whole of it runs, and leaves nothing behind.

use std::process::{Command, Stdio};

use crate::harness::{errand_path, shell};

#[test]
fn the_tour_runs_from_start_to_end() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let temporary = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = Command::new("bash");
    command
        .args(["examples/tour/run.sh"])
        .arg(errand_path())
        .current_dir(root)
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null());
    let ran = shell::run(&mut command).expect(0);
    for part in [
        "listening on http://127.0.0.1:",
        "crate  ",
        "\"by_rule\"",
        "report.md",
        "<h1",
        "Hello from Python 3",
        "The server has stopped",
    ] {
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains(part), "{part:?} is not in: {told}");
    }
    let left: Vec<_> = std::fs::read_dir(temporary.path())
        .expect("it is there")
        .map(|entry| entry.expect("it is read").file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
