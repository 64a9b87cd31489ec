//! `errand serve`: the server with its workers.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::cli::GlobalArgs;
use crate::errors::{Exit, Result};
use crate::serve::{self, Retention};
use crate::units;

/// Runs the server with its workers and its own store
///
/// Prints `listening on http://HOST:PORT` once it accepts requests. SIGTERM or SIGINT stop it: running
/// tasks get time to end, the rest goes back to the queue. Each option can stand in the configuration
/// file under the same name; the command line comes first, then the environment, then the file.
#[derive(Args, Debug, Default)]
#[command(after_help = "\
Examples:
  errand serve
  errand serve --listen 127.0.0.1:0 --data /tmp/errand
  errand serve --listen 0.0.0.0:7420 --tls-cert cert.pem --tls-key key.pem")]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 picks a free one [default: 127.0.0.1:7420]
    #[arg(long, value_name = "HOST:PORT", env = "ERRAND_LISTEN")]
    pub(crate) listen: Option<String>,
    /// The configuration file [default: `errand.toml` in the data directory, if it is there]
    #[arg(long, value_name = "FILE", env = "ERRAND_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Tasks that run at once [default: one for each core]
    #[arg(long, value_name = "N", env = "ERRAND_SLOTS")]
    pub(crate) slots: Option<usize>,
    /// Seconds that running tasks get when the server stops [default: 30]
    #[arg(long, value_name = "SECONDS", env = "ERRAND_DRAIN")]
    pub(crate) drain: Option<u64>,
    /// Memory that waiting tasks may keep, so that they go on at once; past it they are dropped from
    /// memory and repeated when they go on [default: 256MiB]
    #[arg(long, value_name = "SIZE", env = "ERRAND_WARM_MEMORY", value_parser = units::parse_size)]
    pub(crate) warm_memory: Option<u64>,
    /// Seconds that a waiting task may stay in memory at most [default: 60]
    #[arg(long, value_name = "SECONDS", env = "ERRAND_WARM")]
    pub(crate) warm: Option<u64>,
    /// Tasks of one tree of children at most, those that have ended included [default: 10000]
    #[arg(long, value_name = "N", env = "ERRAND_TREE_TASKS")]
    pub(crate) tree_tasks: Option<u64>,
    /// How many tasks may be above a child at most [default: 16]
    #[arg(long, value_name = "N", env = "ERRAND_TREE_DEPTH")]
    pub(crate) tree_depth: Option<u32>,
    /// Fuel that all tasks of one tree may be allowed together [default: 100000T]
    #[arg(long, value_name = "N", env = "ERRAND_TREE_FUEL", value_parser = units::parse_fuel)]
    pub(crate) tree_fuel: Option<u64>,
    /// How long ended tasks are kept, as in `12h`; or `never` to keep all [default: 30d]
    #[arg(long, value_name = "DURATION", env = "ERRAND_RETENTION")]
    pub(crate) retention: Option<Retention>,
    /// The certificate chain for TLS, as PEM
    #[arg(long, value_name = "FILE", env = "ERRAND_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key for TLS, as PEM
    #[arg(long, value_name = "FILE", env = "ERRAND_TLS_KEY")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A proxy in front speaks TLS with the clients
    #[arg(long, env = "ERRAND_BEHIND_PROXY", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) behind_proxy: Option<bool>,
    /// A name that clients may call the server by; repeatable
    #[arg(
        long = "public-host",
        value_name = "HOST",
        env = "ERRAND_PUBLIC_HOST",
        value_delimiter = ','
    )]
    pub(crate) public_host: Vec<String>,
    /// An executor whose functions are tools of MCP; repeatable [default: every executor]
    #[arg(
        long = "mcp-expose",
        value_name = "EXECUTOR",
        env = "ERRAND_MCP_EXPOSE",
        value_delimiter = ','
    )]
    pub(crate) mcp_expose: Vec<String>,
    /// A directory that workspaces may start from, with all below it; repeatable
    #[arg(long = "allow-dir", value_name = "DIR", env = "ERRAND_ALLOW_DIR", value_delimiter = ',')]
    pub(crate) allow_dir: Vec<PathBuf>,
    /// The DNS server that tasks' requests are looked up at [default: the system's]
    #[arg(long, value_name = "IP:PORT", env = "ERRAND_NAMESERVER")]
    pub(crate) nameserver: Option<std::net::SocketAddr>,
    /// How the log on standard error looks [default: human]
    #[arg(long, value_name = "FORMAT", env = "ERRAND_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// What the log says: a level, or directives as in `info,errand_scheduler=debug` [default: info]
    #[arg(long, value_name = "FILTER", env = "ERRAND_LOG")]
    pub(crate) log: Option<String>,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for a person.
    #[default]
    Human,
    /// Lines of JSON.
    Json,
}

pub(crate) fn run(args: ServeArgs, globals: &GlobalArgs) -> Result<Exit> {
    serve::run(args, globals)
}
