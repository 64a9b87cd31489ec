//! What `serve` was told, by the command line, the environment and `errand.toml`, as settings.
//!
//! Each option has a key of the same name. Keys that a later version brings are told apart from
//! mistakes, and both are errors with line and column.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use errand_core::{Grants, SecretName};
use errand_egress::SecretSource;
use errand_scheduler::{Grantee, TreeBounds, WarmLimits, check_grants};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::cli::GlobalArgs;
use crate::commands::serve::{LogFormat, ServeArgs};
use crate::data_dir::DataDir;
use crate::errors::{CommandError, Result};
use crate::files;
use crate::units;

use super::retention::Retention;

const DEFAULT_LISTEN: &str = "127.0.0.1:7420";
const DEFAULT_DRAIN: Duration = Duration::from_secs(30);
/// More slots than this are a mistake: each may hold a thread and a task's memory.
const MOST_SLOTS: usize = 1_024;
/// The configuration file's name in the data directory.
const CONFIG_NAME: &str = "errand.toml";

/// All that `serve` goes by.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) data: DataDir,
    /// An address to listen on, its name not yet resolved.
    pub(crate) listen: String,
    pub(crate) slots: usize,
    pub(crate) drain: Duration,
    /// What may wait in memory.
    pub(crate) warm: WarmLimits,
    /// How large a tree of tasks may be.
    pub(crate) tree: TreeBounds,
    pub(crate) retention: Retention,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) behind_proxy: bool,
    pub(crate) public_hosts: Vec<String>,
    /// The executors whose functions are tools of MCP; nothing: all.
    pub(crate) exposed: Option<Vec<String>>,
    /// The directories that workspaces may start from.
    pub(crate) allow_dirs: Vec<PathBuf>,
    /// The DNS server that guests' requests are looked up at; nothing: the system's.
    pub(crate) nameserver: Option<SocketAddr>,
    /// What executors may do beyond their workspace.
    pub(crate) grants: BTreeMap<Grantee, Grants>,
    /// Where secrets come from that grants name.
    pub(crate) secrets: BTreeMap<SecretName, SecretSource>,
    pub(crate) log_format: LogFormat,
    pub(crate) log: String,
}

/// The two files that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The keys of `errand.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct ConfigFile {
    listen: Option<Listen>,
    data: Option<PathBuf>,
    slots: Option<Slots>,
    drain: Option<u64>,
    #[serde(deserialize_with = "size")]
    warm_memory: Option<u64>,
    warm: Option<u64>,
    tree_tasks: Option<u64>,
    tree_depth: Option<u32>,
    tree_fuel: Option<u64>,
    retention: Option<Retention>,
    tls_cert: Option<Spanned<PathBuf>>,
    tls_key: Option<Spanned<PathBuf>>,
    behind_proxy: Option<bool>,
    public_host: Option<Vec<String>>,
    mcp_expose: Option<Vec<String>>,
    allow_dir: Option<Vec<PathBuf>>,
    log_format: Option<LogFormat>,
    log: Option<LogFilter>,
    nameserver: Option<SocketAddr>,
    #[serde(default)]
    grants: BTreeMap<GranteeKey, Spanned<Grants>>,
    #[serde(default)]
    secrets: BTreeMap<SecretName, SecretSource>,
    quotas: Option<Spanned<toml::Value>>,
}

/// Whom a table of grants is for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct GranteeKey(Grantee);

impl TryFrom<String> for GranteeKey {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse().map(Self).map_err(|error: errand_core::InvalidName| {
            format!("`{text}`: {error}, with `NAMESPACE/` before it for another namespace than `default`")
        })
    }
}

/// A number of slots that makes sense.
#[derive(Debug, Deserialize)]
#[serde(try_from = "usize")]
struct Slots(usize);

impl TryFrom<usize> for Slots {
    type Error = String;

    fn try_from(slots: usize) -> std::result::Result<Self, String> {
        if (1..=MOST_SLOTS).contains(&slots) {
            Ok(Self(slots))
        } else {
            Err(format!("`slots` is {slots}; it must be from 1 to {MOST_SLOTS}"))
        }
    }
}

/// A host and a port.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Listen(String);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        match port.map(|(_, port)| port.parse::<u16>()) {
            Some(Ok(_)) => Ok(Self(text)),
            _ => Err(format!("`{text}` is no HOST:PORT; write it as in `{DEFAULT_LISTEN}`")),
        }
    }
}

