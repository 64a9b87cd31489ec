//! The server's own log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::config::Settings;
use crate::commands::serve::LogFormat;
use crate::errors::{CommandError, Result};

/// Starts to log as the settings say.
pub(super) fn start(settings: &Settings) -> Result<()> {
    let filter = EnvFilter::builder().parse(&settings.log).map_err(|error| {
        CommandError::usage(format_args!("read the log filter `{}`: {error}", settings.log))
            .hint("write a level (`info`) or directives (`info,errand_scheduler=debug`)")
    })?;
    let stderr = std::io::stderr();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    let started = match settings.log_format {
        LogFormat::Human => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| CommandError::from(anyhow::anyhow!("start the log: {error}")))
}
