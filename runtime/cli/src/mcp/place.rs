//! Where the server is, and starting one where none runs.

use std::fs::OpenOptions;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use errand_core::AccessToken;

use crate::cli::GlobalArgs;
use crate::client::Client;
use crate::data_dir::{DataDir, TokenFile};
use crate::errors::{CommandError, Exit, Result};

/// What a server that was started here says goes here, in the data directory.
const LOG: &str = "serve.log";
/// How long a server may take to answer after it was started: it may have much to recover.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether it has said where it is. Only a start is waited for like this.
const LOOK: Duration = Duration::from_millis(20);
/// Any port that is free.
const ANY_PORT: &str = "127.0.0.1:0";

/// A server, and the token for it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) url: String,
    pub(super) token: Option<AccessToken>,
}

impl Place {
    /// Finds the server that the command line means; starts one where that is this machine's and none runs.
    pub(super) fn find(globals: &GlobalArgs) -> Result<Self> {
        match Self::running(globals) {
            Ok(found) if globals.names_server() || found.answers() => Ok(found),
            Err(error) if error.exit() != Exit::Unreachable || globals.names_server() => Err(error),
            // None was there, or one that is dead.
            _ => {
                let data = DataDir::locate(globals)?;
                start(globals, &data)?;
                Self::running(globals)
            }
        }
    }

    /// Tells whether somebody listens there.
    fn answers(&self) -> bool {
        let authority = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        TcpStream::connect(authority.trim_end_matches('/')).is_ok()
    }

    fn of(data: &DataDir) -> Option<Self> {
        data.server().map(|note| Self { url: note.url, token: None })
    }

    fn running(globals: &GlobalArgs) -> Result<Self> {
        let client = Client::connect(globals, TokenFile::Agent)?;
        Ok(Self { url: client.url().to_owned(), token: client.token().cloned() })
    }
}

/// Starts a server that outlives this process, and returns once it has said where it is.
fn start(globals: &GlobalArgs, data: &DataDir) -> Result<()> {
    let mut server = spawn(globals, data, None)?;
    let mut is_second = false;
    let until = Instant::now() + PATIENCE;
    // What a dead server said of itself may still lie there.
    let is_there = || Place::of(data).is_some_and(|place| place.answers());
    while !is_there() {
        if let Some(status) = server.try_wait().context("wait for the server")? {
            // Another client's server may have been quicker, or something else is at the usual port.
            if is_there() {
                break;
            }
            if is_second {
                let log = data.path().join(LOG);
                return Err(CommandError::new(
                    Exit::Unreachable,
                    format_args!("the server ended with {status} as it started"),
                )
                .hint(format_args!("`{}` has what it said", log.display())));
            }
            server = spawn(globals, data, Some(ANY_PORT))?;
            is_second = true;
        }
        if Instant::now() > until {
            let seconds = PATIENCE.as_secs();
            let message = format!("the server did not answer within {seconds} s of its start");
            return Err(CommandError::new(Exit::Unreachable, message));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "starts this very program as a server")]
fn spawn(globals: &GlobalArgs, data: &DataDir, listen: Option<&str>) -> Result<Child> {
    data.create()?;
    let path = data.path().join(LOG);
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    let log = log.with_context(|| format!("open `{}`", path.display()))?;
    let program = std::env::current_exe().context("find this program")?;
    let mut command = Command::new(program);
    // As JSON the log has no code in it with which a person would enter the console.
    command.args(["serve", "--log-format", "json"]);
    if let Some(data) = globals.data_dir() {
        command.arg("--data").arg(data);
    }
    if let Some(listen) = listen {
        command.args(["--listen", listen]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // Signals to the client's group are not for it.
        .process_group(0);
    Ok(command.spawn().context("start a server")?)
}