/// What a log says, in a form that can be read.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct LogFilter(String);

impl TryFrom<String> for LogFilter {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        match tracing_subscriber::EnvFilter::builder().parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(format!("`{text}` is no log filter: {error}")),
        }
    }
}

impl Settings {
    /// Puts together what was said: the command line and the environment first, then the file.
    pub(crate) fn resolve(args: ServeArgs, globals: &GlobalArgs) -> Result<Self> {
        let file = ConfigFile::load(args.config.as_deref(), globals)?;
        Self::combine(args, globals, file)
    }

    fn combine(args: ServeArgs, globals: &GlobalArgs, file: ConfigFile) -> Result<Self> {
        let slots = match (args.slots, file.slots) {
            (Some(slots), _) => Slots::try_from(slots).map_err(CommandError::usage)?.0,
            (None, Some(Slots(slots))) => slots,
            (None, None) => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let path = |spanned: Option<Spanned<PathBuf>>| spanned.map(Spanned::into_inner);
        let certificate = args.tls_cert.or(path(file.tls_cert));
        let tls = match (certificate, args.tls_key.or(path(file.tls_key))) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(CommandError::usage("`tls-cert` and `tls-key` go together")),
        };
        let mut warm = WarmLimits::default();
        if let Some(bytes) = args.warm_memory.or(file.warm_memory) {
            warm.memory_bytes = bytes;
        }
        if let Some(seconds) = args.warm.or(file.warm) {
            warm.wait_ms = seconds.saturating_mul(1_000);
        }
        let most = TreeBounds::default();
        let tree = TreeBounds {
            tasks: args.tree_tasks.or(file.tree_tasks).unwrap_or(most.tasks),
            depth: args.tree_depth.or(file.tree_depth).unwrap_or(most.depth),
            fuel: args.tree_fuel.or(file.tree_fuel).unwrap_or(most.fuel),
        };
        let settings = Self {
            warm,
            tree,
            data: DataDir::at(globals.data_dir().or(file.data.as_deref()))?,
            listen: match (args.listen, file.listen) {
                (Some(listen), _) | (None, Some(Listen(listen))) => listen,
                (None, None) => DEFAULT_LISTEN.to_owned(),
            },
            slots,
            drain: args.drain.or(file.drain).map_or(DEFAULT_DRAIN, Duration::from_secs),
            retention: args.retention.or(file.retention).unwrap_or_default(),
            tls,
            behind_proxy: args.behind_proxy.or(file.behind_proxy).unwrap_or(false),
            public_hosts: match args.public_host {
                hosts if hosts.is_empty() => file.public_host.unwrap_or_default(),
                hosts => hosts,
            },
            exposed: match args.mcp_expose {
                names if names.is_empty() => file.mcp_expose,
                names => Some(names),
            },
            allow_dirs: match args.allow_dir {
                dirs if dirs.is_empty() => file.allow_dir.unwrap_or_default(),
                dirs => dirs,
            },
            log_format: args.log_format.or(file.log_format).unwrap_or_default(),
            nameserver: args.nameserver.or(file.nameserver),
            grants: file
                .grants
                .into_iter()
                .map(|(key, grants)| (key.0, grants.into_inner()))
                .collect(),
            secrets: file.secrets,
            log: match (args.log, file.log) {
                (Some(log), _) | (None, Some(LogFilter(log))) => log,
                (None, None) => "info,rmcp=error".to_owned(),
            },
        };
        Ok(settings)
    }

    /// Refuses to be heard beyond this machine where nothing protects the tokens on the way.
    pub(crate) fn check_exposure(&self, address: SocketAddr) -> Result<()> {
        if address.ip().is_loopback() || self.tls.is_some() || self.behind_proxy {
            return Ok(());
        }
        Err(CommandError::usage(format_args!(
            "{address} can be reached from other machines, and tokens would cross the network unprotected"
        ))
        .hint("give `--tls-cert` and `--tls-key`, or `--behind-proxy` if a proxy in front speaks TLS"))
    }
}

impl ConfigFile {
    /// Reads the file that was named, or the one in the data directory if it is there.
    fn load(named: Option<&Path>, globals: &GlobalArgs) -> Result<Self> {
        if let Some(path) = named {
            return Self::parse(&files::read_text(path)?, path.display());
        }
        let path = DataDir::locate(globals)?.path().join(CONFIG_NAME);
        match path.try_exists() {
            Ok(true) => Self::parse(&files::read_text(&path)?, path.display()),
            _ => Ok(Self::default()),
        }
    }

