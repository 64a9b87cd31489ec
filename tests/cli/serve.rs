//! `errand serve`: its settings, its address, its one data directory, and how it stops.

use rustix::process::{Signal, kill_process};
use serde_json::json;

use crate::harness::shell::{self, Ran};
use crate::harness::{Server, errand, plugin};

/// Calls `serve` where it is expected to refuse.
fn refused(args: &[&str]) -> Ran {
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = errand(&["serve"]);
    command.args(args).env("ERRAND_DATA", data.path()).env("ERRAND_LISTEN", "127.0.0.1:0");
    shell::run(&mut command)
}

fn refused_config(text: &str) -> Ran {
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    // The data directory's own file is found without being named.
    std::fs::write(data.path().join("errand.toml"), text).expect("it can be written");
    let mut command = errand(&["serve"]);
    shell::run(command.env("ERRAND_DATA", data.path()))
}

#[test]
fn mistakes_in_the_file_have_a_line_and_a_column() {
    for (text, place, part) in [
        ("slots = 2\n\nsots = 3\n", "errand.toml:3:1", "sots"),
        ("listen = 5\n", "errand.toml:1:10", "string"),
        ("# hello\n  drain = -1\n", "errand.toml:2:11", "-1"),
        ("listen = \"127.0.0.1:0\n", "errand.toml:1:", ""),
        ("behind-proxy = \"yes\"\n", "errand.toml:1:16", "boolean"),
        ("log-format = \"xml\"\n", "errand.toml:1:14", "human"),
    ] {
        refused_config(text).fails(2, place).fails(2, part);
    }
}

#[test]
fn what_can_not_be_enforced_yet_is_refused_and_not_ignored() {
    let refused = refused_config("[quotas.default]\nqueued = 5\n");
    refused.fails(2, "unsupported").fails(2, "quotas").fails(2, "errand.toml:1:");
}

#[test]
fn mistakes_are_found_before_anything_is_stored() {
    let files = tempfile::tempdir().expect("a temporary directory can be made");
    let pem = files.path().join("no.pem");
    std::fs::write(&pem, "this is no certificate").expect("it can be written");
    let pem = pem.to_str().expect("a temporary path is text");
    for (flags, part) in [
        (["--tls-cert", pem, "--tls-key", pem].as_slice(), "speak TLS"),
        (&["--tls-cert", "none.pem", "--tls-key", pem], "none.pem"),
        (&["--config", "none.toml"], "none.toml"),
        (&["--slots", "0"], "slots"),
    ] {
        let data = files.path().join("data");
        let mut command = errand(&["serve"]);
        command.args(flags).env("ERRAND_DATA", &data).env("ERRAND_LISTEN", "127.0.0.1:0");
        shell::run(&mut command).fails(2, part);
        assert!(!data.exists(), "{flags:?} made a data directory");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    refused(&["--slots", "0"]).fails(2, "slots");
    refused(&["--slots", "99999"]).fails(2, "slots");
    refused(&["--tls-cert", "x"]).fails(2, "tls-key");
    let tls = refused(&["--tls-cert", "x", "--tls-key", "y"]).expect(2);
    assert!(tls.stderr.contains("error: read `x`"), "{}", tls.stderr);
    refused(&["--listen", "nonsense"]).fails(2, "nonsense");
    refused(&["--log", "=="]).fails(2, "log filter");
    refused(&["--config", "no-such-file.toml"]).fails(2, "no-such-file.toml");
}

#[test]
fn the_file_the_environment_and_the_line_overrule_each_other_in_this_order() {
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    std::fs::write(data.path().join("errand.toml"), "slots = 3\n").expect("it can be written");
    let slots = |server: &Server| {
        server.agent().get("/v1/workers").expect(200)["items"][0]["slots"].clone()
    };
    let server = Server::start_on(data, &[]);
    assert_eq!(slots(&server), 3);
    let (_, data) = server.stop();
    let server = Server::start_on(data, &["--slots", "5"]);
    assert_eq!(slots(&server), 5);
}

#[test]
fn it_is_not_heard_beyond_this_machine_unprotected() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let ran = refused(&["--listen", listen]).fails(2, "unprotected");
        assert!(ran.stderr.contains("--tls-cert"), "{}", ran.stderr);
    }
    let server = Server::start_with(&["--listen", "0.0.0.0:0", "--behind-proxy"]);
    assert!(server.stop().0.success());
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let first = Server::start();
    let mut second = first.command(&["serve", "--listen", "127.0.0.1:0"]);
    let ran = shell::run(&mut second).fails(4, "another server");
    assert!(ran.stderr.contains(first.url()), "{}", ran.stderr);
    assert_eq!(first.agent().get("/v1/tasks").status, 200, "the first goes on");
    shell::run(&mut first.command(&["list"])).expect(0);
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let server = Server::start();
    let address = server.url().strip_prefix("http://").expect("it speaks HTTP").to_owned();
    refused(&["--listen", &address]).fails(4, "in use");
}

