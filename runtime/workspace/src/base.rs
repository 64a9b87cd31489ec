//! Bases: files that many workspaces share, each content stored once.
//!
//! A base is what one archive unpacks to. Its files lie under their digests and are never written to
//! again; a workspace that starts from it gets each of them as another name of the same file. Their modes
//! let nobody write, which marks them ([`crate::Look::shared`]): a mode alone protects nothing, so it is
//! the guest's file-system host that gives the workspace a copy of its own before the first change.
//!
//! All of it can be made again from the archives. So nothing is synced, and what an earlier boot of the
//! machine left, which a loss of power may have torn, is thrown away.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::SystemTime;

use cap_fs_ext::DirExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt, OpenOptions, Permissions, PermissionsExt};
use errand_core::{Digest, Entry, Manifest, Missing, Node, Placed, Placing};
use rustix::fs::{AtFlags, Mode};
use serde::{Deserialize, Serialize};

use crate::place::{does_not_fit, too_large};
use crate::root::{Workspace, remove};
use crate::scan::open_file;
use crate::{Bounds, Exceeded, LinksOut, Quota, StartError};

/// Bases that are kept; the one that was not used for the longest goes first.
const MOST_BASES: usize = 16;
/// Bases whose entries are held in memory.
const MOST_IN_MEMORY: usize = 4;
/// The file that names the boot of the machine in which all of it was written.
const BOOT: &str = "boot";
/// What the names have in them of what is not whole yet.
const UNFINISHED: &str = ".unfinished-";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// All bases of a data directory.
#[derive(Debug)]
pub struct Bases {
    /// The content of every base, a directory a first byte of the digest.
    contents: Dir,
    /// The entries of each base.
    sets: Dir,
    /// Which archive a directory was captured in, by the state that it was in.
    sources: Dir,
    /// Held for writing while contents are taken away.
    using: RwLock<()>,
    recent: Mutex<Vec<(String, Arc<Base>)>>,
}

/// What an archive unpacks to.
#[derive(Debug)]
pub struct Base {
    /// Directories first, then what lies in the same directory together.
    entries: Vec<Shared>,
    bytes: u64,
    missing: Missing,
}

/// A base as it is kept.
#[derive(Serialize, Deserialize)]
struct Set {
    entries: Vec<Shared>,
    missing: Missing,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shared {
    #[serde(flatten)]
    entry: Entry,
    /// Of the file that has the content; nothing for what is no file.
    inode: u64,
}

impl Shared {
    /// Where it comes among the entries of a base.
    fn rank(&self) -> (bool, &str, &str) {
        let path = &self.entry.path;
        match self.entry.node {
            Node::Directory => (false, "", path),
            _ => (true, path.rsplit_once('/').map_or("", |(parent, _)| parent), path),
        }
    }
}

impl Base {
    fn new(Set { mut entries, missing }: Set) -> Self {
        entries.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let bytes = entries.iter().map(|shared| size(&shared.entry.node)).sum();
        Self { entries, bytes, missing }
    }

    /// Returns the bytes of all files, each name by itself.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Tells whether symbolic links are in it.
    pub fn has_links(&self) -> bool {
        self.entries.iter().any(|shared| matches!(shared.entry.node, Node::Symlink { .. }))
    }

    /// Returns what is in it.
    pub fn manifest(&self) -> Manifest {
        Manifest::new(self.entries.iter().map(|shared| shared.entry.clone()).collect())
    }

