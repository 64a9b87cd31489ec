//! What became of a workspace, as a patch that `git apply` takes, forwards and with `-R`.
//!
//! Reads no workspace: it knows changes, and asks for contents by their digests. Directories are left
//! out, since git knows none. Of a repository whose object ids are SHA-1, that is: a patch for binary files
//! names them.

mod binary;
mod names;
mod renames;
mod text;

use std::io::{self, Read, Write};
use std::time::Duration;

use errand_core::{Change, Digest, Node};

use binary::{BlobId, Literal};
use names::{label, quoted};
use renames::Renames;

/// Files above it are not looked into for lines, but written whole: two are held in memory.
const MAX_TEXT_BYTES: u64 = 8 << 20;
/// Time for finding out which lines are the same, in all. What is not reached is written as replaced, so
/// that no files, however they are made, keep a diff from ending.
const SEARCH_TIME: Duration = Duration::from_secs(10);

/// The contents of files, by their digests.
pub trait Contents {
    /// Opens one for reading from its start.
    ///
    /// # Errors
    /// When it is not there or can't be read.
    fn open(&self, blake3: &Digest) -> io::Result<Box<dyn Read + '_>>;
}

/// Writes a unified diff of changes that are sorted by path.
///
/// A file that moved and stayed the same is a rename. What is no text, or very large, is a binary patch
/// with the whole content of both sides. Git itself takes none of a gigabyte.
///
/// # Errors
/// When a content can't be read or has not the size that the changes say, or `out` can't be written.
pub fn write_diff(
    changes: &[Change],
    contents: &dyn Contents,
    out: &mut dyn Write,
) -> io::Result<()> {
    let renames = Renames::among(changes);
    let mut patches = Patches { contents, out, search_time: SEARCH_TIME };
    for (at, change) in changes.iter().enumerate() {
        let path = &change.path;
        match (known(&change.before), known(&change.after)) {
            (None, None) => {}
            (Some(_), None) if renames.leads_away(at) => {}
            (None, Some(new)) if let Some(source) = renames.source(at) => {
                patches.rename(&changes[source], path, new)?;
            }
            // To git these are two files that never were one.
            (Some(old), Some(new)) if is_link(old) != is_link(new) => {
                patches.patch(path, Some(old), None)?;
                patches.patch(path, None, Some(new))?;
            }
            (old, new) => patches.patch(path, old, new)?,
        }
    }
    Ok(())
}

/// A node, if it is something that git knows.
fn known(node: &Option<Node>) -> Option<&Node> {
    node.as_ref().filter(|node| node.git_mode().is_some())
}

fn is_link(node: &Node) -> bool {
    matches!(node, Node::Symlink { .. })
}

/// Writes the patches of single files.
struct Patches<'a> {
    contents: &'a dyn Contents,
    out: &'a mut dyn Write,
    search_time: Duration,
}

