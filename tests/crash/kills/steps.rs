//! Random steps for the probe, with what each answers and leaves.

use std::collections::BTreeMap;

use errand_core::Digest;
use serde_json::{Value, json};

use super::super::chance::Chance;
use super::plan::{Effect, End, Left, Step};

/// The file of an uploaded archive.
pub(super) const SEEDED: &str = "seeded.txt";
/// The files that programs write.
const NAMES: [&str; 3] = ["a.txt", "b.txt", "c.txt"];
/// A wait up to this long keeps its slot.
const SHORT_MS: usize = 80;

/// What is in a task's workspace.
#[derive(Default)]
pub(super) struct Files(BTreeMap<String, String>);

impl Files {
    pub(super) fn start_with(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), text.to_owned());
    }
}

/// Draws the steps of a program.
pub(super) fn draw(chance: &mut Chance, mut files: Files) -> Vec<Step> {
    let mut steps = Vec::new();
    if files.0.contains_key(SEEDED) {
        steps.push(read(&files, SEEDED));
    }
    let (mut sleeps, mut passes_from) = (0, 1);
    for number in 0..3 + chance.below(8) {
        match chance.below(12) {
            0..=2 => steps.push(says(chance, number)),
            3 | 4 => steps.push(emits(chance, number)),
            5 | 6 => steps.push(touches(chance, &mut files, number)),
            7 => steps.extend(publishes(chance, &files)),
            8 | 9 if sleeps < 2 => {
                sleeps += 1;
                steps.push(sleeps_for(chance));
            }
            10 if passes_from == 1 && chance.one_in(2) => {
                passes_from = 2 + u32::try_from(chance.below(2)).expect("it is small");
                let input = json!({"do": "fail_transient_below", "attempt": passes_from});
                let step = learnt(input, Value::Null);
                steps.push(Step { effect: Effect::PassesFrom(passes_from), ..step });
            }
            _ => steps.push(passes(chance)),
        }
    }
    steps.push(read(&files, NAMES[0]));
    match chance.below(12) {
        0 => steps.push(ends(json!({"do": "fail"}), End::Fails { transient: false })),
        1 => steps.push(ends(json!({"do": "trap", "how": "unreachable"}), End::Traps)),
        _ => {}
    }
    steps
}

/// A step that is not learnt from and leaves nothing.
fn quiet(mut input: Value) -> Step {
    input["learn"] = json!(false);
    Step { input, answer: Value::Null, effect: Effect::Nothing }
}

fn ends(input: Value, end: End) -> Step {
    Step { effect: Effect::Ends(end), ..quiet(input) }
}

fn learnt(input: Value, answer: Value) -> Step {
    Step { input, answer, effect: Effect::Nothing }
}

fn says(chance: &mut Chance, number: usize) -> Step {
    let times = if chance.one_in(6) { 200 } else { 1 };
    let text = format!("{number}:{} ", chance.next()).repeat(times);
    let stream = chance.below(3);
    let (input, answer, text) = match stream {
        2 => {
            let input = json!({"do": "log", "level": "info", "message": text});
            (input, Value::Null, format!("{text}\n"))
        }
        _ => {
            let to = ["stdout", "stderr"][stream];
            (json!({"do": "print", "to": to, "text": text}), json!({"error": null}), text)
        }
    };
    Step { effect: Effect::Says(stream, text), ..learnt(input, answer) }
}

fn emits(chance: &mut Chance, number: usize) -> Step {
    let (kind, data) = (format!("kind-{number}"), json!({"n": chance.below(1_000_000)}));
    let input = json!({"do": "emit", "kind": kind, "data": data});
    Step { effect: Effect::Leaves(Left::Emitted(kind, data)), ..learnt(input, json!({"ok": null})) }
}

fn touches(chance: &mut Chance, files: &mut Files, number: usize) -> Step {
    let name = NAMES[chance.below(NAMES.len())];
    let path = path(name);
    let text = format!("{number} {}\n", chance.next());
    let there = files.0.contains_key(name);
    let done = json!({"ok": null});
    match chance.below(6) {
        0 if there => {
            files.0.remove(name);
            learnt(json!({"do": "remove", "path": path}), done)
        }
        1 if there => {
            let to = NAMES[chance.below(NAMES.len())];
            let content = files.0.remove(name).expect("it is there");
            files.0.insert(to.to_owned(), content);
            learnt(json!({"do": "rename", "from": path, "to": self::path(to)}), done)
        }
        2 => {
            let names: Vec<_> = files.0.keys().collect();
            learnt(json!({"do": "list", "path": "/workspace"}), json!({"ok": names}))
        }
        3 => {
            files.0.insert(name.to_owned(), text.clone());
            learnt(json!({"do": "write_text", "path": path, "text": text}), done)
        }
        _ => {
            files.0.entry(name.to_owned()).or_default().push_str(&text);
            learnt(json!({"do": "append_text", "path": path, "text": text}), done)
        }
    }
}

fn read(files: &Files, name: &str) -> Step {
    let input = json!({"do": "read_file", "path": path(name)});
    match files.0.get(name) {
        Some(text) => learnt(input, json!({"ok": text})),
        // How that fails is the host's to say.
        None => quiet(input),
    }
}

fn publishes(chance: &mut Chance, files: &Files) -> Option<Step> {
    let (name, text) = files.0.iter().nth(chance.below(files.0.len()))?;
    let input = json!({"do": "publish", "path": name});
    let left = Left::Artifact(name.clone(), Digest::of(text.as_bytes()));
    Some(Step { effect: Effect::Leaves(left), ..learnt(input, json!({"ok": null})) })
}

/// Short ones stay in hand, long ones are on record.
fn sleeps_for(chance: &mut Chance) -> Step {
    if chance.one_in(4) {
        let input = json!({"do": "sleep", "ms": 1_000 + chance.below(2_000)});
        return learnt(input, json!({"ok": null}));
    }
    let ms = chance.below(SHORT_MS);
    match chance.below(3) {
        0 => learnt(json!({"do": "sleep", "ms": ms}), json!({"ok": null})),
        1 => learnt(json!({"do": "sleep_std", "ms": ms}), Value::Null),
        _ => quiet(json!({"do": "poll", "timers_ms": [ms, ms / 2, 150], "all": chance.one_in(2)})),
    }
}

fn passes(chance: &mut Chance) -> Step {
    match chance.below(4) {
        0 => quiet(json!({"do": "random"})),
        1 => quiet(json!({"do": "clocks"})),
        2 => quiet(json!({"do": "spin", "iterations": chance.below(200_000)})),
        _ => {
            let input = json!({"do": "progress", "done": chance.below(100), "total": 100});
            learnt(input, Value::Null)
        }
    }
}

fn path(name: &str) -> String {
    format!("/workspace/{name}")
}