    /// Returns which inode has which content.
    pub(crate) fn contents(&self) -> HashMap<u64, Digest> {
        let content = |shared: &Shared| match shared.entry.node {
            Node::File { blake3, .. } => Some((shared.inode, blake3)),
            _ => None,
        };
        self.entries.iter().filter_map(content).collect()
    }
}

impl Bases {
    /// Opens the directory, making it where it is missing. It must lie on the file system of the
    /// workspaces. Everything in it belongs to bases.
    ///
    /// # Errors
    /// When it can't be made, opened or emptied.
    pub fn open(path: &Path) -> io::Result<Self> {
        Dir::create_ambient_dir_all(path, ambient_authority())?;
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let boot = boot_id();
        if boot.is_empty() || dir.read(BOOT).ok().as_ref() != Some(&boot) {
            for entry in dir.entries()? {
                remove(&dir, &entry?.file_name())?;
            }
        }
        for name in ["contents", "sets", "sources"] {
            if !dir.exists(name) {
                dir.create_dir(name)?;
            }
        }
        let contents = dir.open_dir("contents")?;
        for byte in 0..=u8::MAX {
            match contents.create_dir(format!("{byte:02x}")) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        dir.write(BOOT, boot)?;
        let sets = dir.open_dir("sets")?;
        let sources = dir.open_dir("sources")?;
        let bases =
            Self { contents, sets, sources, using: RwLock::new(()), recent: Mutex::default() };
        bases.collect_unfinished()?;
        Ok(bases)
    }

    /// Returns the archive that a directory in this state was captured in, where that is known.
    pub fn captured(&self, path: &str, state: Digest) -> Option<Digest> {
        let known = self.sources.read_to_string(name_of_source(path)).ok()?;
        let (of, archive) = known.split_once(' ')?;
        (of == state.to_string()).then(|| archive.parse().ok())?
    }

    /// Takes note of the archive that a directory in this state was captured in.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn note(&self, path: &str, state: Digest, archive: Digest) -> io::Result<()> {
        let name = name_of_source(path);
        let unfinished = unfinished(&name);
        self.sources.write(&unfinished, format!("{state} {archive}"))?;
        self.sources.rename(&unfinished, &self.sources, name)
    }

    /// Returns the base of an archive, where there is one.
    pub fn get(&self, archive: Digest, links_out: LinksOut) -> Option<Arc<Base>> {
        let name = name_of(archive, links_out);
        // That it was used says which one goes last.
        let now = cap_std::time::SystemTime::from_std(now());
        let set = self.sets.open(&name).ok()?;
        let _ = set.into_std().set_modified(now.into_std());
        if let Some(base) = self.recent().iter().find(|(known, _)| *known == name) {
            return Some(base.1.clone());
        }
        let base = Arc::new(Base::new(serde_json::from_slice(&self.sets.read(&name).ok()?).ok()?));
        self.remember(name, base.clone());
        Some(base)
    }

    /// Opens a content that a base has.
    ///
    /// # Errors
    /// When none has it.
    pub fn content(&self, blake3: &Digest) -> io::Result<std::fs::File> {
        let open = |executable| open_file(&self.contents, &content_name(blake3, executable));
        let found = open(false).or_else(|_| open(true));
        Ok(found?.0.into_std())
    }

    /// Makes what lies in a workspace, into which an archive was just unpacked, its base.
    ///
    /// The workspace shares its files with it from then on.
    ///
    /// # Errors
    /// When files can't be read or linked. The workspace is whole in any case.
    pub fn adopt(
        &self,
        workspace: &Workspace,
        archive: Digest,
        links_out: LinksOut,
        missing: Missing,
        bounds: &Bounds,
    ) -> Result<Arc<Base>, StartError> {
        let name = name_of(archive, links_out);
        let unfinished = unfinished(&name);
        let using = self.using.read();
        // While it is there, contents may lie there that no base has.
        self.sets.write(&unfinished, [])?;
        let mut entries = Vec::new();
        {
            let mut directories = vec![String::new()];
            while let Some(at) = directories.pop() {
                let dir = open_dir(&workspace.dir, &at)?;
                for entry in dir.entries()? {
                    bounds.stop.check()?;
                    let entry = entry?;
                    let Ok(name) = entry.file_name().into_string() else { continue };
                    let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
                    let kind = entry.file_type()?;
                    let (node, inode) = if kind.is_dir() {
                        directories.push(path.clone());
                        (Node::Directory, 0)
                    } else if kind.is_symlink() {
                        (Node::Symlink { target: link_text(&dir, &name)? }, 0)
                    } else {
                        self.share(&dir, &name, &workspace.parent)?
                    };
                    entries.push(Shared { entry: Entry { path, node }, inode });
                }
            }
        }
        let set = Set { entries, missing };
        self.sets.write(&unfinished, serde_json::to_vec(&set).map_err(io::Error::other)?)?;
        self.sets.rename(&unfinished, &self.sets, &name)?;
        drop(using);
        let base = Arc::new(Base::new(set));
        self.remember(name, base.clone());
        self.trim()?;
        Ok(base)
    }