#[test]
fn either_signal_stops_it_in_good_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start();
        kill_process(server.pid(), signal).expect("it runs");
        // A second one would end it at once; the harness sends none to a process that has ended.
        let (status, data) = server.wait();
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(!data.path().join("server.json").exists());
    }
}

#[test]
fn a_running_task_is_handed_back_after_the_drain() {
    let server = Server::start_with(&["--drain", "0"]);
    server.operator().upload("probe", &plugin("test/probe")).expect(201);
    let id = server.agent().submit(&json!({"executor": "probe", "input": {"do": "spin_forever"}}));
    server.agent().follow(&id, &[]).until_it_runs();
    let (status, data) = server.stop();
    assert_eq!(status.code(), Some(0));
    let server = Server::start_on(data, &["--drain", "0"]);
    let events = server.agent().events(&id);
    let drained =
        events.iter().find(|event| event["kind"] == "interrupted").expect("it was stopped");
    assert_eq!(drained["data"]["reason"], "drain");
    assert!(events.iter().all(|event| event["attempt"] == 1), "no attempt is counted: {events:?}");
    // The command line follows it over there, and stops it.
    shell::run(&mut server.command(&["cancel", &id])).expect(0);
    shell::run(&mut server.command(&["watch", &id])).expect(1);
}

#[test]
fn its_log_is_on_standard_error_as_lines_or_as_json() {
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let mut child = errand(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"])
        .env("ERRAND_DATA", data.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("it is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("text");
    kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).expect("it runs");
    let ended = child.wait_with_output().expect("it ends");
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
    assert_eq!(ended.stdout, b"", "nothing but the address is on standard output");
    let log = String::from_utf8(ended.stderr).expect("text");
    assert!(log.lines().count() > 1, "{log}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line}"));
    }
}

#[test]
fn a_listed_directory_must_be_there_and_have_nothing_to_do_with_the_data() {
    let data = tempfile::tempdir().expect("a temporary directory can be made");
    let path = |name: &str| data.path().join(name).to_str().expect("it is text").to_owned();
    std::fs::create_dir(data.path().join("inside")).expect("it can be made");
    let around = data.path().parent().expect("it has one").to_str().expect("it is text").to_owned();
    let missing = path("missing");
    for listed in [path(""), path("inside"), around, "/".to_owned()] {
        let args =
            ["serve", "--data", &path(""), "--listen", "127.0.0.1:0", "--allow-dir", &listed];
        let ran = shell::run(&mut errand(&args));
        ran.fails(2, "lie in one another").fails(2, "--allow-dir");
    }
    let args = ["serve", "--data", &path(""), "--listen", "127.0.0.1:0", "--allow-dir", &missing];
    shell::run(&mut errand(&args)).fails(2, &missing);
}
