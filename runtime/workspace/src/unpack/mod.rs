//! Tar archives, plain or compressed with gzip, as what a workspace starts from.
//!
//! An archive may say anything; what it says is checked before any of it touches the disk. Each path is
//! known, in memory, to be new and to lie in directories that this made, so neither a link nor another
//! entry of the archive can be written through.

mod headers;
mod names;
mod stream;

use std::collections::HashMap;
use std::io::{self, Read};

use headers::{Described, Headers, What};
use names::{inside, parents};
use stream::Stream;

use crate::place::{Copying, Placer};
use crate::start::{leads_out, shown};
use crate::{Bounds, Quota, StartError, Workspace};

pub use stream::check_archive;

/// Bytes of paths in an archive, at most: what bounds the memory that checking them takes.
const MAX_PATH_BYTES: usize = 32 << 20;

/// What becomes of symbolic links that say that they lead out of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinksOut {
    /// The archive is refused.
    Refused,
    /// They are kept, and lead nowhere: so it is in a copy of a directory.
    Kept,
}

/// Unpacks an archive into an empty workspace, counted.
///
/// # Errors
/// [`StartError::Refused`] with what is wrong with the archive, [`StartError::TooLarge`] with the bound
/// that it does not fit in, [`StartError::Io`] where `archive` can't be read or the workspace not
/// written.
pub fn unpack(
    archive: impl Read,
    links_out: LinksOut,
    to: &Workspace,
    quota: &Quota,
    bounds: &Bounds,
) -> Result<(), StartError> {
    let stream = Stream::open(archive, bounds)?;
    let mut tar = tar::Archive::new(&stream);
    let entries = tar.entries().map_err(|error| stream.explain(error))?.raw(true);
    let mut headers = Headers::new(entries, &stream, bounds);
    let mut into = Into {
        placer: Placer::new(to, quota, bounds),
        known: HashMap::new(),
        path_bytes: 0,
        links_out,
    };
    while let Some(described) = headers.next()? {
        into.entry(described, &stream)?;
    }
    stream.check_end()
}

/// What an archive has made so far.
struct Into<'a> {
    placer: Placer<'a>,
    known: HashMap<String, Is>,
    path_bytes: usize,
    links_out: LinksOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Directory,
    File,
    Link,
}

impl Into<'_> {
    fn entry<R: Read>(
        &mut self,
        described: Described<'_, &Stream<R>>,
        stream: &Stream<R>,
    ) -> Result<(), StartError> {
        let Described { path: said, link, what, size_bytes, executable, mut content } = described;
        let Some(path) = inside(&said)? else {
            // The directory itself, as in `tar -C DIR .`.
            return match what {
                What::Directory => Ok(()),
                _ => Err(StartError::refused("the archive has an entry without a name")),
            };
        };
        self.make_parents(&path)?;
        let refused = |text: &str| {
            Err(StartError::Refused(format!("the archive: `{}` {text}", shown(&path))))
        };
        match (self.known.get(&path), what) {
            (None, _) => {}
            (Some(Is::Directory), What::Directory) => return Ok(()),
            (Some(_), _) => return refused("is in it twice"),
        }
        match what {
            What::Directory => self.make_directory(&path)?,
            What::File => {
                self.placer.expect_room(&path, size_bytes)?;
                let copied = self.placer.file(&path, executable, &mut content);
                let copied = copied.map_err(|error| match error {
                    Copying::Reading(error) => stream.explain(error),
                    Copying::Writing(error) => error,
                })?;
                if copied != size_bytes {
                    return Err(stream.explain(io::ErrorKind::UnexpectedEof.into()));
                }
                self.remember(&path, Is::File)?;
            }
            What::Link => {
                if link.is_empty() {
                    return refused("is a link to nothing");
                }
                if self.links_out == LinksOut::Refused && leads_out(&path, &link) {
                    return refused("is a link out of the workspace");
                }
                self.placer.link(&path, &link)?;
                self.remember(&path, Is::Link)?;
            }
            What::HardLink => {
                let of = inside(&link)?;
                match of.as_deref().map(|of| (of, self.known.get(of))) {
                    Some((of, Some(Is::File))) => self.placer.again(&path, of)?,
                    _ => return refused("is a hard link to what is no file before it in it"),
                }
                self.remember(&path, Is::File)?;
            }
        }
        Ok(())
    }

    fn make_parents(&mut self, path: &str) -> Result<(), StartError> {
        for parent in parents(path) {
            match self.known.get(parent) {
                Some(Is::Directory) => {}
                None => self.make_directory(parent)?,
                Some(_) => {
                    let (path, parent) = (shown(path), shown(parent));
                    return Err(StartError::Refused(format!(
                        "the archive: `{path}` lies under `{parent}`, which is no directory"
                    )));
                }
            }
        }
        Ok(())
    }

    fn make_directory(&mut self, path: &str) -> Result<(), StartError> {
        self.placer.directory(path)?;
        self.remember(path, Is::Directory)
    }

    fn remember(&mut self, path: &str, is: Is) -> Result<(), StartError> {
        self.path_bytes += path.len();
        if self.path_bytes > MAX_PATH_BYTES {
            return Err(StartError::Refused(format!(
                "the archive: its names take more than {MAX_PATH_BYTES} bytes"
            )));
        }
        self.known.insert(path.to_owned(), is);
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own files")]
mod tests;
