//! What objects say: one process that is asked for one after another.

use std::io::{self, BufRead, Read};

use super::objects::ObjectId;
use super::process::Running;
use super::repository::Repository;
use super::tree::{Tree, TreeNode};
use crate::place::{Copying, Placer};
use crate::start::shown;
use crate::{Bounds, Quota, StartError, StopFlag, Workspace};

/// What the line before a content may have: an id, a kind, a size.
const MAX_HEADER_BYTES: u64 = 256;
/// What the specification of git-lfs allows for a pointer.
const MAX_POINTER_BYTES: u64 = 1_024;
/// How such a pointer begins.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Reads objects of a repository.
#[derive(Debug)]
pub struct Contents {
    running: Running,
    /// Bytes of the last content that were not read, and the line end after it.
    left_bytes: u64,
}

/// One object's content, read as it was asked for. What is not read is passed over.
#[derive(Debug)]
pub struct Content<'a> {
    of: &'a mut Contents,
    size_bytes: u64,
}

/// What a person should know of a workspace that was made from a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placed {
    /// Submodules, which are empty directories.
    pub submodules: Vec<String>,
    /// Files that are kept elsewhere by git-lfs: the workspace has the pointers to them.
    pub lfs_pointers: Vec<String>,
}

/// Tells whether a content says of another one where git-lfs keeps it.
pub fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() as u64 <= MAX_POINTER_BYTES && content.starts_with(POINTER)
}

impl Repository {
    /// Opens its objects for reading.
    ///
    /// # Errors
    /// When git can't be started.
    pub fn contents(&self, stop: &StopFlag) -> Result<Contents, StartError> {
        let call = self.objects_in(&self.scratch, stop)?.without_wall();
        let running = call.args(&["cat-file", "--batch"]).start(stop)?;
        Ok(Contents { running, left_bytes: 0 })
    }

    /// Fills a workspace with what a commit has in it, counted.
    ///
    /// The bytes are the commit's: neither line ends nor filters change them.
    ///
    /// # Errors
    /// [`StartError::Refused`] naming what can't be read, and when the workspace can't be written.
    pub fn copy_to(
        &self,
        tree: &Tree,
        to: &Workspace,
        quota: &Quota,
        bounds: &Bounds,
    ) -> Result<Placed, StartError> {
        let mut contents = self.contents(&bounds.stop)?;
        let mut placer = Placer::new(to, quota, bounds);
        let mut placed = Placed::default();
        for entry in tree.entries() {
            let path = &entry.path;
            match &entry.node {
                TreeNode::Directory => placer.directory(path)?,
                TreeNode::Submodule { .. } => {
                    placer.directory(path)?;
                    placed.submodules.push(path.clone());
                }
                TreeNode::Link { id, .. } => placer.link(path, &contents.target(path, id)?)?,
                TreeNode::File { executable, size_bytes, id } => {
                    let mut content = contents.open(id)?;
                    let copied = if content.size_bytes() <= MAX_POINTER_BYTES {
                        let small = content.whole()?;
                        if is_lfs_pointer(&small) {
                            placed.lfs_pointers.push(path.clone());
                        }
                        placer.file(path, *executable, &mut small.as_slice())
                    } else {
                        placer.file(path, *executable, &mut content)
                    };
                    let copied = copied.map_err(|error| match error {
                        Copying::Reading(_) => contents.running.broken(),
                        Copying::Writing(error) => error,
                    })?;
                    if copied != *size_bytes {
                        return Err(StartError::Changed(shown(path)));
                    }
                }
            }
        }
        Ok(placed)
    }
}

impl Contents {
    /// Asks for the content of a file or the target of a link.
    ///
    /// # Errors
    /// [`StartError::Refused`] where the repository has no such object.
    pub fn open(&mut self, id: &ObjectId) -> Result<Content<'_>, StartError> {
        match self.ask(id) {
            Ok(size_bytes) => Ok(Content { of: self, size_bytes }),
            Err(StartError::Io(_)) => Err(self.running.broken()),
            Err(other) => Err(other),
        }
    }

    /// Returns how long the content is that comes next.
    fn ask(&mut self, id: &ObjectId) -> Result<u64, StartError> {
        let passed = io::copy(&mut self.running.output().take(self.left_bytes), &mut io::sink())?;
        if passed < self.left_bytes {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.left_bytes = 0;
        self.running.write(format!("{id}\n").as_bytes())?;
        let mut header = String::new();
        self.running.output().take(MAX_HEADER_BYTES).read_line(&mut header)?;
        let refused = |what: &str| StartError::Refused(format!("the object {id} {what}"));
        match header.split_ascii_whitespace().collect::<Vec<_>>()[..] {
            [_, "blob", size] => {
                let size_bytes: u64 = size.parse().map_err(|_| refused("has no size"))?;
                self.left_bytes = size_bytes + 1;
                Ok(size_bytes)
            }
            [_, "missing"] => Err(refused(
                "is not in the repository, which seems to be a partial clone: fetch it first",
            )),
            [_, _, size] => {
                self.left_bytes = size.parse().map_or(0, |size: u64| size + 1);
                Err(refused("is neither a file nor a link"))
            }
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Reads the target of a link.
    ///
    /// # Errors
    /// [`StartError::Refused`] where no link could say it.
    pub fn target(&mut self, path: &str, id: &ObjectId) -> Result<String, StartError> {
        let content = self.open(id)?.whole()?;
        match String::from_utf8(content) {
            Ok(target) if !target.is_empty() && !target.contains('\0') => Ok(target),
            _ => {
                let path = shown(path);
                Err(StartError::Refused(format!(
                    "`{path}` in the commit is a link to what is no name in UTF-8"
                )))
            }
        }
    }
}

impl Content<'_> {
    /// Returns how long it is.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn whole(mut self) -> Result<Vec<u8>, StartError> {
        let mut content = Vec::new();
        match self.read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(_) => Err(self.of.running.broken()),
        }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The line end after it is not part of it.
        let left = self.of.left_bytes.saturating_sub(1);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let read = self.of.running.output().take(left).read(buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.of.left_bytes -= read as u64;
        Ok(read)
    }
}
