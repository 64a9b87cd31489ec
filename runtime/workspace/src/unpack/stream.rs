//! The bytes of an archive: unpacked from gzip where they are, bounded, and told apart from what is not
//! an archive at all.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::{Bounds, StartError};

/// How much of the source is read at a time.
const READ_BYTES: usize = 256 << 10;
/// What an archive may have besides the content of its files: headers, padding, long names.
const MAX_OVERHEAD_BYTES: u64 = 512 << 20;
/// What may follow the end of an archive: writers fill up their last record.
const MAX_TAIL_BYTES: u64 = 1 << 20;

/// How other formats begin, and what they are called.
const OTHERS: [(&[u8], &str); 7] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (b"BZh", "bzip2"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf", "7z"),
];
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Looks at how an archive begins, to tell early what is none. `whole` says that this is all of it.
///
/// # Errors
/// With a sentence on what it is instead.
pub fn check_archive(beginning: &[u8], whole: bool) -> Result<(), String> {
    let bounds = Bounds::of_bytes(u64::MAX);
    let look = || {
        let stream = Stream::open(beginning, &bounds)?;
        let mut tar = tar::Archive::new(&stream);
        let mut entries = tar.entries().map_err(|error| stream.explain(error))?.raw(true);
        match entries.next() {
            None if whole => stream.check_end(),
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(stream.explain(error)),
        }
    };
    look().map_err(|error| error.to_string())
}

fn is_gzip(beginning: &[u8]) -> bool {
    beginning.starts_with(&GZIP)
}

/// The bytes of an archive. Read through a shared reference, so that it can be asked what went wrong.
pub(super) struct Stream<R> {
    bytes: RefCell<Bytes<R>>,
    /// Unpacked so far.
    read: Cell<u64>,
    most: u64,
    ended: Cell<bool>,
    too_long: Cell<bool>,
}

enum Bytes<R> {
    Plain(BufReader<Source<R>>),
    Gzip(Box<MultiGzDecoder<BufReader<Source<R>>>>),
}

/// Where the archive comes from, and how that failed if it did.
struct Source<R> {
    inner: R,
    failure: std::rc::Rc<RefCell<Option<StartError>>>,
    bounds: Bounds,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let failed = match self.bounds.stop.check() {
            Err(stopped) => stopped,
            Ok(()) => match self.inner.read(buffer) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => error.into(),
            },
        };
        let told = io::Error::other(failed.to_string());
        *self.failure.borrow_mut() = Some(failed);
        Err(told)
    }
}

impl<R: Read> Stream<R> {
    pub(super) fn open(inner: R, bounds: &Bounds) -> Result<Self, StartError> {
        let failure = std::rc::Rc::default();
        let source =
            Source { inner, failure: std::rc::Rc::clone(&failure), bounds: bounds.clone() };
        let mut source = BufReader::with_capacity(READ_BYTES, source);
        let beginning = match source.fill_buf() {
            Ok(beginning) => beginning,
            Err(error) => return Err(failure.take().unwrap_or(StartError::Io(error))),
        };
        if beginning.is_empty() {
            return Err(StartError::refused("the archive is empty: not even an end is in it"));
        }
        if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| beginning.starts_with(magic)) {
            return Err(StartError::Refused(format!(
                "the archive is {name}, which is not read here; send a tar, plain or with gzip"
            )));
        }
        let bytes = match is_gzip(beginning) {
            true => Bytes::Gzip(Box::new(MultiGzDecoder::new(source))),
            false => Bytes::Plain(source),
        };
        Ok(Self {
            bytes: RefCell::new(bytes),
            read: Cell::new(0),
            most: bounds.bytes.saturating_add(MAX_OVERHEAD_BYTES),
            ended: Cell::new(false),
            too_long: Cell::new(false),
        })
    }

    /// Says what an error of reading means.
    pub(super) fn explain(&self, error: io::Error) -> StartError {
        if let Some(failed) = self.failure() {
            return failed;
        }
        if self.too_long.get() {
            return StartError::Refused(format!(
                "the archive has more than {MAX_OVERHEAD_BYTES} bytes besides its files"
            ));
        }
        if self.read.get() < 1_024 {
            return StartError::Refused(format!(
                "it is no tar archive, plain or with gzip: {error}"
            ));
        }
        StartError::Refused(format!("the archive is damaged or cut off: {error}"))
    }

    /// Checks that the archive has ended where it says so, and that nothing but padding follows.
    pub(super) fn check_end(&self) -> Result<(), StartError> {
        if self.ended.get() {
            return Err(self.explain(io::Error::other("it has no end")));
        }
        // This also reads to the end of what is compressed, where its checksum is.
        let mut tail = self.take(MAX_TAIL_BYTES);
        let mut block = [0; 4_096];
        let mut left = MAX_TAIL_BYTES;
        loop {
            match tail.read(&mut block) {
                Ok(0) if left == 0 => {
                    return Err(StartError::refused("the archive goes on after its end"));
                }
                Ok(0) => return Ok(()),
                Ok(read) if block[..read].iter().all(|byte| *byte == 0) => left -= read as u64,
                Ok(_) => return Err(StartError::refused("the archive goes on after its end")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    fn failure(&self) -> Option<StartError> {
        match &*self.bytes.borrow() {
            Bytes::Plain(bytes) => bytes.get_ref().failure.take(),
            Bytes::Gzip(bytes) => bytes.get_ref().get_ref().failure.take(),
        }
    }
}

impl<R: Read> Read for &Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read.get() > self.most {
            self.too_long.set(true);
            return Err(io::Error::other("it is too long"));
        }
        let read = match &mut *self.bytes.borrow_mut() {
            Bytes::Plain(bytes) => bytes.read(buffer)?,
            Bytes::Gzip(bytes) => bytes.read(buffer)?,
        };
        self.read.set(self.read.get() + read as u64);
        self.ended.set(self.ended.get() || (read == 0 && !buffer.is_empty()));
        Ok(read)
    }
}
