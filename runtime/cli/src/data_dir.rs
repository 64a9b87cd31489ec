//! The data directory: where it is, the two token files, and the note by which a local server is found.

#![expect(clippy::disallowed_methods, reason = "it owns the data directory's own files")]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use errand_core::AccessToken;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cli::GlobalArgs;
use crate::errors::{CommandError, Exit, Result};

/// A data directory. It need not exist.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

/// What a running server says of itself in its data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerNote {
    /// Where it listens.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: u32,
    /// The directories that workspaces may start from, their links resolved.
    #[serde(default)]
    pub(crate) allow_dirs: Vec<PathBuf>,
}

/// One of the two tokens of a new data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFile {
    /// May read and submit.
    Agent,
    /// May do everything.
    Operator,
}

impl TokenFile {
    /// Returns the name of the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent.token",
            Self::Operator => "operator.token",
        }
    }
}

impl DataDir {
    /// Takes the directory that was asked for, or the platform's.
    pub(crate) fn locate(globals: &GlobalArgs) -> Result<Self> {
        Self::at(globals.data_dir())
    }

    /// Takes a directory, or the platform's.
    pub(crate) fn at(root: Option<&Path>) -> Result<Self> {
        let root = match root {
            Some(root) => root.to_owned(),
            None => etcetera::base_strategy::choose_native_strategy()
                .map_err(|_| {
                    CommandError::usage("find the platform's data directory: there is no home")
                        .hint("say where with `--data DIR` or ERRAND_DATA")
                })?
                .data_dir()
                .join("errand"),
        };
        Ok(Self { root })
    }

    /// Returns the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// Creates the directory, for its owner alone.
    pub(crate) fn create(&self) -> Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root).map_err(|error| {
            CommandError::new(
                Exit::Refused,
                format_args!("create the data directory `{}`: {error}", self.root.display()),
            )
        })
    }

    /// Makes sure that the directory is there and holds nothing; tells whether it was made for that.
    pub(crate) fn claim_empty(&self) -> Result<bool> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create()?;
                return Ok(true);
            }
            Err(error) => return Err(self.unreadable(&error)),
        };
        for entry in entries {
            let name = entry.map_err(|error| self.unreadable(&error))?.file_name();
            // A file system's own, or what a restore that was killed left.
            if name != "lost+found" && name != UNFINISHED_STORE {
                return Err(CommandError::refused(format_args!(
                    "the data directory `{}` is not empty: it holds `{}`",
                    self.root.display(),
                    name.display()
                ))
                .hint("restore into another one with `--data DIR`"));
            }
        }
        Ok(false)
    }

    /// Removes the directory again, if it holds nothing.
    pub(crate) fn remove_empty(&self) {
        // What stays is empty or somebody else's.
        let _ = fs::remove_dir(&self.root);
    }

    fn unreadable(&self, error: &io::Error) -> CommandError {
        CommandError::refused(format_args!(
            "read the data directory `{}`: {error}",
            self.root.display()
        ))
    }

    /// Reads a token.
    pub(crate) fn token(&self, which: TokenFile) -> Result<Option<AccessToken>> {
        let path = self.root.join(which.name());
        match fs::read_to_string(&path) {
            Ok(token) => Ok(Some(AccessToken::new(token))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CommandError::refused(format_args!(
                "read the token `{}`: {error}",
                path.display()
            ))
            .hint("the file is its owner's alone; give a token with `--token` or ERRAND_TOKEN")),
        }
    }

    /// Writes a token, for the owner alone. Replaces the file in one step.
    pub(crate) fn write_token(&self, which: TokenFile, token: &AccessToken) -> Result<()> {
        let line = Zeroizing::new([token.expose(), "\n"].concat());
        // A temporary file is mode 0600 from the moment it exists.
        Ok(self.replace(which.name(), &line)?)
    }

    /// Returns the permissions of a file in the directory, nothing where there is none.
    pub(crate) fn mode(&self, name: &str) -> io::Result<Option<u32>> {
        match fs::metadata(self.root.join(name)) {
            Ok(metadata) => Ok(Some(metadata.permissions().mode() & 0o777)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns where compiled executors lie.
    pub(crate) fn compiled(&self) -> PathBuf {
        self.root.join("compiled")
    }

    /// Returns where the store lies.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Returns where the server makes workspaces.
    pub(crate) fn workspaces(&self) -> PathBuf {
        self.root.join("workspaces")
    }

    /// Returns where the files lie that workspaces share.
    pub(crate) fn bases(&self) -> PathBuf {
        self.root.join("bases")
    }

    /// Returns where git's registrations of tasks' worktrees lie.
    pub(crate) fn git(&self) -> PathBuf {
        self.root.join("git")
    }

    /// Reads what a server says of itself, if one runs or died without a word.
    pub(crate) fn server(&self) -> Option<ServerNote> {
        let text = fs::read_to_string(self.root.join(SERVER_NOTE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes where the server is. Replaces the note in one step.
    pub(crate) fn announce(&self, note: &ServerNote) -> Result<()> {
        let text = serde_json::to_string(note).context("write down where the server is")?;
        Ok(self.replace(SERVER_NOTE, &format!("{text}\n"))?)
    }

    /// Takes the note away if it is still this process's.
    pub(crate) fn withdraw(&self, note: &ServerNote) {
        if self.server().as_ref() == Some(note) {
            // What stays is stale, and a client says so.
            let _ = fs::remove_file(self.root.join(SERVER_NOTE));
        }
    }

    fn replace(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.root)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.root.join(name)).map_err(|error| error.error)?;
            fs::File::open(&self.root)?.sync_all()
        };
        write().with_context(|| format!("write `{}`", self.root.join(name).display()))
    }
}

const SERVER_NOTE: &str = "server.json";
/// Where the store lies while it is restored.
const UNFINISHED_STORE: &str = "store.unfinished";

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, DataDir) {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let data = DataDir::at(Some(&temporary.path().join("data"))).expect("it is named");
        data.create().expect("it can be created");
        (temporary, data)
    }

    #[test]
    fn a_token_is_its_owners_alone() {
        let (_temporary, data) = fresh();
        assert_eq!(data.token(TokenFile::Agent).expect("readable"), None);
        data.write_token(TokenFile::Agent, &AccessToken::new("secret".into())).expect("writable");
        let read = data.token(TokenFile::Agent).expect("readable").expect("written");
        assert_eq!(read.expose(), "secret");
        assert_eq!(data.mode("agent.token").expect("there"), Some(0o600));
        assert_eq!(data.mode("").expect("there"), Some(0o700));
    }

    #[test]
    fn a_server_takes_only_its_own_note_away() {
        let (_temporary, data) = fresh();
        let note = |url: &str, pid| ServerNote { url: url.into(), pid, allow_dirs: Vec::new() };
        let first = note("http://127.0.0.1:1", 1);
        let second = note("http://127.0.0.1:2", 2);
        data.announce(&first).expect("writable");
        data.announce(&second).expect("writable");
        data.withdraw(&first);
        assert_eq!(data.server(), Some(second.clone()));
        data.withdraw(&second);
        assert_eq!(data.server(), None);
    }
}