    /// Makes a file of a workspace one of the contents.
    fn share(&self, dir: &Dir, name: &str, aside: &Dir) -> io::Result<(Node, u64)> {
        let (mut file, metadata) = open_file(dir, name)?;
        let executable = metadata.mode() & 0o111 != 0;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file)?;
        let blake3 = Digest::from(hasher.finalize());
        let node = Node::File { executable, size_bytes: metadata.size(), blake3 };
        let content = content_name(&blake3, executable);
        let mode = if executable { 0o555 } else { 0o444 };
        file.set_permissions(Permissions::from_mode(mode))?;
        match dir.hard_link(name, &self.contents, &content) {
            Ok(()) => return Ok((node, metadata.ino())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let inode = self.contents.symlink_metadata(&content)?.ino();
        if inode != metadata.ino() {
            let beside = format!("{content}.{:016x}", std::process::id()).replace('/', "-");
            match self.contents.hard_link(&content, aside, &beside) {
                Ok(()) => aside.rename(&beside, dir, name)?,
                // One more name than the file system allows: it stays a file of the workspace's own.
                Err(_) => file.set_permissions(Permissions::from_mode(mode | 0o200))?,
            }
        }
        Ok((node, inode))
    }

    /// Places a base in an empty workspace, counted.
    ///
    /// # Errors
    /// [`StartError::TooLarge`] where it does not fit; others where files can't be made.
    pub fn place(
        &self,
        base: &Base,
        to: &Workspace,
        quota: &Quota,
        bounds: &Bounds,
    ) -> Result<Placed, StartError> {
        let _using = self.using.read();
        if base.bytes > bounds.bytes {
            let exceeded = Exceeded { limit: "workspace_bytes", value: bounds.bytes };
            let largest = base.entries.iter().max_by_key(|shared| size(&shared.entry.node));
            return Err(too_large(exceeded, largest.map_or("", |shared| &shared.entry.path)));
        }
        let method = Placing::Shared;
        let missing = base.missing.clone();
        let mut placed = Placed { method, files: 0, shared_bytes: 0, copied_bytes: 0, missing };
        let mut places: Vec<Option<Dir>> = (0..=u8::MAX).map(|_| None).collect();
        let mut open: (&str, Dir) = ("", to.dir.try_clone()?);
        for shared in &base.entries {
            bounds.stop.check()?;
            let Entry { path, node } = &shared.entry;
            let fits = quota.add_entry().and_then(|()| quota.resize(0, size(node)));
            fits.map_err(|refused| does_not_fit(refused, path))?;
            placed.files += 1;
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            match node {
                Node::Directory => to.dir.create_dir(path)?,
                Node::Symlink { target } => to.dir.symlink_contents(target, path)?,
                Node::File { executable, size_bytes, blake3 } => {
                    if open.0 != parent {
                        open = (parent, open_dir(&to.dir, parent)?);
                    }
                    let first = blake3.as_bytes()[0];
                    let place = &mut places[usize::from(first)];
                    let from = match place {
                        Some(from) => from,
                        None => place.insert(self.contents.open_dir(format!("{first:02x}"))?),
                    };
                    let content = content_name(blake3, *executable);
                    let content = &content[3..];
                    match rustix::fs::linkat(&*from, content, &open.1, name, AtFlags::empty()) {
                        Ok(()) => placed.shared_bytes += size_bytes,
                        Err(rustix::io::Errno::MLINK) => {
                            let mode = if *executable { 0o777 } else { 0o666 };
                            copy(from, content, &open.1, name, Mode::from_raw_mode(mode))?;
                            placed.copied_bytes += size_bytes;
                        }
                        Err(error) => return Err(StartError::Io(error.into())),
                    }
                }
            }
        }
        Ok(placed)
    }

    /// Takes away the bases that were not used for the longest, and what no other one has of them.
    fn trim(&self) -> io::Result<()> {
        if self.sets.entries()?.count() <= MOST_BASES {
            return Ok(());
        }
        let _alone = self.using.write();
        let mut sets = Vec::new();
        for entry in self.sets.entries()? {
            let entry = entry?;
            sets.push((entry.metadata()?.modified()?, entry.file_name()));
        }
        sets.sort_unstable_by(|a, b| b.cmp(a));
        for (_, name) in sets.drain(MOST_BASES.min(sets.len())..) {
            self.forget(&name)?;
        }
        self.sweep()
    }

    /// Takes away the contents that no base has. Nobody else may use any.
    fn sweep(&self) -> io::Result<()> {
        let mut used = HashSet::new();
        for entry in self.sets.entries()? {
            let name = entry?.file_name();
            let set = serde_json::from_slice::<Set>(&self.sets.read(&name)?);
            let set = match set {
                Ok(set) if !name.to_string_lossy().contains(UNFINISHED) => set,
                // It was never finished, or nobody can read it any more.
                _ => {
                    self.forget(&name)?;
                    continue;
                }
            };
            used.extend(set.entries.iter().filter_map(|shared| match &shared.entry.node {
                Node::File { executable, blake3, .. } => Some(content_name(blake3, *executable)),
                _ => None,
            }));
        }
        for first in 0..=u8::MAX {
            let place = self.contents.open_dir(format!("{first:02x}"))?;
            for entry in place.entries()? {
                let name = entry?.file_name();
                let content = format!("{first:02x}/{}", name.to_string_lossy());
                if !used.contains(&content) {
                    place.remove_file(name)?;
                }
            }
        }
        Ok(())
    }

    /// Takes away what an earlier process began and did not finish.
    fn collect_unfinished(&self) -> io::Result<()> {
        let mut swept = false;
        for dir in [&self.sets, &self.sources] {
            for entry in dir.entries()? {
                let name = entry?.file_name();
                if name.to_string_lossy().contains(UNFINISHED) {
                    dir.remove_file(name)?;
                    swept = true;
                }
            }
        }
        if swept { self.sweep() } else { Ok(()) }
    }

    fn forget(&self, name: &OsStr) -> io::Result<()> {
        self.recent().retain(|(known, _)| name != known.as_str());
        self.sets.remove_file(name)
    }

    fn remember(&self, name: String, base: Arc<Base>) {
        let mut recent = self.recent();
        recent.retain(|(known, _)| *known != name);
        recent.insert(0, (name, base));
        recent.truncate(MOST_IN_MEMORY);
    }

    fn recent(&self) -> MutexGuard<'_, Vec<(String, Arc<Base>)>> {
        self.recent.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// Opens a directory of a workspace by its path, following no link.
pub(crate) fn open_dir(root: &Dir, path: &str) -> io::Result<Dir> {
    let mut dir = root.try_clone()?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        dir = dir.open_dir_nofollow(part)?;
    }
    Ok(dir)
}

/// Returns what a symbolic link says.
pub(crate) fn link_text(dir: &Dir, name: &str) -> io::Result<String> {
    let target = dir.read_link_contents(name)?;
    let text = target.into_os_string().into_string();
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a link that is not UTF-8"))
}

fn copy(from: &Dir, content: &str, to: &Dir, name: &str, mode: Mode) -> io::Result<()> {
    use cap_std::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode.as_raw_mode());
    io::copy(&mut from.open(content)?, &mut to.open_with(name, &options)?).map(drop)
}

fn size(node: &Node) -> u64 {
    match node {
        Node::File { size_bytes, .. } => *size_bytes,
        Node::Directory | Node::Symlink { .. } => 0,
    }
}

/// Where a content lies. Two files that differ in their mode alone can't be one.
fn content_name(blake3: &Digest, executable: bool) -> String {
    let (hex, first) = (blake3.to_string(), blake3.as_bytes()[0]);
    format!("{first:02x}/{}{}", &hex[2..], if executable { ".x" } else { "" })
}

/// A name for what is not whole yet, that nobody else has.
fn unfinished(name: &str) -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{name}{UNFINISHED}{:016x}", LAST.fetch_add(1, Ordering::Relaxed))
}

fn name_of_source(path: &str) -> String {
    Digest::of(path.as_bytes()).to_string()
}

fn name_of(archive: Digest, links_out: LinksOut) -> String {
    match links_out {
        LinksOut::Refused => archive.to_string(),
        LinksOut::Kept => format!("{archive}.links-out"),
    }
}

#[expect(clippy::disallowed_methods, reason = "what the system says of itself is no workspace's")]
fn boot_id() -> Vec<u8> {
    std::fs::read(BOOT_ID).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the times of files are the system's")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests;
