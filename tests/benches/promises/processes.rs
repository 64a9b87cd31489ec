//! Whole processes: how quick `errand run` is, and how large an idle server.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::harness::{Server, errand, plugin};
use crate::report::{Figure, percentile};

/// Runs of each command, in turn.
const RUNS: usize = 60;

/// `errand run hello.py`, compiled before, against `python3 -S -E -I hello.py`.
pub(crate) fn errand_run() -> Vec<Figure> {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let script = directory.path().join("hello.py");
    std::fs::write(&script, "print(\"hello\")\n").expect("a script can be written");
    let script = script.to_str().expect("a temporary path is text").to_owned();
    let data = directory.path().join("data");

    // Not a wrapper that looks for the interpreter at each start.
    let said = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .expect("python3 is there");
    let interpreter = String::from_utf8(said.stdout).expect("a path is text").trim().to_owned();

    let errand_once = || {
        let mut command = errand(&["run", &script]);
        command.env("ERRAND_DATA", &data);
        time(&mut command)
    };
    let python_once = || time(Command::new(&interpreter).args(["-S", "-E", "-I", &script]));
    errand_once();
    python_once();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(errand_once());
        theirs.push(python_once());
    }
    let mut ratios: Vec<f64> =
        ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    vec![
        Figure::new("errand run hello.py", percentile(&mut ours, 50.0), "ms"),
        Figure::new("python3 -S -E -I hello.py", percentile(&mut theirs, 50.0), "ms"),
        Figure::new("errand run against python3, pair by pair", percentile(&mut ratios, 50.0), "×")
            .at_most(1.2),
    ]
}

/// The resident memory of a server that has the python executor and nothing to do.
pub(crate) fn idle_memory() -> Vec<Figure> {
    let server = Server::start();
    server.operator().upload("python", &plugin("python")).expect(201);
    let data = server.stop().1;
    let server = Server::start_on(data, &[]);
    server.operator().get("/v1/executors").expect(200);
    vec![Figure::new("idle server, resident", resident_mib(&server), "MiB").at_most(40.0)]
}

/// The resident memory of a server, in MiB.
pub(crate) fn resident_mib(server: &Server) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero()))
        .expect("a process has a status");
    let resident_kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
        .expect("a status says what is resident");
    resident_kib / 1_024.0
}

/// Milliseconds that a command takes from its start to its end.
fn time(command: &mut Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    let status = command.status().expect("the command can be started");
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    assert!(status.success(), "it ended with {status}");
    took
}
