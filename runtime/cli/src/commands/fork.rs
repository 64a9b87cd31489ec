//! `errand fork`: a task that goes on from what another one left.

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::RequestArgs;
use super::submit;
use crate::cli::GlobalArgs;
use crate::client::{Client, Items, Route, not_understood};
use crate::data_dir::TokenFile;
use crate::errors::{CommandError, Exit, Result};
use crate::workspace::WorkspaceSource;

/// Submits a task that starts from another's workspace
///
/// The new task starts with all files that the other one left. Where nothing else is said, it has the same
/// executor, function, input and namespace; no other option is taken over.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand fork 01kapq3v5d0000000000000001
  errand fork 01kapq3v5d0000000000000001 --input @next.json --wait
  errand fork 01kapq3v5d0000000000000001 manifest-lint --input '{}' --artifact report.md")]
pub(crate) struct ForkArgs {
    /// The task that it starts from
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// The executor: `name`, or `name@digest` [default: what that task is pinned to]
    executor: Option<String>,
    #[command(flatten)]
    options: RequestArgs,
}

/// As much of an event as says what a task was given.
#[derive(Deserialize)]
struct Logged<'a> {
    kind: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Submitted {
    input: Box<RawValue>,
}

pub(crate) fn run(args: &ForkArgs, globals: &GlobalArgs) -> Result<Exit> {
    let given = args.options.input()?;
    let mut client = Client::connect(globals, TokenFile::Agent)?;
    let (_, forked) = client.task(&args.id)?;
    let input = match given {
        Some(input) => input,
        None => input_of(&client, &forked.id)?,
    };
    let executor = args.executor.as_deref().unwrap_or(&forked.executor);
    let mut request = args.options.request(executor, input);
    if args.executor.is_none() {
        request.function = request.function.or(forked.function.as_deref());
    }
    request.namespace.get_or_insert(&forked.namespace);
    request.workspace = Some(WorkspaceSource::Task { id: forked.id.clone() });
    args.options.bring_packages(&client, &mut request)?;
    submit::hand_over(&mut client, &request, &args.options)
}

fn input_of(client: &Client, id: &str) -> Result<Box<RawValue>> {
    let route = Route::new("/v1/tasks").segment(id).segment("events").query("after", "0");
    let events: Items<Box<RawValue>> = client.get(route)?.parse()?;
    submitted_input(events.items.iter().map(Box::as_ref))
}

/// Finds the input in a task's log. It stays the text that it is, so that numbers stay exact.
fn submitted_input<'a>(events: impl Iterator<Item = &'a RawValue>) -> Result<Box<RawValue>> {
    for event in events {
        let Logged { kind, data } =
            serde_json::from_str(event.get()).map_err(|error| not_understood(&error))?;
        if kind == "submitted" {
            let submitted: Submitted =
                serde_json::from_str(data.get()).map_err(|error| not_understood(&error))?;
            return Ok(submitted.input);
        }
    }
    Err(CommandError::new(Exit::Internal, "the task's log does not say what its input is")
        .hint("give one with `--input`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_is_that_of_the_submission_with_its_numbers() {
        let log = r#"[{"seq": 1, "kind": "submitted", "data": {"input": {"n": 1e400, "a": [0.10]}}},
                      {"seq": 2, "kind": "started", "data": {}}]"#;
        let events: Vec<Box<RawValue>> = serde_json::from_str(log).expect("it is JSON");
        let found = |events: &[Box<RawValue>]| submitted_input(events.iter().map(Box::as_ref));
        let input = found(&events).expect("it is there");
        assert_eq!(input.get(), r#"{"n": 1e400, "a": [0.10]}"#);
        assert!(found(&events[1..]).is_err());
    }
}
