//! Making a backup while the store works.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use errand_core::{Digest, StoreError};

use super::archive::Writer;
use super::{END, FORMAT, HEAD, Head};
use crate::blobs::DirBlobs;
use crate::failure;
use crate::wal::{self, Extent, Segment, WalFiles};

/// What a backup is made of.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) wal: Arc<WalFiles>,
    pub(crate) blobs: DirBlobs,
}

/// Writes a backup of what the store has now.
///
/// Frames of the write-ahead log name blobs that were there before, so the blobs are listed after the
/// last frame was decided on, and none is removed before the end.
pub(crate) fn write(source: &Source, out: Box<dyn Write + Send>) -> Result<(), StoreError> {
    let _pin = source.blobs.pin();
    let extent = source.wal.extent()?;
    let failed = |error: io::Error| failure::io("write the backup", &error);
    let mut archive = Writer::new(out);
    let made_by = concat!("errand ", env!("CARGO_PKG_VERSION")).to_owned();
    let head = Head { format: FORMAT, made_by, lsn: extent.last_lsn };
    json(&mut archive, HEAD, &head).map_err(failed)?;
    wal(&mut archive, extent)?;
    blobs(&mut archive, &source.blobs)?;
    let end = archive.summary();
    json(&mut archive, END, &end).and_then(|()| archive.finish()).map_err(failed)
}

fn json<W: Write>(
    archive: &mut Writer<W>,
    name: &str,
    value: &impl serde::Serialize,
) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    archive.file(name, text.len() as u64, &mut &text[..])
}

fn wal<W: Write>(archive: &mut Writer<W>, extent: Extent) -> Result<(), StoreError> {
    if let Some((path, mut file)) = extent.snapshot {
        let failed = failure::at("back up", &path);
        let size = file.metadata().map_err(&failed)?.len();
        archive.file(&wal_name(&path), size, &mut file).map_err(&failed)?;
    }
    for Segment { first, last, path, mut file } in extent.segments {
        let failed = failure::at("back up", &path);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(&failed)?;
        let end = wal::frames_end(&bytes, &path, first, last)?;
        archive.file(&wal_name(&path), end as u64, &mut &bytes[..end]).map_err(&failed)?;
    }
    Ok(())
}

fn wal_name(path: &std::path::Path) -> String {
    format!("wal/{}", path.file_name().unwrap_or_default().to_string_lossy())
}

fn blobs<W: Write>(archive: &mut Writer<W>, blobs: &DirBlobs) -> Result<(), StoreError> {
    let mut all = Vec::new();
    let gathered = blobs.each(|digest, _| {
        all.push(digest);
        Ok(())
    });
    gathered.map_err(failure::blob)?;
    for digest in all {
        let path = blobs.path(&digest);
        let failed = failure::at("back up", &path);
        let file = File::open(&path).map_err(&failed)?;
        let size = file.metadata().map_err(&failed)?.len();
        let mut hashed = Hashed { input: file, hasher: blake3::Hasher::new() };
        let hex = digest.to_string();
        let name = format!("blobs/{}/{}", &hex[..2], &hex[2..]);
        archive.file(&name, size, &mut hashed).map_err(&failed)?;
        if Digest::from(hashed.hasher.finalize()) != digest {
            return Err(StoreError::Corrupt(format!(
                "{}: its bytes are not what its name says, so no backup would be whole",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Keeps the digest of what goes through.
struct Hashed {
    input: File,
    hasher: blake3::Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}
