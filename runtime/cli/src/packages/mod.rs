//! Python packages for a program: found by what the person has (`uv` or `pip`), checked, and kept by content.
//!
//! All of it happens on the person's machine and ends in a directory; the sandbox gets that to read, and the
//! server an archive of it, of which neither knows that it is Python. What was chosen for some requirements
//! stays chosen until somebody asks for it anew: the notes in `locks/` say which wheels, by their hashes.

#![expect(clippy::disallowed_methods, reason = "it owns the cache of packages")]

mod failed;
mod pin;
mod process;
mod requirement;
mod script;
mod tool;
mod tree;

use std::fs;
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use errand_core::Digest;
use errand_workspace::{Bounds, Directory, Scan};
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::errors::{CommandError, Result};
use crate::output;
use pin::Pin;
use script::Script;
use tool::Tool;

/// The version of the sandbox's Python.
const PYTHON: [u64; 3] = [3, 14, 0];
/// Where a program sees its packages.
pub(crate) const PATH: &str = "/packages";
/// Directories of packages that are kept.
const MOST_KEPT: usize = 32;
/// A directory that was used so recently may be in use.
const IN_USE: Duration = Duration::from_secs(24 * 3_600);

/// The options that say which packages a program needs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PackageArgs {
    /// A pure-Python package that the program can import, such as `rich` or `rich>=13`; repeatable
    #[arg(long = "with", value_name = "NAME", allow_hyphen_values = true)]
    with: Vec<String>,
    /// Choose the versions of packages anew
    #[arg(long)]
    refresh: bool,
}

/// Packages, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packages {
    directory: PathBuf,
}

/// What was chosen for some requirements.
#[derive(Debug, Serialize, Deserialize)]
struct Lock {
    requirements: Vec<String>,
    packages: Vec<Pin>,
    /// What the archive of it is.
    archive: Digest,
}

impl PackageArgs {
    /// Tells whether packages are asked for.
    pub(crate) fn is_given(&self) -> bool {
        !self.with.is_empty()
    }

    /// Finds what was asked for, and what a program itself says that it needs; nothing where neither says
    /// anything.
    pub(crate) fn find(&self, source: Option<&str>) -> Result<Option<Packages>> {
        let script = source.map(Script::read).transpose()?.unwrap_or_default();
        if let Some(requires) = &script.requires_python {
            requirement::check_python(requires)?;
        }
        let all: Vec<String> = self.with.iter().chain(&script.dependencies).cloned().collect();
        if all.is_empty() {
            return Ok(None);
        }
        let requirements = requirement::check(&all)?;
        let cache = Cache::open()?;
        cache.packages(&requirements, self.refresh).map(Some)
    }
}

impl Packages {
    /// Opens their directory.
    pub(crate) fn open(&self) -> Result<File> {
        Ok(File::open(&self.directory).map_err(|error| self.unreadable(error))?)
    }

    /// Packs them into a file without a name. The same packages make the same bytes.
    pub(crate) fn pack(&self) -> Result<File> {
        let pack = || {
            let mut archive = tempfile::tempfile()?;
            pack(&self.directory, io::BufWriter::new(&mut archive))?;
            archive.rewind()?;
            Ok(archive)
        };
        Ok(pack().map_err(|error| self.unreadable(error))?)
    }

    fn unreadable(&self, error: io::Error) -> anyhow::Error {
        anyhow::Error::from(error).context(format!("read `{}`", self.directory.display()))
    }
}

/// What was found before.
struct Cache {
    locks: PathBuf,
    trees: PathBuf,
}

