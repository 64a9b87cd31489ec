//! `errand token list`: the tokens there are, without their secrets.

use clap::Args;

use crate::cli::GlobalArgs;
use crate::client::{Client, Items, Route, Token};
use crate::data_dir::TokenFile;
use crate::errors::{Exit, Result};
use crate::output::Output;
use crate::render::table::Table;
use crate::units;

/// Lists access tokens
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ListArgs, globals: &GlobalArgs) -> Result<Exit> {
    let client = Client::connect(globals, TokenFile::Operator)?;
    let answer = client.get(Route::new("/v1/tokens"))?;
    let mut out = Output::stdout();
    if args.json {
        out.json_text(&answer.text)?;
        return Ok(Exit::Done);
    }
    let tokens: Items<Token> = answer.parse()?;
    let look = out.look();
    let mut table = Table::new(["ID", "NAME", "NAMESPACE", "RIGHTS", "AGE", "EXPIRES"]);
    for token in &tokens.items {
        let expires = token.expires_at.map(|at| at.to_string());
        let age = token.created_at.map(|at| units::age(look.since(at)));
        table.row([
            token.id.as_str().into(),
            token.name.as_str().into(),
            token.namespace.as_deref().unwrap_or("*").into(),
            token.rights.join(",").into(),
            age.unwrap_or_default().into(),
            expires.as_deref().unwrap_or("never").into(),
        ]);
    }
    out.text(table.render(&look))?;
    Ok(Exit::Done)
}