impl Patches<'_> {
    fn rename(&mut self, source: &Change, path: &str, new: &Node) -> io::Result<()> {
        let from = &source.path;
        writeln!(self.out, "diff --git {} {}", quoted("a/", from), quoted("b/", path))?;
        self.modes(known(&source.before), Some(new))?;
        writeln!(self.out, "similarity index 100%")?;
        writeln!(self.out, "rename from {}", quoted("", from))?;
        writeln!(self.out, "rename to {}", quoted("", path))
    }

    fn patch(&mut self, path: &str, old: Option<&Node>, new: Option<&Node>) -> io::Result<()> {
        let content_is_kept = old.map(Content::of) == new.map(Content::of);
        if content_is_kept && old.and_then(Node::git_mode) == new.and_then(Node::git_mode) {
            return Ok(());
        }
        writeln!(self.out, "diff --git {} {}", quoted("a/", path), quoted("b/", path))?;
        self.modes(old, new)?;
        if content_is_kept {
            return Ok(());
        }
        let (before, after) = (self.load(old)?, self.load(new)?);
        match (before.text(), after.text()) {
            (Some(old_text), Some(new_text)) if old_text != new_text => {
                if before.node.is_some_and(is_link) && after.node.is_some() {
                    // Nothing else says that what follows is the target of a link.
                    self.index(BlobId::of(old_text), BlobId::of(new_text), after.node)?;
                }
                writeln!(self.out, "--- {}", before.label("a/", path))?;
                writeln!(self.out, "+++ {}", after.label("b/", path))?;
                text::write_hunks(old_text, new_text, &mut self.search_time, self.out)
            }
            // One is empty and the other is not there: the mode has said all.
            (Some(_), Some(_)) => Ok(()),
            _ => self.binary(&before, &after),
        }
    }

    fn modes(&mut self, old: Option<&Node>, new: Option<&Node>) -> io::Result<()> {
        match (old.and_then(Node::git_mode), new.and_then(Node::git_mode)) {
            (None, Some(mode)) => writeln!(self.out, "new file mode {mode}"),
            (Some(mode), None) => writeln!(self.out, "deleted file mode {mode}"),
            (Some(old), Some(new)) if old != new => {
                writeln!(self.out, "old mode {old}\nnew mode {new}")
            }
            _ => Ok(()),
        }
    }

    fn binary(&mut self, before: &Side<'_>, after: &Side<'_>) -> io::Result<()> {
        let (old, new) = (before.literal(self.contents), after.literal(self.contents));
        let kept = after.node.filter(|node| before.mode() == node.git_mode());
        self.index(before.id(&old)?, after.id(&new)?, kept)?;
        writeln!(self.out, "GIT binary patch")?;
        new.write(self.out)?;
        old.write(self.out)
    }

    /// Writes the ids of both sides, and the mode where it is that of both.
    fn index(&mut self, old: BlobId, new: BlobId, kept: Option<&Node>) -> io::Result<()> {
        match kept.and_then(Node::git_mode) {
            Some(mode) => writeln!(self.out, "index {old}..{new} {mode}"),
            None => writeln!(self.out, "index {old}..{new}"),
        }
    }

    fn load<'n>(&self, node: Option<&'n Node>) -> io::Result<Side<'n>> {
        let content = match node {
            None | Some(Node::Directory) => Loaded::Held(Vec::new()),
            Some(Node::Symlink { target }) => Loaded::Held(target.clone().into_bytes()),
            Some(Node::File { size_bytes, blake3, .. }) if *size_bytes > MAX_TEXT_BYTES => {
                Loaded::Large { blake3, size_bytes: *size_bytes }
            }
            Some(Node::File { size_bytes, blake3, .. }) => {
                let mut bytes = Vec::new();
                self.contents.open(blake3)?.take(size_bytes + 1).read_to_end(&mut bytes)?;
                if bytes.len() as u64 != *size_bytes {
                    return Err(wrong_size(blake3));
                }
                Loaded::Held(bytes)
            }
        };
        Ok(Side { node, content })
    }
}

/// What a node holds, to tell whether two hold the same.
#[derive(PartialEq, Eq)]
enum Content<'a> {
    Nothing,
    File(&'a Digest),
    Target(&'a str),
}

impl<'a> Content<'a> {
    fn of(node: &'a Node) -> Self {
        match node {
            Node::Directory => Self::Nothing,
            Node::File { blake3, .. } => Self::File(blake3),
            Node::Symlink { target } => Self::Target(target),
        }
    }
}

/// One side of a patch: what is there, if anything, and its content.
struct Side<'a> {
    node: Option<&'a Node>,
    content: Loaded<'a>,
}

/// A content as far as it is in memory.
enum Loaded<'a> {
    Held(Vec<u8>),
    Large { blake3: &'a Digest, size_bytes: u64 },
}

impl Side<'_> {
    /// Returns the content if it can be compared by lines.
    fn text(&self) -> Option<&[u8]> {
        match &self.content {
            Loaded::Held(bytes) if text::is_text(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn literal<'l>(&'l self, contents: &'l dyn Contents) -> Literal<'l> {
        match &self.content {
            Loaded::Held(bytes) => Literal::Held(bytes),
            Loaded::Large { blake3, size_bytes } => {
                Literal::Stored { contents, blake3, size_bytes: *size_bytes }
            }
        }
    }

    fn id(&self, content: &Literal<'_>) -> io::Result<BlobId> {
        if self.node.is_some() { content.id() } else { Ok(BlobId::NONE) }
    }

    fn label(&self, prefix: &str, path: &str) -> String {
        if self.node.is_some() { label(prefix, path) } else { "/dev/null".into() }
    }

    fn mode(&self) -> Option<&'static str> {
        self.node.and_then(Node::git_mode)
    }
}

fn wrong_size(blake3: &Digest) -> io::Error {
    let message = format!("the content {blake3} has not the size that the changes say");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
pub(crate) mod tests;
