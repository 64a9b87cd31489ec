//! A directory of the host as a workspace would start from it: what is in it, and what is left out.
//!
//! Everything is opened beneath a handle of the directory, links are never followed, and nothing but
//! names and sizes is read here. What is found is in one order whatever the file system says, so that
//! the same files are always packed the same.

use std::io;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, DirEntry, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use errand_core::{Digest, UnixMillis};

use crate::allowed::Directory;
use crate::ignored::Ignored;
use crate::root::NONBLOCK;
use crate::start::{MAX_DEPTH, shown};
use crate::tally::{MAX_COUNTED, Tally};
use crate::{Bounds, StartError};

/// Never part of a workspace: what is in it is git's own, hooks and credentials included.
const GIT: &str = ".git";

/// What is in a directory, parents before what they hold.
#[derive(Debug)]
pub struct Scan {
    pub(crate) dir: Dir,
    pub(crate) entries: Vec<Entry>,
    bytes: u64,
    state: State,
}

/// What tells whether anything in a directory was changed, short of reading it.
#[derive(Debug, Default)]
struct State {
    hasher: blake3::Hasher,
    /// When anything of it was changed last, in seconds.
    newest_s: i64,
}

/// Something in a directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

/// What it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Link { target: String },
}

impl Scan {
    /// Looks through a directory, leaving out `.git` and what its `.gitignore` files name.
    ///
    /// # Errors
    /// [`StartError::TooLarge`] naming what takes the room, [`StartError::Refused`] naming what a
    /// workspace can't hold.
    pub fn of(directory: Directory, bounds: &Bounds) -> Result<Self, StartError> {
        let mut walk = Walk {
            bounds,
            ignored: Ignored::default(),
            tally: Tally::default(),
            entries: Vec::new(),
            state: State::default(),
            exceeded: None,
        };
        walk.directory(&directory.0, "", 0)?;
        match walk.exceeded {
            Some(exceeded) => Err(walk.tally.too_large(exceeded)),
            None => {
                let bytes = walk.tally.bytes();
                Ok(Self { dir: directory.0, entries: walk.entries, bytes, state: walk.state })
            }
        }
    }

    /// Takes something as it was listed.
    pub(crate) fn found(dir: Dir, entries: Vec<Entry>) -> Self {
        Self { dir, entries, bytes: 0, state: State::default() }
    }

    /// Names the state that the directory was found in: another one has another name.
    ///
    /// Nothing where it was changed so shortly before `now` that times may not tell the next change.
    pub fn state(&self, now: UnixMillis) -> Option<Digest> {
        const QUIET_S: i64 = 2;
        let now_s = i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX);
        (self.state.newest_s.saturating_add(QUIET_S) < now_s)
            .then(|| self.state.hasher.finalize().into())
    }

    /// Returns the bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns how many files, directories and links there are.
    pub fn files(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether a path, relative to the directory, is among what was found.
    pub fn has(&self, path: &str) -> bool {
        self.entries.iter().any(|entry| entry.path == path)
    }

    /// Leaves out the links that say that they lead out of the directory; returns their paths.
    pub fn leave_out_links_out(&mut self) -> Vec<String> {
        let mut left_out = Vec::new();
        self.entries.retain(|entry| match &entry.kind {
            Kind::Link { target } if crate::start::leads_out(&entry.path, target) => {
                left_out.push(entry.path.clone());
                false
            }
            _ => true,
        });
        left_out
    }
}

impl State {
    fn add(&mut self, path: &str, metadata: &Metadata) {
        self.hasher.update(path.as_bytes());
        self.hasher.update(&[0]);
        // A directory is what is in it.
        if metadata.is_dir() {
            return;
        }
        self.newest_s = self.newest_s.max(metadata.ctime());
        let (ctime, mtime) = (metadata.ctime_nsec(), metadata.mtime_nsec());
        for number in [metadata.ctime(), ctime, metadata.mtime(), mtime] {
            self.hasher.update(&number.to_le_bytes());
        }
        let mode = u64::from(metadata.mode());
        for number in [metadata.dev(), metadata.ino(), metadata.size(), mode] {
            self.hasher.update(&number.to_le_bytes());
        }
    }
}

