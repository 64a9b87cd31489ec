//! The edge to the host: reads the task's input, reports progress, leaves the report as an artifact.

use crate::input::{INPUT_SCHEMA, OUTPUT_SCHEMA};
use crate::report::Note;
use crate::workspace::{self, Read};
use crate::{Input, InvalidInput, Report};
use bindings::errand::task::artifacts::{self, Description};
use bindings::errand::task::execution::Persistence;
use bindings::errand::task::progress;
use bindings::errand::task::types::{Error, Level};
use bindings::{Descriptor, Failure, Guest};
use std::path::Path;

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    use super::Executor;
    wit_bindgen::generate!({ world: "executor", path: "../../wit", generate_all });
    export!(Executor);
}

const WORKSPACE: &str = "/workspace";
const REPORT_FILE: &str = "secrets.md";

struct Executor;

impl Guest for Executor {
    fn describe() -> Descriptor {
        Descriptor {
            description:
                "Looks for secrets and risky calls in files, handed over or in the workspace."
                    .to_owned(),
            input_schema: INPUT_SCHEMA.to_owned(),
            output_schema: OUTPUT_SCHEMA.to_owned(),
        }
    }

    fn run(input: String) -> Result<String, Failure> {
        let wrong = |InvalidInput { code, message }| permanent(code, message);
        let input = Input::from_json(&input).map_err(wrong)?;
        let Read { files, large } = match input.files {
            Some(files) => Read { files, ..Read::default() },
            None => workspace::read(Path::new(WORKSPACE)).map_err(wrong)?,
        };
        let mut report = crate::scan(&files, &input.options, |done, total, file| {
            progress::report(done, Some(total), Some(file));
        });
        let passed_over =
            |file| Note { file, note: "it is too large to be written by hand".to_owned() };
        report.notes.extend(large.into_iter().map(passed_over));
        leave_report(&report)?;
        serde_json::to_string(&report).map_err(|error| permanent("internal", error.to_string()))
    }
}

/// Writes the report for people and keeps it.
fn leave_report(report: &Report) -> Result<(), Failure> {
    std::fs::write(format!("{WORKSPACE}/{REPORT_FILE}"), report.to_markdown()).map_err(
        |error| Failure {
            persistence: Persistence::Transient,
            ..permanent("report_not_written", format!("the report could not be written: {error}"))
        },
    )?;
    let description = Description {
        media_type: Some("text/markdown".to_owned()),
        text: Some("What was found, for a person".to_owned()),
    };
    match artifacts::publish(REPORT_FILE, &description) {
        // The file is in the workspace, where the request's `artifacts` can name it.
        Ok(()) | Err(Error::Unsupported(_)) => {}
        Err(error) => progress::log(Level::Warn, &format!("the report was not kept: {error:?}")),
    }
    Ok(())
}

fn permanent(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, detail: None, persistence: Persistence::Permanent }
}
