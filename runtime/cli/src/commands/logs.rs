//! `errand logs`: what a task wrote.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::events;
use crate::cli::GlobalArgs;
use crate::client::{Client, Event};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::follow::{News, follow};
use crate::output::Output;

/// Prints what a task wrote
///
/// Both its standard streams and what it logged through the host, in the order in which they came.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand logs 01kapq3v5d0000000000000001 --follow
  errand logs 01kapq3v5d0000000000000001 --stream stdout --attempt 2 > out.txt")]
pub(crate) struct LogsArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Go on until the task ends
    #[arg(long, short)]
    follow: bool,
    /// Only this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<StreamName>,
    /// Only what this attempt wrote
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Print each entry as a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StreamName {
    Stdout,
    Stderr,
    Log,
}

impl StreamName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Log => "log",
        }
    }
}

pub(crate) fn run(args: &LogsArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut client = Client::connect(globals, TokenFile::Agent)?;
    let mut out = Output::stdout();
    let mut told = |event: &Event, json: &str| {
        if !args.wants(event) {
            return Ok(());
        }
        if args.json { out.json_text(json) } else { out.guest_text(&text(event)) }
    };
    if args.follow {
        follow(&mut client, &args.id, 0, &mut |news| match news {
            News::Event(event, json) => told(event, json),
            News::Progress(_) => Ok(()),
        })?;
    } else {
        events::each(&client, &args.id, 0, &mut told)?;
    }
    Ok(Exit::Done)
}

impl LogsArgs {
    fn wants(&self, event: &Event) -> bool {
        event.kind == "log"
            && self.attempt.is_none_or(|attempt| event.attempt == attempt)
            && self.stream.is_none_or(|stream| {
                event.data.get("stream").and_then(Value::as_str) == Some(stream.as_str())
            })
    }
}

/// Returns what was written; lines of the host's log with their level, each on its own line.
fn text(event: &Event) -> String {
    let field = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default();
    match field("stream") {
        "log" => format!("{}: {}\n", field("level"), field("text").trim_end_matches('\n')),
        _ => field("text").to_owned(),
    }
}
