//! What a person at a terminal sees, and that nothing of it is in what a pipe gets.

use std::process::Command;

use super::run_python::Script;
use crate::harness::{errand, plugin_path, shared, shell};

const ESCAPE: char = '\u{1b}';

/// Runs a command with a terminal on all its streams, and returns what came out there.
fn seen(command: &mut Command) -> String {
    command.env_remove("NO_COLOR");
    shell::run(&mut shell::on_a_terminal(command)).expect(0).stdout
}

/// Leaves out what the bar and the colours are made of, and checks that nothing else steers the terminal.
fn without_bar_and_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        match char {
            ESCAPE => {
                assert_eq!(rest.next(), Some('['), "{text:?}");
                let end = rest.find(|char| char.is_ascii_alphabetic()).expect("it ends");
                assert!(matches!(end, 'm' | 'K' | 'A' | 'B'), "{end:?} in {text:?}");
            }
            '\r' | '\n' => plain.push(char),
            _ => {
                assert!(!char.is_control(), "{char:?} in {text:?}");
                plain.push(char);
            }
        }
    }
    plain
}

#[test]
fn a_run_shows_its_progress_beside_its_output() {
    let script = Script::new(
        "import errand
for step in range(3):
    errand.progress(step + 1, 3, f'step {step}')
    sum(range(1_000_000))
    print('line', step, flush=True)",
    );
    let text = without_bar_and_colours(&seen(&mut script.command(&[], &[])));
    for part in ["running", "/3", "step ", "fuel", "line 0", "line 1", "line 2"] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    let piped = shell::run(&mut script.command(&[], &[])).expect(0);
    assert_eq!((piped.stdout.as_str(), piped.stderr.as_str()), ("line 0\nline 1\nline 2\n", ""));
}

#[test]
fn what_a_program_prints_does_not_steer_the_terminal() {
    let mut run = shared::server().command(&["run"]);
    run.arg(plugin_path("test/command-probe")).arg("escapes");
    let text = without_bar_and_colours(&seen(&mut run));
    assert!(text.contains(r"\x1b[31mred\x1b[0m \x1b]0;title\x07"), "{text:?}");
    // A pipe gets the program's own bytes.
    assert!(shell::run(&mut run).ok().starts_with("\u{1b}[31mred"));
}

#[test]
fn what_a_task_wrote_does_not_steer_the_terminal() {
    let input = r#"{"args": ["escapes", "complain", "\u001b[2Jstderr"]}"#;
    let id = super::completed(&[shared::command_probe(), "--input", input]);
    for command in ["logs", "watch", "events", "result", "show"] {
        let text = without_bar_and_colours(&seen(&mut shared::server().command(&[command, &id])));
        assert!(text.contains("red"), "{command}: {text:?}");
        assert!(
            text.contains("x1b[2Jstderr") || text.contains("u001b[2Jstderr"),
            "{command}: {text:?}"
        );
    }
    let piped = shell::shared(&["logs", &id]).ok();
    assert!(piped.contains("\u{1b}[2Jstderr"), "a pipe gets what was written: {piped:?}");
}

#[test]
fn a_failure_s_words_do_not_steer_the_terminal() {
    let script = Script::new("raise SystemExit('\\x1b]0;title\\x07')");
    let mut command = script.command(&[], &[]);
    command.env_remove("NO_COLOR");
    let ran = shell::run(&mut shell::on_a_terminal(&command)).expect(1);
    assert!(without_bar_and_colours(&ran.stdout).contains(r"\x1b]0;title\x07"), "{}", ran.stdout);
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    super::completed(&[shared::noop()]);
    let list = || shared::server().command(&["list", "--limit", "1"]);
    assert!(seen(&mut list()).contains(ESCAPE));
    let unwanted = shell::run(&mut shell::on_a_terminal(&list())).ok();
    assert!(!unwanted.contains(ESCAPE), "NO_COLOR is set: {unwanted:?}");
    let mut piped = list();
    piped.env_remove("NO_COLOR");
    assert!(!shell::run(&mut piped).ok().contains(ESCAPE));
    let mut failing = errand(&["show", "nope"]);
    failing.env_remove("NO_COLOR").env("ERRAND_DATA", shared::server().data());
    assert!(!shell::run(&mut failing).expect(3).stderr.contains(ESCAPE));
}

#[test]
fn json_on_a_terminal_is_whole() {
    let id = super::completed(&[shared::noop()]);
    let text = seen(&mut shared::server().command(&["show", &id, "--json"]));
    let task: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(task["id"], id);
}
