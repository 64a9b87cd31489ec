//! `errand approvals`: what waits for a person's decision.

use std::io::BufReader;

use clap::Args;
use serde_json::value::RawValue;

use crate::changes;
use crate::cli::GlobalArgs;
use crate::client::{Approval, Client, Items, RawItems, Route, not_understood};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};
use crate::render;

/// The most that the server gives at once.
const PAGE: usize = 500;

/// Lists what waits for a person's decision, or shows one of it
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand approvals
  errand approvals 01kapq3v5d0000000000000001.1
  errand approvals 01kapq3v5d0000000000000001.1 --diff | less
  errand approvals --status all --json | jq -r '.items[].id'")]
pub(crate) struct ApprovalsArgs {
    /// Show this one, with all that is asked
    #[arg(value_name = "APPROVAL")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: Option<String>,
    /// Those at this status
    #[arg(long, value_name = "STATUS", default_value = "pending", conflicts_with = "id")]
    #[arg(value_parser = ["pending", "approved", "denied", "expired", "cancelled", "all"])]
    status: String,
    /// Print what the task had changed when it asked, as a patch
    #[arg(long, requires = "id", conflicts_with = "json")]
    diff: bool,
    /// How many at most; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "id")]
    limit: usize,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ApprovalsArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    match &args.id {
        Some(id) => show(&client, id, args),
        None => list(&client, args),
    }
}

fn show(client: &Client, id: &str, args: &ApprovalsArgs) -> Result<Exit> {
    let route = Route::new("/v1/approvals").segment(id);
    let mut out = Output::stdout();
    if args.diff {
        let patch = client.read(route.segment("diff"), "text/x-diff")?;
        if !changes::show(&mut BufReader::new(patch))? {
            output::note("no file was changed");
        }
        return Ok(Exit::Done);
    }
    let answer = client.get(route)?;
    if args.json {
        out.json_text(&answer.text)?;
        return Ok(Exit::Done);
    }
    let approval: Approval = answer.parse()?;
    let look = out.look();
    out.text(render::approval::overview(&approval, &look))?;
    Ok(Exit::Done)
}

fn list(client: &Client, args: &ApprovalsArgs) -> Result<Exit> {
    let mut list = RawItems { items: Vec::new(), next_cursor: None };
    loop {
        let wanted = match args.limit {
            0 => PAGE,
            limit => (limit - list.items.len()).min(PAGE),
        };
        let status = Some(args.status.as_str()).filter(|status| *status != "all");
        let route = Route::new("/v1/approvals")
            .query_option("status", status)
            .query_option("cursor", list.next_cursor.as_deref())
            .query("limit", &wanted.to_string());
        let page: Items<Box<RawValue>> = client.get(route)?.parse()?;
        list.items.extend(page.items);
        list.next_cursor = page.next_cursor;
        let enough = args.limit != 0 && list.items.len() >= args.limit;
        if enough || list.next_cursor.is_none() {
            break;
        }
    }
    let mut out = Output::stdout();
    if args.json {
        out.json(&list)?;
        return Ok(Exit::Done);
    }
    let approvals: Vec<Approval> = list
        .items
        .iter()
        .map(|item| serde_json::from_str(item.get()).map_err(|error| not_understood(&error)))
        .collect::<Result<_>>()?;
    if approvals.is_empty() {
        output::note(match args.status.as_str() {
            "pending" => "nothing waits for a decision",
            _ => "no approvals",
        });
        return Ok(Exit::Done);
    }
    let look = out.look();
    out.text(render::approval::list(&approvals, &look))?;
    if list.next_cursor.is_some() {
        output::note("there are more: `--limit 0` for all");
    }
    Ok(Exit::Done)
}
