//! An installer's process: run to its end, for so long, and no larger than packages may be.

#![expect(
    clippy::disallowed_methods,
    reason = "it owns the installer's processes and what they say"
)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::failed::Failed;
use super::tree;

/// How long an installer may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often what it unpacks is measured.
const MEASURE: Duration = Duration::from_secs(1);
/// What it says at most.
const MOST_SAID: u64 = 1 << 20;

/// Runs an installer to its end and returns what it wrote to standard output.
pub(super) fn run(command: &mut Command, scratch: &Path, step: &str) -> Result<String, Failed> {
    run_within(command, scratch, step, scratch)
}

/// The same, and ends it when a directory becomes larger than packages may be.
pub(super) fn run_within(
    command: &mut Command,
    scratch: &Path,
    step: &str,
    watched: &Path,
) -> Result<String, Failed> {
    let path = |stream: &str| scratch.join(format!("{step}.{stream}"));
    let (said, complained) = (path("stdout"), path("stderr"));
    command
        // Nothing of the directory that the person is in is meant for it.
        .current_dir(scratch)
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&said).map_err(Failed::io)?)
        .stderr(fs::File::create(&complained).map_err(Failed::io)?)
        .kill_on_drop(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let status = runtime.map_err(Failed::io)?.block_on(ended(command, watched))?;
    if status.success() {
        return read(said);
    }
    let mut text = read(complained)?;
    if text.trim().is_empty() {
        text = format!("it ended with {status}");
    }
    Err(Failed::Said(text))
}

/// Waits for the end of a process, which may be ours to bring about.
async fn ended(command: &mut Command, watched: &Path) -> Result<ExitStatus, Failed> {
    let mut child = command.spawn().map_err(Failed::io)?;
    let too_long = sleep(PATIENCE);
    tokio::pin!(too_long);
    let mut measured = interval(MEASURE);
    measured.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let why = loop {
        tokio::select! {
            status = child.wait() => return status.map_err(Failed::io),
            () = &mut too_long => {
                let seconds = PATIENCE.as_secs();
                break format!("it took more than {seconds} s, and was stopped");
            }
            _ = measured.tick() => {
                if let Err(too_much) = tree::check_size(watched) {
                    break too_much;
                }
            }
        }
    };
    // Where it has ended already, nothing is left to do.
    let _ = child.kill().await;
    Err(Failed::ours(why))
}

fn read(path: PathBuf) -> Result<String, Failed> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(Failed::io)?;
    file.take(MOST_SAID).read_to_end(&mut bytes).map_err(Failed::io)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