impl Cache {
    /// Opens the cache, making it for its owner alone where it is missing.
    fn open() -> Result<Self> {
        let root = etcetera::base_strategy::choose_native_strategy()
            .map_err(|_| {
                CommandError::usage("find the platform's cache directory: there is no home")
            })?
            .cache_dir()
            .join("errand/packages");
        let cache = Self { locks: root.join("locks"), trees: root.join("trees") };
        for directory in [&cache.locks, &cache.trees] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(
                |error| {
                    CommandError::refused(format_args!(
                        "make the cache directory `{}`: {error}",
                        directory.display()
                    ))
                },
            )?;
        }
        Ok(cache)
    }

    /// Returns the packages that some requirements come to.
    fn packages(&self, requirements: &[String], refresh: bool) -> Result<Packages> {
        let note = self.locks.join(format!("{}.json", key(requirements)?));
        let known = match refresh {
            true => None,
            false => Lock::read(&note),
        };
        if let Some(lock) = &known {
            let directory = self.tree(lock.archive);
            if directory.is_dir() {
                touch(&directory);
                return Ok(Packages { directory });
            }
        }
        let scratch = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&self.trees);
        let scratch = scratch.map_err(anyhow::Error::from)?;
        let tool = Tool::find(scratch.path())?;
        if output::stderr_is_terminal() {
            output::note("getting packages …");
        }
        let pins = match known {
            // What was chosen then is what is got now.
            Some(lock) => lock.packages,
            None => tool.resolve(requirements, scratch.path())?,
        };
        let unpacked = scratch.path().join("tree");
        fs::create_dir(&unpacked).map_err(anyhow::Error::from)?;
        if !pins.is_empty() {
            tool.install(&pins, &unpacked, scratch.path())?;
        }
        tree::settle(&unpacked, &pins)?;
        let archive = self.keep(&unpacked)?;
        Lock { requirements: requirements.to_vec(), packages: pins, archive }.write(&note)?;
        self.trim();
        Ok(Packages { directory: self.tree(archive) })
    }

    fn tree(&self, archive: Digest) -> PathBuf {
        self.trees.join(archive.to_string())
    }

    /// Keeps a directory under what its archive is.
    fn keep(&self, unpacked: &Path) -> Result<Digest> {
        let mut hasher = blake3::Hasher::new();
        let mut keep = || {
            pack(unpacked, &mut hasher)?;
            let archive = Digest::from(hasher.finalize());
            match fs::rename(unpacked, self.tree(archive)) {
                // Somebody else has made the same.
                Err(_) if self.tree(archive).is_dir() => {}
                renamed => renamed?,
            }
            Ok::<_, io::Error>(archive)
        };
        let archive =
            keep().map_err(|error| anyhow::Error::from(error).context("keep packages"))?;
        touch(&self.tree(archive));
        Ok(archive)
    }

    /// Takes away what was not used for the longest. What can't be removed stays for the next time.
    fn trim(&self) {
        let mut trees = Vec::new();
        for entry in fs::read_dir(&self.trees).into_iter().flatten().flatten() {
            let used = entry.metadata().and_then(|metadata| metadata.modified());
            if let Ok(used) = used {
                let is_left_over = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
                trees.push((used, is_left_over, entry.path()));
            }
        }
        trees.sort_unstable_by(|a, b| b.cmp(a));
        for (at, (used, is_left_over, path)) in trees.iter().enumerate() {
            let is_old = used.elapsed().is_ok_and(|age| age > IN_USE);
            if is_old && (*is_left_over || at >= MOST_KEPT) {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// What names begin with of what is not whole yet.
const UNFINISHED: &str = ".unfinished-";

impl Lock {
    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    fn write(&self, path: &Path) -> Result<()> {
        let write = || {
            let directory = path.parent().unwrap_or(Path::new("."));
            let unfinished = tempfile::NamedTempFile::new_in(directory)?;
            serde_json::to_writer_pretty(unfinished.as_file(), self)?;
            unfinished.persist(path)?;
            Ok::<_, anyhow::Error>(())
        };
        Ok(write().map_err(|error| error.context("note which packages were chosen"))?)
    }
}

/// Names what some requirements come to here: with other indexes, they may come to something else.
fn key(requirements: &[String]) -> Result<Digest> {
    let mut settings: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ["UV_", "PIP_"].iter().any(|of| name.starts_with(of)))
        .collect();
    settings.sort();
    let known = serde_json::to_vec(&(1, requirements, PYTHON, settings));
    Ok(Digest::of(&known.map_err(anyhow::Error::from)?))
}

/// Writes the archive of a directory of packages.
fn pack(directory: &Path, out: impl io::Write) -> io::Result<()> {
    let bounds = Bounds { files: tree::MOST_FILES, ..Bounds::of_bytes(tree::MOST_BYTES) };
    let scan = Scan::of(Directory::open(directory)?, &bounds).map_err(io::Error::other)?;
    scan.pack(out, &bounds).map_err(io::Error::other)
}

/// Notes that a directory was used; where that can't be noted, it is made again one day.
fn touch(directory: &Path) {
    #[expect(clippy::disallowed_methods, reason = "the times of files are the system's")]
    let now = std::time::SystemTime::now();
    if let Ok(directory) = File::open(directory) {
        let _ = directory.set_modified(now);
    }
}
