//! The entries of an archive with what is said of each: by its header, and by the extensions before it.
//!
//! Extensions are read here, and not by the library, because it would hold them in memory whatever their
//! size. What two readers of an archive could understand differently is refused.

use std::io::Read;

use tar::{EntryType, PaxExtensions};

use super::stream::Stream;
use crate::start::shown;
use crate::{Bounds, StartError};

/// The longest extension: a path and a link with room to spare.
const MAX_EXTENSION_BYTES: u64 = 64 << 10;
/// Headers for each file that a workspace may hold, extensions included.
const HEADERS_PER_FILE: u64 = 4;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Directory,
    File,
    Link,
    HardLink,
}

/// An entry.
pub(super) struct Described<'a, R: Read> {
    /// As the archive says it.
    pub(super) path: String,
    /// Where a link leads.
    pub(super) link: String,
    pub(super) what: What,
    pub(super) size_bytes: u64,
    pub(super) executable: bool,
    pub(super) content: tar::Entry<'a, R>,
}

/// Reads entries.
pub(super) struct Headers<'a, 's, R: Read> {
    entries: tar::Entries<'a, &'s Stream<R>>,
    stream: &'s Stream<R>,
    left: u64,
}

/// What extensions say of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<'a, 's, R: Read> Headers<'a, 's, R> {
    pub(super) fn new(
        entries: tar::Entries<'a, &'s Stream<R>>,
        stream: &'s Stream<R>,
        bounds: &Bounds,
    ) -> Self {
        let left = bounds.files.saturating_add(1).saturating_mul(HEADERS_PER_FILE);
        Self { entries, stream, left }
    }

    /// Returns the next entry, nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Described<'a, &'s Stream<R>>>, StartError> {
        let mut extended = Extended::default();
        loop {
            let entry = match self.entries.next() {
                None => return Ok(None),
                Some(entry) => entry.map_err(|error| self.stream.explain(error))?,
            };
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                StartError::refused("the archive has more headers than files could need")
            })?;
            match entry.header().entry_type() {
                EntryType::GNULongName => self.once(&mut extended.path, entry, "name")?,
                EntryType::GNULongLink => self.once(&mut extended.link, entry, "link")?,
                EntryType::XHeader => self.pax(&mut extended, entry, true)?,
                // What is said for all entries is a comment, such as git's commit.
                EntryType::XGlobalHeader => self.pax(&mut extended, entry, false)?,
                _ => return self.describe(entry, extended).map(Some),
            }
        }
    }

    fn once(
        &self,
        said: &mut Option<Vec<u8>>,
        entry: tar::Entry<'a, &'s Stream<R>>,
        what: &str,
    ) -> Result<(), StartError> {
        let mut text = self.extension(entry)?;
        while text.last() == Some(&0) {
            text.pop();
        }
        set(said, text, what)
    }

    fn pax(
        &self,
        extended: &mut Extended,
        entry: tar::Entry<'a, &'s Stream<R>>,
        of_one: bool,
    ) -> Result<(), StartError> {
        let damaged = || StartError::refused("the archive: a pax header can't be read");
        for extension in PaxExtensions::new(&self.extension(entry)?) {
            let extension = extension.map_err(|_| damaged())?;
            let (key, value) = (extension.key_bytes(), extension.value_bytes());
            match key {
                b"path" | b"linkpath" | b"size" if !of_one => {
                    return Err(StartError::refused(
                        "the archive: a global pax header gives all entries one name or size",
                    ));
                }
                b"path" => set(&mut extended.path, value.to_vec(), "name")?,
                b"linkpath" => set(&mut extended.link, value.to_vec(), "link")?,
                b"size" => {
                    let text = std::str::from_utf8(value).map_err(|_| damaged())?;
                    set(&mut extended.size, text.parse().map_err(|_| damaged())?, "size")?;
                }
                _ if key.starts_with(b"GNU.sparse") => return Err(sparse()),
                // Times, owners, attributes: a workspace has none of them.
                _ => {}
            }
        }
        Ok(())
    }

    fn extension(&self, entry: tar::Entry<'a, &'s Stream<R>>) -> Result<Vec<u8>, StartError> {
        let size = entry.size();
        if size > MAX_EXTENSION_BYTES {
            return Err(StartError::Refused(format!(
                "the archive has a name or header of {size} bytes"
            )));
        }
        let mut text = Vec::new();
        let read = entry.take(size).read_to_end(&mut text);
        let read = read.map_err(|error| self.stream.explain(error))?;
        if read as u64 == size {
            Ok(text)
        } else {
            Err(self.stream.explain(std::io::ErrorKind::UnexpectedEof.into()))
        }
    }

    fn describe(
        &self,
        content: tar::Entry<'a, &'s Stream<R>>,
        extended: Extended,
    ) -> Result<Described<'a, &'s Stream<R>>, StartError> {
        let header = content.header();
        let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extended.link.or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
        let path = text(path)?;
        let refused =
            |what: &str| StartError::Refused(format!("the archive: `{}` {what}", shown(&path)));
        let what = match header.entry_type() {
            // Before there were types, a name that ended so said it.
            EntryType::Regular | EntryType::Continuous if path.ends_with('/') => What::Directory,
            EntryType::Regular | EntryType::Continuous => What::File,
            EntryType::Directory => What::Directory,
            EntryType::Symlink => What::Link,
            EntryType::Link => What::HardLink,
            EntryType::Char | EntryType::Block => return Err(refused("is a device")),
            EntryType::Fifo => return Err(refused("is a named pipe")),
            EntryType::GNUSparse => return Err(sparse()),
            other => {
                let kind = char::from(other.as_byte()).escape_debug();
                return Err(refused(&format!("is of a kind that is not read here ({kind})")));
            }
        };
        let size_bytes = content.size();
        if extended.size.is_some_and(|size| size != size_bytes) {
            return Err(refused("has another size in its pax header than in its own"));
        }
        if what != What::File && size_bytes > 0 {
            return Err(refused("has content, and is no file"));
        }
        let executable = header.mode().is_ok_and(|mode| mode & 0o111 != 0);
        let link = text(link.unwrap_or_default())?;
        Ok(Described { path, link, what, size_bytes, executable, content })
    }
}

fn set<T>(said: &mut Option<T>, value: T, what: &str) -> Result<(), StartError> {
    match said.replace(value) {
        None => Ok(()),
        Some(_) => {
            Err(StartError::Refused(format!("the archive says the {what} of an entry twice")))
        }
    }
}

fn sparse() -> StartError {
    StartError::refused("the archive has a sparse file, which is not read here; pack it without")
}

fn text(bytes: Vec<u8>) -> Result<String, StartError> {
    String::from_utf8(bytes).map_err(|error| {
        let name = shown(&String::from_utf8_lossy(error.as_bytes()));
        StartError::Refused(format!("the archive: the name `{name}` is not UTF-8"))
    })
}
