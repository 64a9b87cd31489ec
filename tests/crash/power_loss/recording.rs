//! Recording a process, and reading the recording.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::workload::Syncing;
use crate::harness::Server;

/// One thing that the recorded process did.
#[derive(Debug)]
pub(super) enum Step {
    /// A file was made, or emptied.
    Create { file: String },
    /// Bytes were written.
    Write { file: String, offset: u64, data: Vec<u8> },
    /// A file got another length.
    Truncate { file: String, len: u64 },
    /// A file or a directory was synced.
    Sync { file: String },
    /// A directory was made.
    MakeDir { dir: String },
    /// A file or directory got another name.
    Rename { from: String, to: String },
    /// A file or directory was removed.
    Remove { path: String },
    /// A line was said on standard output.
    Said(String),
    /// An answer over HTTP, head and body, was about to leave.
    Answered(String),
}

/// Makes a temporary directory: in memory where there is such a thing, as what a real disk does with a
/// sync is beside the point here and takes its time.
pub(super) fn scratch() -> tempfile::TempDir {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.expect("a temporary directory")
}

/// All that a process did, in order. Paths begin with `/`, the directory's own is empty.
pub(super) struct Recording {
    steps: Vec<Step>,
}

impl Recording {
    /// Records the workload on a store.
    pub(super) fn of_store(syncing: Syncing) -> Self {
        Self::of(match syncing {
            Syncing::Full => "store",
            Syncing::Never => "store-unsynced",
        })
    }

    /// Records the workload on sled alone.
    pub(super) fn of_sled() -> Self {
        Self::of("sled")
    }

    /// Records a server while `work` uses it, until it is stopped.
    pub(super) fn of_server(work: impl FnOnce(&Server)) -> Self {
        let scratch = scratch();
        let scratch_path = scratch.path().canonicalize().expect("it is there");
        let (shim, log) = (build_shim(&scratch_path), scratch_path.join("recording"));
        let data = tempfile::tempdir_in(&scratch_path).expect("a directory");
        let store = data.path().join("store");
        let server = Server::start_in(data, |server| {
            server.env("RECORD_DIR", &store).env("RECORD_LOG", &log).env("LD_PRELOAD", shim);
        });
        work(&server);
        let (ended, _data) = server.stop();
        assert!(ended.success(), "the server ended with {ended}");
        let bytes = std::fs::read(&log).expect("a recording");
        Self { steps: read(&bytes, store.to_str().expect("a path of ours")) }
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn of(role: &str) -> Self {
        let scratch = scratch();
        // The shim compares paths as text.
        let scratch_path = scratch.path().canonicalize().expect("it is there");
        let shim = build_shim(&scratch_path);
        let (log, dir) = (scratch_path.join("recording"), scratch_path.join("data"));
        std::fs::create_dir(&dir).expect("a directory");
        let module = module_path!().split_once("::").map_or("", |(_, rest)| rest);
        let test = module.replace("::recording", "::recorded_workload");
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", &test, "--nocapture", "--test-threads=1"])
            .env("ERRAND_POWER_LOSS_ROLE", role)
            .env("ERRAND_POWER_LOSS_DIR", &dir)
            .env("RECORD_DIR", &dir)
            .env("RECORD_LOG", &log)
            .env("LD_PRELOAD", shim)
            .output()
            .expect("the workload starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("1 passed"), "the workload was not run: {said}");
        let bytes = std::fs::read(&log).expect("a recording");
        Self { steps: read(&bytes, dir.to_str().expect("a path of ours")) }
    }
}

fn build_shim(scratch: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crash/record.c");
    let shim = scratch.join("record.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&shim)
        .arg(source)
        .arg("-ldl")
        .status()
        .expect("a C compiler");
    assert!(status.success(), "the shim does not compile");
    shim
}

/// Takes the shim's records apart; see `record.c`.
fn read(mut bytes: &[u8], dir: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut open: HashMap<i32, String> = HashMap::new();
    let mut said = String::new();
    let inside = |path: &str| path.strip_prefix(dir).unwrap_or(path).to_owned();
    while let Some((head, rest)) = bytes.split_first_chunk::<21>() {
        let fd = i32::from_ne_bytes(head[1..5].try_into().expect("4 bytes"));
        let a = i64::from_ne_bytes(head[5..13].try_into().expect("8 bytes"));
        let path_len = u32::from_ne_bytes(head[13..17].try_into().expect("4 bytes")) as usize;
        let data_len = u32::from_ne_bytes(head[17..].try_into().expect("4 bytes")) as usize;
        // The process may have ended while one of its threads was being recorded.
        if rest.len() < path_len + data_len {
            break;
        }
        let (path, rest) = rest.split_at(path_len);
        let (data, rest) = rest.split_at(data_len);
        bytes = rest;
        let path = inside(&String::from_utf8_lossy(path));
        let file = || open.get(&fd).cloned().expect("the file is open");
        match head[0] {
            1 => {
                // O_CREAT and O_TRUNC of Linux on x86-64 and AArch64.
                if a & 0o1100 != 0 {
                    let emptied = a & 0o1000 != 0;
                    steps.push(Step::Create { file: path.clone() });
                    if emptied {
                        steps.push(Step::Truncate { file: path.clone(), len: 0 });
                    }
                }
                open.insert(fd, path);
            }
            2 => drop(open.remove(&fd)),
            3 => {
                let from = open.get(&(a as i32)).cloned().expect("the file is open");
                open.insert(fd, from);
            }
            4 => steps.push(Step::Write { file: file(), offset: a as u64, data: data.to_vec() }),
            5 => steps.push(Step::Truncate { file: file(), len: a as u64 }),
            6 => steps.push(Step::Sync { file: file() }),
            // Starts writing back and promises nothing.
            7 => {}
            8 => {
                let to = inside(&String::from_utf8_lossy(data));
                // What is open keeps its file under the new name.
                for name in open.values_mut() {
                    if let Some(below) = name.strip_prefix(&path)
                        && (below.is_empty() || below.starts_with('/'))
                    {
                        *name = format!("{to}{below}");
                    }
                }
                steps.push(Step::Rename { from: path, to });
            }
            9 | 11 => steps.push(Step::Remove { path }),
            10 => steps.push(Step::MakeDir { dir: path }),
            12 => {
                said.push_str(&String::from_utf8_lossy(data));
                while let Some((line, rest)) = said.split_once('\n') {
                    // The test harness talks too.
                    if let Some(line) = line.strip_prefix("@ ") {
                        steps.push(Step::Said(line.to_owned()));
                    }
                    said = rest.to_owned();
                }
            }
            13 => steps.push(Step::Answered(String::from_utf8_lossy(data).into_owned())),
            other => panic!("record {other} is not known"),
        }
    }
    steps
}
