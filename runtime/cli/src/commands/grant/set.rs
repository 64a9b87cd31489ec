//! `errand grant set`: an executor's environment, and the bounds that its tasks may ask for.

use clap::Args;
use errand_core::{SecretName, Variable};

use super::{GranteeArgs, Grantor, pair};
use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};
use crate::{output, units};

/// Sets an executor's environment, and what more its tasks may ask for
#[derive(Args)]
#[command(after_help = "\
Examples:
  errand grant set python --env MODE=production
  errand grant set llm --secret-env OPENAI_API_KEY=openai    the task sees a placeholder
  errand grant set python --memory 4GiB --fuel 100T")]
pub(crate) struct SetArgs {
    #[command(flatten)]
    grantee: GranteeArgs,
    /// A variable; repeatable
    #[arg(long = "env", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// A variable that stands for a secret of the server's errand.toml; repeatable
    #[arg(long = "secret-env", value_name = "NAME=SECRET")]
    secrets: Vec<String>,
    /// A variable to take away; repeatable
    #[arg(long = "unset-env", value_name = "NAME")]
    unset: Vec<String>,
    /// Memory that a task may ask for
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    memory: Option<u64>,
    /// Fuel that a task may ask for
    #[arg(long, value_name = "N", value_parser = units::parse_fuel)]
    fuel: Option<u64>,
}

pub(crate) fn run(args: &SetArgs, globals: &GlobalArgs) -> Result<Exit> {
    let mut variables = Vec::new();
    for text in &args.variables {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(CommandError::usage(format_args!("`--env {text}` is no NAME=VALUE")));
        };
        variables.push((name, Variable::Text(value.to_owned())));
    }
    for text in &args.secrets {
        let (name, secret) = pair("--secret-env", text)?;
        let secret = SecretName::new(secret).map_err(CommandError::usage)?;
        variables.push((name, Variable::Secret { secret }));
    }
    if variables.is_empty() && args.unset.is_empty() && args.memory.or(args.fuel).is_none() {
        return Err(CommandError::usage("there is nothing to set")
            .hint("errand grant set python --env NAME=VALUE"));
    }
    Grantor::connect(&args.grantee, globals)?.change(|grants| {
        for (name, variable) in variables {
            grants.environment.insert(name.to_owned(), variable);
        }
        grants.environment.retain(|name, _| !args.unset.contains(name));
        grants.limits.memory_bytes = args.memory.or(grants.limits.memory_bytes);
        grants.limits.fuel = args.fuel.or(grants.limits.fuel);
        Ok(())
    })?;
    output::note(format_args!(
        "set for {}; it holds from its next attempt on",
        args.grantee.executor
    ));
    Ok(Exit::Done)
}
