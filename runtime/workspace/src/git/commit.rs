//! What a task changed, as a commit on a branch of its own.

use std::io::{self, Read};

use errand_core::{Change, Digest, Node, UnixMillis};

use super::names::{parents, why_no_path, why_no_reference};
use super::objects::CommitId;
use super::process::{Call, Running};
use super::repository::Repository;
use super::scratch::Scratch;
use crate::start::shown;
use crate::{Bounds, StartError, StopFlag};

/// How much of a content is held in memory.
const COPY_BYTES: usize = 256 << 10;
/// The branch in our own directory that git imports to.
const IMPORTED: &str = "refs/heads/imported";

/// A commit to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewCommit<'a> {
    /// What the changes are changes of: the parent.
    pub base: &'a CommitId,
    /// The branch that is made for it.
    pub branch: &'a str,
    /// What became of the base.
    pub changes: &'a [Change],
    /// What a person reads.
    pub message: &'a str,
    /// Who made it, and when.
    pub author: &'a Author,
}

/// Who makes a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// A name.
    pub name: String,
    /// An address.
    pub email: String,
    /// The time that the commit says.
    pub at: UnixMillis,
}

impl Repository {
    /// Makes a commit on a new branch. Neither a work tree nor an index nor HEAD changes.
    ///
    /// Git knows no directories: empty ones that were made or removed are not in it.
    ///
    /// # Errors
    /// [`StartError::Refused`] where the branch exists or can't be called so, nothing that git keeps was
    /// changed, or a change is in a submodule; [`StartError::Changed`] where a content is not as long as
    /// its change says; [`StartError::Io`] where it can't be read.
    pub fn commit_changes<R: Read>(
        &self,
        new: &NewCommit<'_>,
        contents: impl Fn(&Digest) -> io::Result<R>,
        bounds: &Bounds,
    ) -> Result<CommitId, StartError> {
        let stop = &bounds.stop;
        let branch = self.free_branch(new.branch, stop)?;
        let author = new.author.line()?;
        if new.message.contains('\0') {
            return Err(StartError::refused("the message has a NUL in it"));
        }
        self.check_changes(new, bounds)?;
        let scratch = Scratch::create(&self.git)?;
        scratch.fill(self.format, None)?;
        let call = self.objects_in(&scratch, stop)?.without_wall();
        let call = call.args(&["fast-import", "--quiet", "--date-format=raw", "--done"]);
        let mut import = Import { running: call.start(stop)?, stop: stop.clone() };
        let commit = match import.commit(new, &author, contents) {
            Ok(commit) => commit,
            Err(Importing::Pipe) => return Err(import.running.broken()),
            Err(Importing::Other(error)) => {
                // Left alone, it clears up what it has begun; only then it fails.
                let _ = import.running.finish();
                return Err(error);
            }
        };
        let (success, complaint) = import.running.finish()?;
        if !success {
            return Err(complaint.refusal("fast-import"));
        }
        let none = commit.object().none_like();
        let call = self.own(&self.common_dir, stop)?.args(&["update-ref", "-m", "errand: commit"]);
        call.args(&[&branch, commit.as_str(), &none]).text(stop)?;
        Ok(commit)
    }

    /// Returns the full name of a branch that can be made.
    fn free_branch(&self, branch: &str, stop: &StopFlag) -> Result<String, StartError> {
        let refused =
            |why: &str| StartError::Refused(format!("the branch `{}` {why}", shown(branch)));
        let full = format!("refs/heads/{branch}");
        if branch == "HEAD" {
            return Err(refused("has a name that git uses otherwise"));
        }
        let call =
            |args: &[&str]| Ok::<Call, StartError>(self.own(&self.common_dir, stop)?.args(args));
        if why_no_reference(branch).is_some()
            || !call(&["check-ref-format", &full])?.answer(stop)?.success
        {
            return Err(refused("has a name that git does not allow"));
        }
        if call(&["rev-parse", "--verify", "--quiet", &full])?.answer(stop)?.success {
            return Err(refused("exists already"));
        }
        Ok(full)
    }

