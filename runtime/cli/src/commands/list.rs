//! `errand list`: tasks, newest first.

use clap::Args;
use serde_json::value::RawValue;

use crate::cli::GlobalArgs;
use crate::client::{Client, Items, RawItems, Route, Task, not_understood};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};
use crate::render;
use crate::units;

/// The most that the server gives at once.
const PAGE: usize = 500;

/// Lists tasks, newest first
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand list --status failed
  errand list --executor python --label run=nightly --limit 200
  errand list --json | jq -r '.items[].id'")]
pub(crate) struct ListArgs {
    /// Only at this status
    #[arg(long, value_name = "STATUS", value_parser = ["queued", "running", "waiting", "completed", "failed", "cancelled"])]
    status: Option<String>,
    /// Only of this executor: `name`, or `name@digest`
    #[arg(long, value_name = "EXECUTOR")]
    executor: Option<String>,
    /// Only with this label
    #[arg(long, value_name = "KEY=VALUE", value_parser = units::parse_pair)]
    label: Option<(String, String)>,
    /// Only children of this task
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Only of this conversation
    #[arg(long, value_name = "ID")]
    context: Option<String>,
    /// Only of this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// How many at most; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Go on where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Agent)?;
    let list = fetch(&client, args)?;
    let mut out = Output::stdout();
    if args.json {
        out.json(&list)?;
        return Ok(Exit::Done);
    }
    let tasks: Vec<Task> = list
        .items
        .iter()
        .map(|item| serde_json::from_str(item.get()).map_err(|error| not_understood(&error)))
        .collect::<Result<_>>()?;
    if tasks.is_empty() {
        output::note("no tasks");
        return Ok(Exit::Done);
    }
    out.text(render::task::list(&tasks, &out.look()))?;
    if let Some(cursor) = list.next_cursor {
        output::note(format_args!("there are more: `--limit 0` for all, or `--cursor {cursor}`"));
    }
    Ok(Exit::Done)
}

fn fetch(client: &Client, args: &ListArgs) -> Result<RawItems> {
    let mut list = RawItems { items: Vec::new(), next_cursor: args.cursor.clone() };
    loop {
        let wanted = match args.limit {
            0 => PAGE,
            limit => (limit - list.items.len()).min(PAGE),
        };
        let label = args.label.as_ref().map(|(key, value)| format!("{key}:{value}"));
        let route = Route::new("/v1/tasks")
            .query_option("status", args.status.as_deref())
            .query_option("executor", args.executor.as_deref())
            .query_option("label", label.as_deref())
            .query_option("parent_id", args.parent.as_deref())
            .query_option("context_id", args.context.as_deref())
            .query_option("namespace", args.namespace.as_deref())
            .query_option("cursor", list.next_cursor.as_deref())
            .query("limit", &wanted.to_string());
        let page: Items<Box<RawValue>> = client.get(route)?.parse()?;
        let came = page.items.len();
        list.items.extend(page.items);
        list.next_cursor = page.next_cursor;
        let enough = args.limit != 0 && list.items.len() >= args.limit;
        if enough || came == 0 || list.next_cursor.is_none() {
            return Ok(list);
        }
    }
}
