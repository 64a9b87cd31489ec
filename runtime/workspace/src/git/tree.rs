//! What a commit has in it, as names and ids; nothing of contents is read.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use super::names::{MAX_PATH_BYTES, SparsePaths, parents, why_no_path};
use super::objects::{CommitId, ObjectId};
use super::process::Running;
use super::repository::Repository;
use crate::start::shown;
use crate::tally::Tally;
use crate::{Bounds, StartError};

/// What a line may have: the longest path that is taken, and one that is longer to be refused by name.
const MAX_LINE_BYTES: u64 = 2 * MAX_PATH_BYTES as u64;
/// What a system call takes for the target of a link.
const MAX_TARGET_BYTES: u64 = 4_095;

/// What a commit has in it, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    entries: Vec<TreeEntry>,
    bytes: u64,
}

/// One name in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Relative to the top, with `/` between its parts.
    pub path: String,
    /// What has this name.
    pub node: TreeNode,
}

/// What can have a name in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeNode {
    /// A directory, which git knows by what is in it.
    Directory,
    /// A regular file.
    File {
        /// Whether it can be executed.
        executable: bool,
        /// Its size.
        size_bytes: u64,
        /// Of its content.
        id: ObjectId,
    },
    /// A symbolic link.
    Link {
        /// How long its target is.
        size_bytes: u64,
        /// Of its target.
        id: ObjectId,
    },
    /// Another repository's commit, of which a workspace has an empty directory alone.
    Submodule {
        /// The commit there.
        commit: ObjectId,
    },
}

impl Tree {
    /// Returns the entries, sorted by path, so that directories come before what they hold.
    pub fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    /// Returns the bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the paths of submodules, which are empty directories in a workspace.
    pub fn submodules(&self) -> impl Iterator<Item = &str> {
        let is_one = |entry: &&TreeEntry| matches!(entry.node, TreeNode::Submodule { .. });
        self.entries.iter().filter(is_one).map(|entry| entry.path.as_str())
    }
}

impl Repository {
    /// Returns what a commit has in it.
    ///
    /// # Errors
    /// [`StartError::TooLarge`] naming what takes the room, [`StartError::Refused`] naming what a
    /// workspace can't hold, or a wanted path that is not in it.
    pub fn tree(
        &self,
        commit: &CommitId,
        sparse: &SparsePaths,
        bounds: &Bounds,
    ) -> Result<Tree, StartError> {
        let mut listing = Listing { nodes: BTreeMap::new(), tally: Tally::default(), bounds };
        let mut running = self.list(commit, sparse, bounds)?;
        while let Some(line) = next_line(&mut running)? {
            listing.add(&line)?;
        }
        let (success, complaint) = running.finish()?;
        if !success {
            return Err(complaint.refusal("ls-tree"));
        }
        for path in sparse.paths() {
            if !listing.nodes.contains_key(path) {
                let path = shown(path);
                return Err(StartError::Refused(format!("the path `{path}` is not in the commit")));
            }
        }
        let bytes = listing.tally.bytes();
        let entry = |(path, node)| TreeEntry { path, node };
        Ok(Tree { entries: listing.nodes.into_iter().map(entry).collect(), bytes })
    }

    fn list(
        &self,
        commit: &CommitId,
        sparse: &SparsePaths,
        bounds: &Bounds,
    ) -> Result<Running, StartError> {
        let call = self.objects_in(&self.scratch, &bounds.stop)?.without_wall();
        let call =
            call.args(&["ls-tree", "-r", "-z", "--long", "--full-tree", commit.as_str(), "--"]);
        let mut running =
            sparse.paths().iter().fold(call, super::process::Call::arg).start(&bounds.stop)?;
        running.close_input();
        Ok(running)
    }

    /// Returns the paths of a commit's submodules, however many files it has.
    pub(super) fn submodules(
        &self,
        commit: &CommitId,
        bounds: &Bounds,
    ) -> Result<Vec<String>, StartError> {
        let mut running = self.list(commit, &SparsePaths::default(), bounds)?;
        let mut found = Vec::new();
        while let Some(line) = next_line(&mut running)? {
            if let Some((said, path)) = parted(&line)
                && said.starts_with(b"160000 ")
            {
                found.push(String::from_utf8_lossy(path).into_owned());
            }
        }
        match running.finish()? {
            (true, _) => Ok(found),
            (false, complaint) => Err(complaint.refusal("ls-tree")),
        }
    }
}

