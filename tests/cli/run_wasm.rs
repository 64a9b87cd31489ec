//! `errand run FILE.wasm`: programs and native executors as they are, and what is neither.

use serde_json::json;

use crate::harness::shell::{self, Ran};
use crate::harness::{errand, plugin_path, shared, wasm};

/// Calls `errand run GUEST.wasm ARGS` with bytes on standard input.
fn run_with(guest: &str, args: &[&str], stdin: &[u8]) -> Ran {
    // One directory for all of them, so that each guest is compiled once.
    let mut command = shared::server().command(&["run"]);
    shell::run_with(command.arg(plugin_path(guest)).args(args), stdin)
}

fn run(guest: &str, args: &[&str]) -> Ran {
    run_with(guest, args, b"")
}

#[test]
fn a_program_gets_its_arguments_and_its_name() {
    let ran = run("test/command-probe", &["args"]);
    assert_eq!(ran.ok(), "command-probe\nargs\n");
    assert_eq!(run("test/command-probe", &["print", "a b", "print", "--c"]).ok(), "a b\n--c\n");
}

#[test]
fn a_program_reads_standard_input_and_writes_both_streams() {
    let bytes = b"one\ntwo \xff\n".repeat(20_000);
    let ran = run_with("test/command-probe", &["cat", "complain", "done"], &bytes).expect(0);
    assert_eq!(ran.stdout, String::from_utf8_lossy(&bytes));
    assert_eq!(ran.stderr, "done\n");
}

#[test]
fn a_programs_own_exit_code_is_passed_through() {
    for code in ["0", "1", "3", "42", "255"] {
        let ran = run("test/command-probe", &["exit", code]);
        assert_eq!(ran.code.to_string(), code);
        assert_eq!(ran.stderr, "", "the program has said what it had to say");
    }
}

#[test]
fn a_program_that_traps_says_so() {
    let ran = run("test/command-probe", &["panic"]).expect(1);
    assert!(ran.stderr.contains("it was asked to panic"), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: trap:"), "{}", ran.stderr);
}

#[test]
fn a_third_party_program_does_real_work() {
    let ran = run_with("comrak", &[], b"# Title\n\nSome *words*.\n");
    assert_eq!(ran.ok(), "<h1>Title</h1>\n<p>Some <em>words</em>.</p>\n");
    assert!(run("comrak", &["--version"]).ok().starts_with("comrak "));
    // More than fits into one write, or into the memory that it starts with.
    let long = "# A heading\n\nA paragraph with a [link](https://example.com).\n\n".repeat(5_000);
    let html = run_with("comrak", &[], long.as_bytes()).ok();
    assert_eq!(html.matches("<h1>").count(), 5_000);
}

#[test]
fn a_native_executor_takes_json_and_prints_its_output_as_json() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n";
    let input = &json!({"files": {"pod.yaml": pod}}).to_string();
    let output = run("manifest-lint", &[input]).json();
    assert_eq!(output["summary"]["files"], 1);
    assert!(output["findings"].as_array().is_some_and(|found| !found.is_empty()));
    assert_eq!(run("test/noop", &[]).ok(), "null\n");
}

#[test]
fn a_native_executor_says_what_is_wrong_with_its_input() {
    run("manifest-lint", &["{"]).fails(2, "not JSON");
    run("manifest-lint", &["{}", "{}"]).fails(2, "one argument");
    let ran = run("manifest-lint", &[r#"{"no": 1}"#]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("files") || ran.stderr.contains("`no`"), "{}", ran.stderr);
    // What the code of the executor calls its types is nobody's business.
    let ran = run("manifest-lint", &[]);
    assert!(!ran.stderr.contains("struct"), "{}", ran.stderr);
}

#[test]
fn limits_hold_for_wasm_too() {
    for (flag, value) in [("--fuel", "50M"), ("--timeout", "200ms")] {
        let mut command = shared::server().command(&["run", flag, value]);
        shell::run(command.arg(plugin_path("test/command-probe")).arg("spin")).fails(124, flag);
    }
}

#[test]
fn what_is_no_wasm_is_refused_on_our_side() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let data = directory.path().join("data");
    let run = |bytes: &[u8]| {
        std::fs::write(directory.path().join("a.wasm"), bytes).expect("it can be written");
        let mut command = errand(&["run", "a.wasm"]);
        shell::run(command.current_dir(&directory).env("ERRAND_DATA", &data))
    };
    run(b"hello").fails(125, "not wasm");
    run(b"").fails(125, "empty");
    run(b"\x7fELF\x02").fails(125, "native code");
    let whole = wasm::ends_at_once("run");
    run(&whole[..whole.len() / 2]).fails(125, "not valid wasm");
    run(&whole).expect(0);
}
