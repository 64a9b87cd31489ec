//! Counts the words of a text: an executor for Errand.
//!
//! [`count`] is the work, a function without effects. `Executor` is the edge to the host: it describes
//! itself, reads the input, reports progress, leaves a file behind and says how it failed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use bindings::errand::task::artifacts::{self, Description};
use bindings::errand::task::execution::Persistence;
use bindings::errand::task::progress;
use bindings::errand::task::types::Level;
use bindings::{Descriptor, Failure, Guest};

mod bindings {
    use super::Executor;
    wit_bindgen::generate!({ world: "executor", path: "wit", generate_all });
    export!(Executor);
}

/// What a task is given. Keep `input.schema.json` in step with it.
#[derive(Deserialize)]
struct Input {
    text: String,
    #[serde(default = "three")]
    top: usize,
}

fn three() -> usize {
    3
}

/// What a task answers. Keep `output.schema.json` in step with it.
#[derive(Serialize)]
struct Output {
    words: usize,
    top: Vec<Word>,
}

#[derive(Serialize)]
struct Word {
    word: String,
    count: usize,
}

struct Executor;

impl Guest for Executor {
    /// Called once, at upload.
    fn describe() -> Descriptor {
        Descriptor {
            description: "Counts the words of a text.".to_owned(),
            input_schema: include_str!("input.schema.json").to_owned(),
            output_schema: include_str!("output.schema.json").to_owned(),
        }
    }

    /// Called for each task, in a fresh instance. The input fits the schema: that was checked before.
    fn run(input: String) -> Result<String, Failure> {
        let input: Input = serde_json::from_str(&input)
            .map_err(|error| permanent("bad_input", error.to_string()))?;
        let output = count(&input);
        if output.words == 0 {
            progress::log(Level::Warn, "there is nothing to count");
            return Err(permanent("no_words", "the text has no words".to_owned()));
        }
        leave_report(&output)?;
        serde_json::to_string(&output).map_err(|error| permanent("bad_output", error.to_string()))
    }
}

fn count(input: &Input) -> Output {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let lines: Vec<&str> = input.text.lines().collect();
    for (done, line) in (1..).zip(&lines) {
        for word in line.split(|letter: char| !letter.is_alphanumeric()) {
            if !word.is_empty() {
                *counts.entry(word.to_lowercase()).or_default() += 1;
            }
        }
        progress::report(done, Some(lines.len() as u64), None);
    }
    let words = counts.values().sum();
    let mut top: Vec<Word> =
        counts.into_iter().map(|(word, count)| Word { word, count }).collect();
    top.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
    top.truncate(input.top);
    Output { words, top }
}

/// Writes a file into the task's directory, and keeps it beyond the task's end.
fn leave_report(output: &Output) -> Result<(), Failure> {
    let mut report = format!("# {} words\n\n", output.words);
    for Word { word, count } in &output.top {
        report.push_str(&format!("- {word}: {count}\n"));
    }
    std::fs::write("/workspace/report.md", report)
        .map_err(|error| transient("report_not_written", error.to_string()))?;
    let description = Description { media_type: None, text: Some("What was counted".to_owned()) };
    artifacts::publish("report.md", &description)
        .map_err(|error| transient("report_not_kept", format!("{error:?}")))
}

/// A failure that would come again: the task is not tried again.
fn permanent(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, detail: None, persistence: Persistence::Permanent }
}

/// A failure that may pass: the task is tried again, as often as its request says.
fn transient(code: &str, message: String) -> Failure {
    Failure { persistence: Persistence::Transient, ..permanent(code, message) }
}