/// Returns what a line says of a path, and the path.
fn parted(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    Some((&line[..tab], &line[tab + 1..]))
}

/// Returns the next line of a listing without its end; nothing at the end.
fn next_line(running: &mut Running) -> Result<Option<Vec<u8>>, StartError> {
    let mut line = Vec::new();
    let read = running.output().take(MAX_LINE_BYTES).read_until(0, &mut line);
    running.check()?;
    if read? == 0 {
        return Ok(None);
    }
    if line.pop() != Some(0) {
        let path = shown(&String::from_utf8_lossy(&line));
        return Err(StartError::Refused(format!(
            "the commit has a path that is too long: `{path}`"
        )));
    }
    Ok(Some(line))
}

struct Listing<'a> {
    nodes: BTreeMap<String, TreeNode>,
    tally: Tally,
    bounds: &'a Bounds,
}

impl Listing<'_> {
    fn add(&mut self, line: &[u8]) -> Result<(), StartError> {
        self.bounds.stop.check()?;
        let unread = || StartError::refused("`git ls-tree` says what can't be read here");
        let (said, path) = parted(line).ok_or_else(unread)?;
        let path = match str::from_utf8(path) {
            Ok(path) => path,
            Err(_) => {
                let path = shown(&String::from_utf8_lossy(path));
                return Err(StartError::Refused(format!(
                    "the name `{path}` in the commit is not UTF-8, which a task can't see"
                )));
            }
        };
        let refused =
            |why: &str| StartError::Refused(format!("`{}` in the commit {why}", shown(path)));
        if let Some(why) = why_no_path(path) {
            return Err(refused(why));
        }
        let said = str::from_utf8(said).map_err(|_| unread())?;
        let [mode, _, id, size] = said.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
            return Err(unread());
        };
        let id: ObjectId = id.parse().map_err(|_| unread())?;
        if mode == "160000" {
            return self.put(path, TreeNode::Submodule { commit: id }, 0);
        }
        let missing = || {
            refused("is not in the repository, which seems to be a partial clone: fetch it first")
        };
        let size_bytes = size.parse().map_err(|_| missing())?;
        match mode {
            "100644" | "100664" | "100755" => {
                let executable = mode == "100755";
                self.put(path, TreeNode::File { executable, size_bytes, id }, size_bytes)
            }
            "120000" if size_bytes > MAX_TARGET_BYTES => {
                Err(refused("is a link to a name that is too long"))
            }
            "120000" => self.put(path, TreeNode::Link { size_bytes, id }, 0),
            _ => Err(refused("is of a kind that is not known here")),
        }
    }

    fn put(&mut self, path: &str, node: TreeNode, bytes: u64) -> Result<(), StartError> {
        let twice = |path: &str| {
            let path = shown(path);
            StartError::Refused(format!("the commit is damaged: `{path}` is in it twice"))
        };
        // What is known of the innermost is known of all around it.
        let new = parents(path).rev().take_while(|dir| !self.nodes.contains_key(*dir));
        let new: Vec<&str> = new.collect();
        let around = parents(path).nth_back(new.len());
        if around.is_some_and(|dir| self.nodes.get(dir) != Some(&TreeNode::Directory)) {
            return Err(twice(around.unwrap_or(path)));
        }
        for dir in new.into_iter().rev() {
            self.count(dir, 0)?;
            self.nodes.insert(dir.to_owned(), TreeNode::Directory);
        }
        self.count(path, bytes)?;
        match self.nodes.insert(path.to_owned(), node) {
            None => Ok(()),
            Some(_) => Err(twice(path)),
        }
    }

    fn count(&mut self, path: &str, bytes: u64) -> Result<(), StartError> {
        self.tally.add(path, bytes);
        // It is as large as listed so far: the rest is not looked at.
        match self.tally.exceeds(self.bounds) {
            Some(exceeded) => Err(self.tally.commit_too_large(exceeded)),
            None => Ok(()),
        }
    }
}
