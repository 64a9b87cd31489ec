//! `errand run FILE.js`: the program's output, input and exit code are this command's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::shared;
use crate::harness::shell::{self, Ran};

/// A program in a file, whose name says of what kind it is.
struct Script {
    directory: TempDir,
    name: &'static str,
}

impl Script {
    fn new(code: &str) -> Self {
        Self::named("program.js", code)
    }

    fn named(name: &'static str, code: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        std::fs::write(directory.path().join(name), code).expect("it can be written");
        Self { directory, name }
    }

    /// Puts another file beside it.
    fn beside(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).expect("it can be written");
        self
    }

    fn command(&self, flags: &[&str], args: &[&str]) -> Command {
        // Uploading it has compiled it, and a local run looks in the same place.
        shared::javascript();
        let mut command = shared::server().command(&["run"]);
        command.args(flags).arg(self.name).args(args).current_dir(&self.directory);
        command
    }

    fn run(&self) -> Ran {
        shell::run(&mut self.command(&[], &[]))
    }
}

#[test]
fn a_program_prints_and_ends_as_node_does() {
    let ran = Script::new("console.log('out', {a: [1]})\nconsole.error('err')").run().expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out { a: [ 1 ] }\n", "err\n"));
}

#[test]
fn each_kind_of_file_runs() {
    for (name, code) in [
        ("a.js", "console.log(require('path').basename(__filename))"),
        ("a.js", "import path from 'node:path'; console.log(path.basename(import.meta.filename))"),
        ("a.cjs", "console.log(require('path').basename(__filename))"),
        ("a.mjs", "console.log(import.meta.filename.split('/').at(-1))"),
    ] {
        assert_eq!(Script::named(name, code).run().ok(), format!("{name}\n"), "{code}");
    }
}

#[test]
fn arguments_after_the_file_are_the_programs_own() {
    let script = Script::new("console.log(JSON.stringify(process.argv.slice(2)))");
    let args = ["a", "b c", "--help", "--fuel", "-", "--"];
    let out = shell::run(&mut script.command(&[], &args)).ok();
    assert_eq!(out, "[\"a\",\"b c\",\"--help\",\"--fuel\",\"-\",\"--\"]\n");
}

#[test]
fn standard_input_is_read_when_the_program_asks_for_it() {
    let script = Script::new(
        "console.log('ready');
         process.stdin.on('data', (line) => process.stdout.write(`got ${line}`));
         process.stdin.on('end', () => console.log('end'))",
    );
    let mut child = script
        .command(&[], &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("it is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = || lines.next().expect("a line comes").expect("it is text");
    // Each answer comes before the next line is sent: nothing waits for the end of the input.
    assert_eq!(next(), "ready");
    for word in ["one", "two"] {
        writeln!(input, "{word}").expect("it reads");
        assert_eq!(next(), format!("got {word}"));
    }
    drop(input);
    assert_eq!(next(), "end");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn an_exit_code_is_passed_through_in_silence() {
    for (code, end) in
        [(3, "process.exit(3)"), (0, "process.exit()"), (255, "process.exitCode = 255")]
    {
        let ran = Script::new(end).run().expect(code);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
}

#[test]
fn an_exception_shows_its_stack_with_the_file_and_nothing_of_ours() {
    let ran = Script::new("function inner() {\n  throw new TypeError('no');\n}\ninner();")
        .run()
        .expect(1);
    let head = "/workspace/program.js:2\n  throw new TypeError('no');\n";
    assert!(ran.stderr.starts_with(head), "{}", ran.stderr);
    assert!(ran.stderr.contains("\nTypeError: no\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("    at inner (/workspace/program.js:2:"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("errand"), "{}", ran.stderr);
}

#[test]
fn a_syntax_error_shows_where_it_is() {
    let ran = Script::new("console.log(1)\nlet x = = 2\n").run().expect(1);
    assert_eq!(ran.stdout, "", "nothing of the program has run");
    for part in ["program.js:2", "let x = = 2", "SyntaxError"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in: {}", ran.stderr);
    }
}

#[test]
fn a_program_sees_nothing_of_this_machine() {
    let out = Script::new(
        "
const fs = require('fs');
console.log(process.cwd(), fs.readdirSync('.'), fs.readdirSync('/'), process.env);
for (const attempt of [
    () => fs.readFileSync('/etc/passwd'),
    () => fs.readFileSync('../../../../etc/passwd'),
    () => fs.readdirSync('/etc'),
    () => require('child_process'),
    () => require('net'),
    () => errand.http('GET', 'http://127.0.0.1:80/'),
]) {
    try { attempt(); console.log('it could') } catch { console.log('refused') }
}",
    )
    .run()
    .ok();
    assert_eq!(
        out,
        format!("/workspace [ 'program.js' ] [ 'program.js' ] {{}}\n{}", "refused\n".repeat(6))
    );
}

#[test]
fn a_workspace_is_read_imported_from_and_changed() {
    let script = Script::new(
        "import { twice } from './twice.mjs';
         import fs from 'fs';
         fs.writeFileSync('out.txt', twice(fs.readFileSync('in.txt', 'utf8')));",
    )
    .beside("twice.mjs", "export const twice = (text) => text + text;\n")
    .beside("in.txt", "a\n");
    let ran = shell::run(&mut script.command(&["--workspace", ".", "--apply"], &[])).expect(0);
    assert!(ran.stderr.contains("1 "), "it says what was written: {}", ran.stderr);
    let written = std::fs::read_to_string(script.directory.path().join("out.txt"));
    assert_eq!(written.expect("it is there"), "a\na\n");
}

#[test]
fn chance_and_time_differ_from_run_to_run() {
    let script = Script::new("console.log(Math.random(), crypto.randomUUID(), Date.now())");
    let (first, second) = (script.run().ok(), script.run().ok());
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (first, second) = (words(&first), words(&second));
    assert_ne!(first[0], second[0]);
    assert_ne!(first[1], second[1]);
    let time = |words: &[String]| words[2].parse::<f64>().expect("it is a number");
    assert!(time(&first) < time(&second), "{first:?} {second:?}");
    assert!(time(&first) > 1.7e12, "it is the present: {first:?}");
}

#[test]
fn what_has_no_bottom_ends() {
    let deep = "function f() { return 1 + f() } try { f() } catch (e) { console.log(e.name) }";
    assert_eq!(Script::new(deep).run().ok(), "RangeError\n");
    for (flags, code, exit, part) in [
        (
            ["--memory", "32MiB"],
            "const all = []; for (;;) all.push(new Array(1000).fill(1))",
            124,
            "memory_limit",
        ),
        (["--memory", "32MiB"], "'x'.repeat(2 ** 28).split('')", 124, "memory_limit"),
        (["--fuel", "100M"], "for (;;);", 124, "fuel_exhausted"),
        (["--fuel", "1G"], "/^(a+)+$/.test('a'.repeat(40) + 'b')", 124, "fuel_exhausted"),
        (["--fuel", "100M"], "for (;;) await null", 124, "fuel_exhausted"),
    ] {
        let ran = shell::run(&mut Script::new(code).command(&flags, &[])).expect(exit);
        assert!(ran.stderr.contains(part), "{code}: {}", ran.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_program_in_silence() {
    let script = Script::new("for (let n = 0; n < 10_000_000; n++) console.log(n)");
    let mut child = script
        .command(&[], &[])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut first).expect("text");
    assert_eq!(first, "0\n");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert_eq!(ended.status.code(), Some(141), "128 + SIGPIPE");
}
