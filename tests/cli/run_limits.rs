//! `errand run` at a limit: 124, and a sentence with the limit's name, its value and its flag.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::run_python::Script;
use crate::harness::{shared, shell};

#[test]
fn a_loop_ends_with_its_fuel() {
    let script = Script::new("while True: pass");
    let ran = shell::run(&mut script.command(&["--fuel", "500M"], &[]));
    let ran = ran.fails(124, "fuel");
    assert!(ran.stderr.contains("--fuel"), "{}", ran.stderr);
}

#[test]
fn a_loop_ends_with_its_time() {
    let script = Script::new("while True: pass");
    let ran = shell::run(&mut script.command(&["--timeout", "300ms"], &[]));
    let ran = ran.fails(124, "300");
    assert!(ran.stderr.contains("--timeout"), "{}", ran.stderr);
}

#[test]
fn memory_is_bounded() {
    let script = Script::new("x = bytearray(100_000_000)");
    let ran = shell::run(&mut script.command(&["--memory", "64MiB"], &[]));
    let ran = ran.fails(124, "memory");
    assert!(ran.stderr.contains("--memory"), "{}", ran.stderr);
    shell::run(&mut script.command(&["--memory", "200MiB"], &[])).expect(0);
}

#[test]
fn what_was_printed_before_the_limit_is_there() {
    let script = Script::new("print('before', flush=True)\nwhile True: pass");
    let ran = shell::run(&mut script.command(&["--fuel", "500M"], &[])).expect(124);
    assert_eq!(ran.stdout, "before\n");
}

#[test]
fn waiting_for_input_ends_with_the_time_too() {
    let script = Script::new("input()");
    let mut command = script.command(&["--timeout", "300ms"], &[]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let input = child.stdin.take();
    assert_eq!(child.wait().expect("it ends").code(), Some(124));
    drop(input);
}

#[test]
fn a_run_that_is_interrupted_ends_and_leaves_nothing_behind() {
    let script = Script::new("print('looping', flush=True)\nwhile True: pass");
    for signal in [Signal::INT, Signal::TERM] {
        let data = tempfile::tempdir().expect("a temporary directory can be made");
        // A directory of its own, beside the compiled executors of the shared server.
        let compiled = shared::server().data().join("compiled");
        let mut command = script.command(&[], &[]);
        std::os::unix::fs::symlink(compiled, data.path().join("compiled")).expect("it is free");
        command.env("ERRAND_DATA", data.path());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        assert_eq!(line, "looping\n");
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        assert!(!child.wait().expect("it ends").success());
        // What a killed run could not clear, the next one does.
        let next = Script::new("");
        shell::run(next.command(&[], &[]).env("ERRAND_DATA", data.path())).expect(0);
        let left: Vec<_> = std::fs::read_dir(data.path().join("runs"))
            .map(|runs| runs.map(|run| run.expect("it is read").file_name()).collect())
            .unwrap_or_default();
        assert!(left.is_empty(), "{signal:?} left {left:?}");
    }
}