    fn parse(text: &str, origin: impl Display) -> Result<Self> {
        let file: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| place(text, span.start)).unwrap_or_default();
            let message = error.message().trim_end();
            CommandError::usage(format_args!("{origin}{place}: {message}"))
        })?;
        if let Some(value) = &file.quotas {
            let place = place(text, value.span().start);
            return Err(CommandError::unsupported(format_args!(
                "{origin}{place}: `quotas`: this version has no quotas"
            )));
        }
        for (GranteeKey(grantee), grants) in &file.grants {
            if let Some(fault) = file.fault(grants.get_ref()) {
                let place = place(text, grants.span().start);
                let grantee = grantee.selector();
                return Err(CommandError::usage(format_args!(
                    "{origin}{place}: the grants of `{grantee}`: {fault}"
                )));
            }
        }
        Ok(file)
    }

    /// Says what is wrong with grants, where something is.
    fn fault(&self, grants: &Grants) -> Option<String> {
        if let Some(fault) = check_grants(grants).into_iter().next() {
            return Some(format!("`{}` {}", fault.pointer, fault.message));
        }
        let unknown = grants.secrets().find(|name| !self.secrets.contains_key(*name))?;
        Some(format!(
            "there is no secret `{unknown}`; `[secrets.{unknown}]` says where it comes from"
        ))
    }
}

/// Reads a size as the command line does.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    units::parse_size(&text).map(Some).map_err(D::Error::custom)
}

