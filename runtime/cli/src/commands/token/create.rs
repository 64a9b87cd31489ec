//! `errand token create`: a new token, shown once.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use errand_core::AccessToken;
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route, Token};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::{self, Output};
use crate::units;

/// Creates an access token and prints it, once
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand token create ci --right read --right submit
  errand token create deployer --right upload --namespace team-a --expires 90d")]
pub(crate) struct CreateArgs {
    /// Who or what it is for; named in each event that it causes
    name: String,
    /// What it may do; repeatable
    #[arg(long = "right", value_name = "RIGHT", required = true, value_parser = ["read", "submit", "upload", "approve", "admin"])]
    rights: Vec<String>,
    /// The only namespace that it is for [default: all that the operator's token sees]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// When it ends [default: never]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    expires: Option<Duration>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CreateArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut request = json!({"name": args.name, "rights": args.rights});
    if let Some(namespace) = &args.namespace {
        request["namespace"] = json!(namespace);
    }
    if let Some(expires) = args.expires {
        let at = Timestamp::now().checked_add(expires).context("count so far ahead")?;
        request["expires_at"] = json!(at);
    }
    let client = Client::connect(globals, TokenFile::Operator)?;
    let answer = client.post(Route::new("/v1/tokens"), Payload::Json(request.to_string()))?;
    let mut out = Output::stdout();
    if args.json {
        out.json_text(&Zeroizing::new(answer.text))?;
    } else {
        let token: Token = answer.parse()?;
        let _text = Zeroizing::new(answer.text);
        out.line(token.token.as_ref().map_or("", AccessToken::expose))?;
        output::note(format_args!("token {} for {}; it is not shown again", token.id, token.name));
    }
    Ok(Exit::Done)
}
