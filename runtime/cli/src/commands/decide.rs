//! `errand approve` and `errand deny`: answers to what tasks ask.

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::GlobalArgs;
use crate::client::{Approval, Client, Payload, Route};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::input::InputSource;
use crate::output::{self, Output};

/// Approves what a task asks for
///
/// Once: who comes second is told what was decided. `errand approvals ID` shows all that is asked.
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand approve 01kapq3v5d0000000000000001.1 --comment 'looks fine'
  errand approve 01kapq3v5d0000000000000001.1 --values '{\"region\": \"eu\"}'")]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    decision: DecisionArgs,
    /// What the question's form asks for: JSON, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON")]
    values: Option<InputSource>,
}

/// Denies what a task asks for
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand deny 01kapq3v5d0000000000000001.1 --comment 'not on a Friday'")]
pub(crate) struct DenyArgs {
    #[command(flatten)]
    decision: DecisionArgs,
}

#[derive(Args)]
struct DecisionArgs {
    /// The approval
    #[arg(value_name = "APPROVAL")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Why, for the task and the log
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Decide only where this is the digest of what is asked
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Print the approval as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn approve(args: &ApproveArgs, globals: &GlobalArgs) -> Result<Exit> {
    let values = args.values.as_ref().map(|source| source.read_value("--values")).transpose()?;
    decide(&args.decision, "approve", values, globals)
}

pub(crate) fn deny(args: &DenyArgs, globals: &GlobalArgs) -> Result<Exit> {
    decide(&args.decision, "deny", None, globals)
}

fn decide(
    args: &DecisionArgs,
    decision: &str,
    values: Option<Value>,
    globals: &GlobalArgs,
) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Operator)?;
    let mut body = Map::new();
    body.insert("decision".into(), decision.into());
    body.extend(args.comment.clone().map(|comment| ("comment".into(), comment.into())));
    body.extend(args.digest.clone().map(|digest| ("digest".into(), digest.into())));
    body.extend(values.map(|values| ("values".into(), values)));
    let route = Route::new("/v1/approvals").segment(&args.id);
    let answer = client.post(route, Payload::Json(Value::Object(body).to_string()))?;
    if args.json {
        Output::stdout().json_text(&answer.text)?;
        return Ok(Exit::Done);
    }
    let approval: Approval = answer.parse()?;
    let title = output::for_stderr(&approval.title);
    output::note(format_args!("{} is {}: {title}", approval.id, approval.status));
    Ok(Exit::Done)
}