struct Walk<'a> {
    bounds: &'a Bounds,
    ignored: Ignored,
    tally: Tally,
    entries: Vec<Entry>,
    state: State,
    exceeded: Option<crate::Exceeded>,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Dir, at: &str, depth: usize) -> Result<(), StartError> {
        let unreadable = |error: io::Error| {
            let at = if at.is_empty() { "." } else { at };
            StartError::Refused(format!("read `{}`: {error}", shown(at)))
        };
        let has_rules = self.ignored.enter(dir, at)?;
        let mut names = Vec::new();
        for entry in dir.entries().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_name() != GIT {
                names.push((entry.file_name(), entry));
            }
            // As many are too many, whichever they are.
            if names.len() as u64 > MAX_COUNTED {
                break;
            }
        }
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, entry) in names {
            self.bounds.stop.check()?;
            if self.exceeded.is_some() && self.tally.is_enough() {
                break;
            }
            let path = match name.to_str() {
                Some(name) if at.is_empty() => name.to_owned(),
                Some(name) => format!("{at}/{name}"),
                None => {
                    let name = shown(&format!("{at}/{}", name.to_string_lossy()));
                    return Err(StartError::Refused(format!(
                        "the name `{name}` is not UTF-8, which a task can't see; rename it"
                    )));
                }
            };
            self.entry(dir, &entry, path, depth)?;
        }
        if has_rules {
            self.ignored.leave();
        }
        Ok(())
    }

    fn entry(
        &mut self,
        dir: &Dir,
        entry: &DirEntry,
        path: String,
        depth: usize,
    ) -> Result<(), StartError> {
        let refused = |what: String| StartError::Refused(format!("`{}` {what}", shown(&path)));
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Removed since its directory was read.
            Err(error) if gone(&error) => return Ok(()),
            Err(error) => return Err(refused(format!("can't be looked at: {error}"))),
        };
        if self.ignored.has(&path, metadata.is_dir()) {
            return Ok(());
        }
        let kind = if metadata.is_dir() {
            Kind::Directory
        } else if metadata.is_symlink() {
            let target = match dir.read_link_contents(entry.file_name()) {
                Ok(target) => target,
                Err(error) if gone(&error) => return Ok(()),
                Err(error) => return Err(refused(format!("can't be looked at: {error}"))),
            };
            match target.into_os_string().into_string() {
                Ok(target) => Kind::Link { target },
                Err(_) => return Err(refused("is a link to a name that is not UTF-8".into())),
            }
        } else if metadata.is_file() {
            Kind::File
        } else {
            let what =
                "is neither a file, a directory nor a link; leave it out with a `.gitignore`";
            return Err(refused(what.into()));
        };
        let bytes = if kind == Kind::File { metadata.size() } else { 0 };
        self.tally.add(&path, bytes);
        self.exceeded = self.exceeded.or_else(|| self.tally.exceeds(self.bounds));
        let inner = match kind {
            Kind::Directory if depth + 1 >= MAX_DEPTH => {
                return Err(refused(format!("is nested deeper than {MAX_DEPTH} directories")));
            }
            Kind::Directory => match dir.open_dir_nofollow(entry.file_name()) {
                Ok(inner) => Some(inner),
                Err(error) if gone(&error) => return Ok(()),
                Err(error) => return Err(refused(format!("can't be opened: {error}"))),
            },
            _ => None,
        };
        // Of what is too large, only the weights are wanted.
        if self.exceeded.is_none() {
            self.state.add(&path, &metadata);
            self.entries.push(Entry { path: path.clone(), kind });
        }
        match inner {
            Some(inner) => self.directory(&inner, &path, depth + 1),
            None => Ok(()),
        }
    }
}

/// Opens a regular file for reading, not following a link, and returns its metadata.
pub(crate) fn open_file(
    dir: &Dir,
    path: &str,
) -> io::Result<(cap_std::fs::File, cap_std::fs::Metadata)> {
    let mut options = OpenOptions::new();
    // Not to wait for a writer where it has become a named pipe.
    options.read(true).follow(FollowSymlinks::No).custom_flags(NONBLOCK);
    let file = dir.open_with(path, &options)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"))
    }
}
