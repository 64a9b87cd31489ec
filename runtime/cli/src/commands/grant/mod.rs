//! `errand grant`: what executors may do beyond their workspace.

mod add;
mod remove;
mod set;
mod show;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use errand_core::{Grants, HttpGrant, Raised, Variable};
use serde::Deserialize;
use ureq::http::Method;

use crate::cli::GlobalArgs;
use crate::client::{Client, Payload, Route};
use crate::data_dir::TokenFile;
use crate::errors::{CommandError, Exit, Result};

/// Grants executors what they may do beyond their workspace, and takes it back
#[derive(Subcommand)]
pub(crate) enum GrantCommand {
    Add(add::AddArgs),
    Set(set::SetArgs),
    Show(show::ShowArgs),
    Remove(remove::RemoveArgs),
}

pub(crate) fn run(command: GrantCommand, globals: &GlobalArgs) -> Result<Exit> {
    match command {
        GrantCommand::Add(args) => add::run(&args, globals),
        GrantCommand::Set(args) => set::run(&args, globals),
        GrantCommand::Show(args) => show::run(&args, globals),
        GrantCommand::Remove(args) => remove::run(&args, globals),
    }
}

/// Whom it is about.
#[derive(Args)]
struct GranteeArgs {
    /// An executor: `NAME`, `NAME@DIGEST-PREFIX`, or `*` for every one
    executor: String,
    /// The namespace of the executor [default: `default`]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

/// An entry as the server answers it.
#[derive(Deserialize)]
struct Entry {
    executor: String,
    namespace: String,
    #[serde(default)]
    http: Vec<HttpGrant>,
    #[serde(default)]
    environment: BTreeMap<String, Variable>,
    #[serde(default)]
    limits: Raised,
    configured: Grants,
}

/// Where the entry of a grantee is changed.
struct Grantor<'a> {
    client: Client,
    about: &'a GranteeArgs,
}

impl<'a> Grantor<'a> {
    fn connect(about: &'a GranteeArgs, globals: &GlobalArgs) -> Result<Self> {
        Ok(Self { client: Client::connect(globals, TokenFile::Operator)?, about })
    }

    fn route(&self) -> Route {
        let route = Route::new("/v1/grants").segment(&self.about.executor);
        route.query_option("namespace", self.about.namespace.as_deref())
    }

    /// Reads the entry, and returns it as JSON too.
    fn read(&self) -> Result<(Entry, String)> {
        let answer = self.client.get(self.route())?;
        Ok((answer.parse()?, answer.text))
    }

    /// Reads what was written, changes it and writes it.
    fn change(&self, change: impl FnOnce(&mut Grants) -> Result<()>) -> Result<()> {
        let (Entry { http, environment, limits, .. }, _) = self.read()?;
        let mut grants = Grants { http, environment, limits };
        change(&mut grants)?;
        let text = serde_json::to_string(&grants).map_err(anyhow::Error::from)?;
        self.client.send(Method::PUT, self.route(), Payload::Json(text), &[]).map(drop)
    }
}

/// Splits `NAME=VALUE`.
fn pair<'t>(flag: &str, text: &'t str) -> Result<(&'t str, &'t str)> {
    text.split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or_else(|| CommandError::usage(format_args!("`{flag} {text}` is no NAME=VALUE")))
}