    fn check_changes(&self, new: &NewCommit<'_>, bounds: &Bounds) -> Result<(), StartError> {
        let submodules = self.submodules(new.base, bounds)?;
        let is_submodule = |path: &str| submodules.iter().any(|submodule| submodule == path);
        let mut any = false;
        for change in new.changes {
            let path = change.path.as_str();
            let refused =
                |why: &str| StartError::Refused(format!("the change of `{}` {why}", shown(path)));
            if let Some(why) = why_no_path(path) {
                return Err(refused(why));
            }
            if !is_kept(change.before.as_ref()) && !is_kept(change.after.as_ref()) {
                continue;
            }
            if is_submodule(path) || parents(path).any(is_submodule) {
                return Err(refused("is in a submodule, which is another repository's"));
            }
            any = true;
        }
        if any { Ok(()) } else { Err(StartError::refused("there is no change to commit")) }
    }
}

/// Tells whether git keeps it.
fn is_kept(node: Option<&Node>) -> bool {
    node.is_some_and(|node| node.git_mode().is_some())
}

impl Author {
    /// Returns it as git writes it.
    fn line(&self) -> Result<String, StartError> {
        let is_plain = |text: &str| {
            let bad = |char: char| char.is_control() || matches!(char, '<' | '>');
            !text.trim().is_empty() && !text.contains(bad)
        };
        if !is_plain(&self.name) || !is_plain(&self.email) {
            return Err(StartError::refused(
                "the author needs a name and an address, without `<`, `>` and control characters",
            ));
        }
        let at_s = self.at.0 / 1_000;
        Ok(format!("{} <{}> {at_s} +0000", self.name.trim(), self.email.trim()))
    }
}

/// Git while it imports.
struct Import {
    running: Running,
    stop: StopFlag,
}

/// Why an import ends.
enum Importing {
    /// Git does not listen; it says why.
    Pipe,
    Other(StartError),
}

impl From<StartError> for Importing {
    fn from(error: StartError) -> Self {
        Self::Other(error)
    }
}

impl Import {
    /// Tells git a commit, and returns the id that it gives to it.
    fn commit<R: Read>(
        &mut self,
        new: &NewCommit<'_>,
        author: &str,
        contents: impl Fn(&Digest) -> io::Result<R>,
    ) -> Result<CommitId, Importing> {
        let message = format!("{}\n", new.message.trim_end());
        self.say(&format!("commit {IMPORTED}\nmark :1\nauthor {author}\ncommitter {author}\n"))?;
        self.say(&format!("data {}\n{message}from {}\n", message.len(), new.base))?;
        // What is gone goes first: a directory may have come where a file was.
        for change in new.changes {
            if is_kept(change.before.as_ref()) && !is_kept(change.after.as_ref()) {
                self.say(&format!("D {}\n", quoted(&change.path)))?;
            }
        }
        for change in new.changes {
            let Some((mode, node)) =
                change.after.as_ref().and_then(|it| Some((it.git_mode()?, it)))
            else {
                continue;
            };
            self.say(&format!("M {mode} inline {}\n", quoted(&change.path)))?;
            match node {
                Node::File { size_bytes, blake3, .. } => {
                    self.say(&format!("data {size_bytes}\n"))?;
                    let content = contents(blake3).map_err(StartError::from)?;
                    self.content(&change.path, content, *size_bytes)?;
                }
                Node::Symlink { target } => {
                    self.say(&format!("data {}\n{target}\n", target.len()))?;
                }
                Node::Directory => {}
            }
        }
        self.say("\nget-mark :1\ndone\n")?;
        let mut said = String::new();
        let read = self.running.output().take(256).read_to_string(&mut said);
        match (read, said.trim_end().parse()) {
            (Ok(_), Ok(commit)) => Ok(commit),
            _ => Err(Importing::Pipe),
        }
    }

    fn content(&mut self, path: &str, from: impl Read, size_bytes: u64) -> Result<(), Importing> {
        // One byte more would tell that it is longer.
        let mut from = from.take(size_bytes.saturating_add(1));
        let mut buffer = vec![0; COPY_BYTES];
        let mut copied: u64 = 0;
        loop {
            self.stop.check()?;
            let read = match from.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StartError::from(error).into()),
            };
            copied += read as u64;
            if copied > size_bytes || (read == 0 && copied < size_bytes) {
                return Err(StartError::Changed(shown(path)).into());
            }
            if read == 0 {
                return self.say("\n");
            }
            self.running.write(&buffer[..read]).map_err(|_| Importing::Pipe)?;
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Importing> {
        self.running.write(text.as_bytes()).map_err(|_| Importing::Pipe)
    }
}

/// A path in the quotes that git reads.
fn quoted(path: &str) -> String {
    let mut quoted = String::with_capacity(path.len() + 2);
    quoted.push('"');
    for char in path.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
