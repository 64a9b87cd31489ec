//! What a task's workspace starts from, as it is said on the command line.
//!
//! A directory that the server lists is only named to it. Another one is packed here, by the same rules,
//! and uploaded.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use errand_core::Limits;
use errand_workspace::{Bounds, Directory, Scan, StartError};
use serde::{Deserialize, Serialize};

use crate::client::{Client, Payload, Route};
use crate::errors::{CommandError, Result};
use crate::{files, output};

/// How many links that were left out are named.
const NAMED: usize = 3;

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkspaceArg {
    /// Nothing.
    Empty,
    /// A directory of this machine.
    Directory(PathBuf),
    /// An archive of this machine.
    Archive(PathBuf),
    /// A commit of a repository of this machine.
    Repository { path: PathBuf, reference: String },
    /// What a task left.
    Task(String),
}

impl FromStr for WorkspaceArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            _ if text == "empty" || text == "none" => Self::Empty,
            Some(("tar", file)) => Self::Archive(file.into()),
            Some(("git", named)) => {
                let (path, reference) = match named.rsplit_once('@') {
                    Some(split) if !Path::new(named).is_dir() => split,
                    _ => (named, "HEAD"),
                };
                Self::Repository { path: path.into(), reference: reference.to_owned() }
            }
            Some(("task", id)) => Self::Task(id.to_owned()),
            _ => Self::Directory(text.into()),
        })
    }
}

/// What a request says of it.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "from", rename_all = "snake_case")]
pub(crate) enum WorkspaceSource {
    Dir {
        path: String,
    },
    Tar {
        blob: String,
    },
    Git {
        repo: String,
        #[serde(rename = "ref")]
        reference: String,
    },
    Task {
        id: String,
    },
}

/// What the server says of a blob.
#[derive(Deserialize)]
struct Blob {
    blake3: String,
}

impl WorkspaceArg {
    /// Brings it to the server, where that has to be; returns what the request says.
    pub(crate) fn bring(
        &self,
        client: &Client,
        namespace: Option<&str>,
        max_bytes: Option<u64>,
    ) -> Result<Option<WorkspaceSource>> {
        let archive = match self {
            Self::Empty => return Ok(None),
            Self::Task(id) => return Ok(Some(WorkspaceSource::Task { id: id.clone() })),
            Self::Archive(path) => files::open(path)?,
            Self::Repository { path, reference } => {
                let real = directory(path)?;
                let repo = real.to_str().ok_or_else(|| {
                    CommandError::usage(format_args!("`{}` is not UTF-8", path.display()))
                })?;
                let (repo, reference) = (repo.to_owned(), reference.clone());
                return Ok(Some(WorkspaceSource::Git { repo, reference }));
            }
            Self::Directory(path) => {
                let real = directory(path)?;
                if client.lists(&real)
                    && let Some(path) = real.to_str()
                {
                    return Ok(Some(WorkspaceSource::Dir { path: path.to_owned() }));
                }
                pack(path, max_bytes)?
            }
        };
        Ok(Some(WorkspaceSource::Tar { blob: upload(client, namespace, archive)? }))
    }
}

/// Uploads an archive; returns its digest.
pub(crate) fn upload(client: &Client, namespace: Option<&str>, archive: File) -> Result<String> {
    let route = Route::new("/v1/blobs").query_option("namespace", namespace);
    let blob: Blob = client.post(route, Payload::File(archive))?.parse()?;
    Ok(blob.blake3)
}

/// Packs a directory into a file without a name.
fn pack(path: &Path, max_bytes: Option<u64>) -> Result<File> {
    let (mut scan, bounds) = scan(path, max_bytes)?;
    let left_out = scan.leave_out_links_out();
    if !left_out.is_empty() {
        let named = left_out.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if left_out.len() > NAMED { ", …" } else { "" };
        output::note(format_args!("left out, for they are links out of it: {named}{more}"));
    }
    let pack = || {
        let mut archive = tempfile::tempfile()?;
        scan.pack(io::BufWriter::new(&mut archive), &bounds)?;
        archive.rewind()?;
        Ok(archive)
    };
    pack().map_err(|error| refusal(path, error))
}

/// Looks through a directory, by the rules for what workspaces start from.
pub(crate) fn scan(path: &Path, max_bytes: Option<u64>) -> Result<(Scan, Bounds)> {
    let bounds = Bounds::of_bytes(max_bytes.unwrap_or_else(|| Limits::default().workspace_bytes));
    let opened = Directory::open(path)
        .map_err(|error| CommandError::usage(format_args!("open `{}`: {error}", path.display())))?;
    let scan = Scan::of(opened, &bounds).map_err(|error| refusal(path, error))?;
    Ok((scan, bounds))
}

/// Returns a directory's path with its links resolved.
pub(crate) fn directory(path: &Path) -> Result<PathBuf> {
    let real = path.canonicalize();
    let real = real
        .map_err(|error| CommandError::usage(format_args!("open `{}`: {error}", path.display())))?;
    if real.is_dir() {
        Ok(real)
    } else {
        let path = path.display();
        Err(CommandError::usage(format_args!("`{path}` is not a directory"))
            .hint("give an archive as `tar:FILE`"))
    }
}

fn refusal(path: &Path, error: StartError) -> CommandError {
    let path = path.display();
    match error {
        StartError::TooLarge { exceeded, .. } => {
            let refused = CommandError::refused(format_args!("start from `{path}`: {error}"));
            match exceeded.limit {
                "workspace_bytes" => refused.hint("raise it with `--workspace-bytes SIZE`"),
                _ => refused,
            }
        }
        StartError::Refused(_) | StartError::Changed(_) => {
            CommandError::refused(format_args!("start from `{path}`: {error}"))
        }
        StartError::Io(error) => {
            anyhow::Error::from(error).context(format!("start from `{path}`")).into()
        }
        StartError::DiskFull => CommandError::refused(error),
        StartError::Stopped => CommandError::refused("it was stopped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_say_it_is_understood() {
        let said = |text: &str| text.parse::<WorkspaceArg>().expect("it never fails");
        assert_eq!(said("empty"), WorkspaceArg::Empty);
        assert_eq!(said("."), WorkspaceArg::Directory(".".into()));
        assert_eq!(said("a:b"), WorkspaceArg::Directory("a:b".into()));
        assert_eq!(said("tar:x.tgz"), WorkspaceArg::Archive("x.tgz".into()));
        let repository = |path: &str, reference: &str| WorkspaceArg::Repository {
            path: path.into(),
            reference: reference.into(),
        };
        assert_eq!(said("git:repo@main"), repository("repo", "main"));
        assert_eq!(said("git:a@b/repo@v1@2"), repository("a@b/repo@v1", "2"));
        assert_eq!(said("git:."), repository(".", "HEAD"));
        assert_eq!(said("task:01k"), WorkspaceArg::Task("01k".into()));
    }
}
