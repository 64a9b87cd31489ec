//! `errand grant add`: lets an executor send requests somewhere.

use std::collections::BTreeMap;

use clap::Args;
use errand_core::{EndpointPattern, HttpGrant, SecretName};

use super::{GranteeArgs, Grantor, pair};
use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};
use crate::{output, units};

/// Lets an executor send requests to a host
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand grant add python https://api.example.com --method GET
  errand grant add python 'https://*.example.com:*' --rate 60
  errand grant add llm https://api.openai.com --method POST --secret openai=authorization
  errand grant add python http://127.0.0.1:8080            an address that is written out means itself
  errand grant add python https://db.internal --private    a name that leads to a private address")]
pub(crate) struct AddArgs {
    #[command(flatten)]
    grantee: GranteeArgs,
    /// Where to: SCHEME://HOST[:PORT]; the host may be `*.NAME` or `*`, the port `*`
    url: EndpointPattern,
    /// A method [default: any]; repeatable
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,
    /// Also where the name leads to a private network or to this machine
    #[arg(long)]
    private: bool,
    /// Requests a minute at most
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// The largest body of an answer [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    max_response: Option<u64>,
    /// A secret of the server's errand.toml, and a header that it may be put into; repeatable
    #[arg(long = "secret", value_name = "NAME=HEADER")]
    secrets: Vec<String>,
}

pub(crate) fn run(args: &AddArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut secrets = BTreeMap::<SecretName, Vec<String>>::new();
    for text in &args.secrets {
        let (name, header) = pair("--secret", text)?;
        let name = SecretName::new(name).map_err(CommandError::usage)?;
        secrets.entry(name).or_default().push(header.to_ascii_lowercase());
    }
    let grant = HttpGrant {
        url: args.url.clone(),
        methods: args.methods.iter().map(|method| method.to_ascii_uppercase()).collect(),
        private: args.private,
        rate_per_minute: args.rate,
        max_response_bytes: args.max_response,
        secrets,
    };
    Grantor::connect(&args.grantee, globals)?.change(|grants| {
        if !grants.http.contains(&grant) {
            grants.http.push(grant);
        }
        Ok(())
    })?;
    output::note(format_args!("{} may send requests to {}", args.grantee.executor, args.url));
    Ok(Exit::Done)
}
