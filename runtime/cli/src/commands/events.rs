//! `errand events`: a task's log.

use clap::Args;
use serde_json::value::RawValue;

use crate::cli::GlobalArgs;
use crate::client::{Client, Event, Items, Route, not_understood};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::follow::{News, follow};
use crate::output::Output;
use crate::render;

/// Prints a task's log of events
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand events 01kapq3v5d0000000000000001
  errand events 01kapq3v5d0000000000000001 --after 12 --json | jq -c .data")]
pub(crate) struct EventsArgs {
    /// The task
    #[arg(value_name = "ID")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Only what comes after this event
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
    after: u64,
    /// Go on until the task ends
    #[arg(long, short)]
    follow: bool,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &EventsArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut client = Client::connect(globals, TokenFile::Agent)?;
    let mut out = Output::stdout();
    let look = out.look();
    let mut told = |event: &Event, json: &str| {
        if args.json { out.json_text(json) } else { out.text(render::event::lines(event, &look)) }
    };
    if args.follow {
        follow(&mut client, &args.id, args.after, &mut |news| match news {
            News::Event(event, json) => told(event, json),
            News::Progress(_) => Ok(()),
        })?;
    } else {
        each(&client, &args.id, args.after, &mut told)?;
    }
    Ok(Exit::Done)
}

/// Tells all events that there are after number `after`.
pub(super) fn each(
    client: &Client,
    id: &str,
    after: u64,
    told: &mut dyn FnMut(&Event, &str) -> Result<()>,
) -> Result<()> {
    let route = Route::new("/v1/tasks").segment(id).segment("events");
    let events: Items<Box<RawValue>> =
        client.get(route.query("after", &after.to_string()))?.parse()?;
    for item in &events.items {
        let event: Event =
            serde_json::from_str(item.get()).map_err(|error| not_understood(&error))?;
        told(&event, item.get())?;
    }
    Ok(())
}