/// Writes where a byte of a text is: `:LINE:COLUMN`, both from 1, columns in characters.
fn place(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(":{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::Exit;

    fn settings(args: ServeArgs, file: &str) -> Result<Settings> {
        let globals = GlobalArgs { data: Some("d".into()), ..GlobalArgs::default() };
        Settings::combine(args, &globals, ConfigFile::parse(file, "errand.toml")?)
    }

    fn refusal(file: &str) -> (Exit, String) {
        let error = ConfigFile::parse(file, "errand.toml").expect_err("it is wrong");
        (error.exit(), error.message())
    }

    #[test]
    fn the_command_line_comes_before_the_file_and_the_file_before_the_default() {
        let args = ServeArgs { slots: Some(3), ..ServeArgs::default() };
        let file = "slots = 5\ndrain = 7\nlisten = '127.0.0.1:1'\npublic-host = ['a', 'b']\nallow-dir = ['/srv']\nlog-format = 'json'\nwarm-memory = '64MiB'\nwarm = 5";
        let settings = settings(args, file).expect("all of it is right");
        assert_eq!((settings.slots, settings.drain), (3, Duration::from_secs(7)));
        assert_eq!(settings.listen, "127.0.0.1:1");
        assert_eq!(settings.public_hosts, ["a", "b"]);
        assert_eq!(settings.allow_dirs, [PathBuf::from("/srv")]);
        assert_eq!(settings.log_format, LogFormat::Json);
        assert_eq!((settings.warm.memory_bytes, settings.warm.wait_ms), (64 << 20, 5_000));
        assert_eq!(settings.log, "info,rmcp=error");
        assert!(!settings.behind_proxy);
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let (exit, message) = refusal("slots = 2\n\n  slot = 3\n");
        assert_eq!(exit, Exit::Usage);
        assert!(message.starts_with("errand.toml:3:3: unknown field `slot`"), "{message}");
        let (_, message) = refusal("drain = \"soon\"\n");
        assert_eq!(message, "errand.toml:1:9: invalid type: string \"soon\", expected u64");
        let (_, message) = refusal("slots = 1\nwarm-memory = 'much'\n");
        assert!(message.starts_with("errand.toml:2:15: not a size"), "{message}");
        let (_, message) = refusal("listen = \n");
        assert!(message.starts_with("errand.toml:1:"), "{message}");
        for (file, told) in [
            ("\nslots = 0", "errand.toml:2:9: `slots` is 0; it must be from 1 to 1024"),
            ("slots = -1", "errand.toml:1:9: invalid value: integer `-1`, expected usize"),
            ("drain = -1", "errand.toml:1:9: invalid value: integer `-1`, expected u64"),
            ("slots = 1\nslots = 2", "errand.toml:2:1: duplicate key"),
            ("listen = 'here'", "errand.toml:1:10: `here` is no HOST:PORT"),
            ("listen = 'localhost:70000'", "errand.toml:1:10: `localhost:70000` is no HOST:PORT"),
            ("log = 'a=b=c'", "errand.toml:1:7: `a=b=c` is no log filter"),
            ("log-format = 'xml'", "errand.toml:1:14: unknown variant `xml`"),
            ("retention = '0s'", "errand.toml:1:13: too short"),
            ("retention = 'soon'", "errand.toml:1:13: expected number"),
            ("retention = 30", "errand.toml:1:13: invalid type: integer `30`"),
            ("public-host = 'a'", "errand.toml:1:15: invalid type: string"),
            ("\n\n[serve]\nslots = 1", "errand.toml:3:2: unknown field `serve`"),
        ] {
            let (exit, message) = refusal(file);
            assert_eq!(exit, Exit::Usage);
            assert!(message.starts_with(told), "{file:?}: {message}");
        }
    }

    #[test]
    fn what_comes_later_is_unsupported_and_not_unknown() {
        let (exit, message) = refusal("\nquotas = {}\n");
        assert_eq!(exit, Exit::Usage);
        assert!(message.starts_with("unsupported: errand.toml:2:"), "{message}");
    }

    #[test]
    fn grants_and_secrets_are_read_and_mistakes_in_them_told() {
        let file = "
[secrets.openai]
environment = 'OPENAI_API_KEY'
[secrets.db]
command = ['pass', 'show', 'db']
[grants.python]
http = [{ url = 'https://api.openai.com', methods = ['POST'], rate-per-minute = 60, secrets = { openai = ['authorization'] } }]
environment = { OPENAI_API_KEY = { secret = 'openai' }, MODE = 'test' }
limits = { memory_bytes = 4294967296 }
[grants.'team-a/*']
http = [{ url = 'https://*.example.com:*' }]
";
        let settings = settings(ServeArgs::default(), file).expect("all of it is right");
        let grants = &settings.grants[&"python".parse().expect("a grantee")];
        assert_eq!(grants.http[0].rate_per_minute, Some(60));
        assert_eq!(
            grants.visible_environment(),
            [("MODE", "test"), ("OPENAI_API_KEY", "<errand-secret:openai>")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert!(settings.grants.contains_key(&"team-a/*".parse().expect("a grantee")));
        assert_eq!(settings.secrets.len(), 2);
        for (file, told) in [
            ("[grants.python]\nhttp = ['x']", "errand.toml:2:"),
            (
                "[grants.python]\nhttp = [{ url = 'ftp://x' }]",
                "errand.toml:2:17: \"ftp://x\" is no SCHEME",
            ),
            ("[grants.python]\nhttps = []", "errand.toml:2:1: unknown field `https`"),
            ("[grants.Python]\n", "errand.toml:1:9: `Python`: who is granted something must be"),
            ("[grants.python]\nhttp = [{ url = 'a.b', methods = ['get'] }]", "errand.toml:1:"),
            ("[grants.a]\nenvironment = { K = { secret = 'none' } }", "errand.toml:1:"),
            ("[secrets.a]\nfile = 'x'\ncommand = ['y']", "errand.toml:1:1: "),
            ("[secrets.A]\nfile = 'x'", "errand.toml:1:10: a secret's name must be"),
        ] {
            let (exit, message) = refusal(file);
            assert_eq!(exit, Exit::Usage);
            assert!(message.starts_with(told), "{file:?}: {message}");
        }
    }

    #[test]
    fn other_machines_are_let_in_over_tls_or_a_proxy_alone() {
        let outside: SocketAddr = "192.0.2.1:7420".parse().expect("an address");
        let plain = settings(ServeArgs::default(), "").expect("right");
        assert_eq!(plain.check_exposure(outside).expect_err("refused").exit(), Exit::Usage);
        assert!(plain.check_exposure("[::1]:7420".parse().expect("an address")).is_ok());
        assert!(
            settings(ServeArgs::default(), "behind-proxy = true")
                .expect("right")
                .check_exposure(outside)
                .is_ok()
        );
        assert!(
            settings(ServeArgs::default(), "tls-cert = 'c'\ntls-key = 'k'")
                .expect("right")
                .check_exposure(outside)
                .is_ok()
        );
        assert!(settings(ServeArgs::default(), "tls-cert = 'c'").is_err());
    }

    #[test]
    fn a_server_without_slots_is_refused() {
        assert_eq!(
            settings(ServeArgs::default(), "slots = 0").expect_err("refused").exit(),
            Exit::Usage
        );
    }
}
