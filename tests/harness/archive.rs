//! Archives, whatever they say: the library's own writer would refuse most of them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

/// Something in an archive.
pub(crate) struct Item<'a> {
    pub(crate) kind: EntryType,
    pub(crate) name: &'a str,
    pub(crate) link: &'a str,
    pub(crate) content: &'a [u8],
}

/// An entry without content.
pub(crate) fn item(kind: EntryType, name: &str) -> Item<'_> {
    Item { kind, name, link: "", content: b"" }
}

/// A file.
pub(crate) fn file<'a>(name: &'a str, text: &'a str) -> Item<'a> {
    Item { content: text.as_bytes(), ..item(EntryType::Regular, name) }
}

/// A symbolic link.
pub(crate) fn link<'a>(name: &'a str, to: &'a str) -> Item<'a> {
    Item { link: to, ..item(EntryType::Symlink, name) }
}

/// A hard link.
pub(crate) fn hard_link<'a>(name: &'a str, to: &'a str) -> Item<'a> {
    Item { link: to, ..item(EntryType::Link, name) }
}

/// Packs entries.
pub(crate) fn tar(items: &[Item<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in items {
        bytes.extend_from_slice(&header(item, item.content.len() as u64));
        bytes.extend_from_slice(item.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1_024, 0);
    bytes
}

/// The header of an entry of this size.
pub(crate) fn header(item: &Item<'_>, size_bytes: u64) -> [u8; 512] {
    let mut header = Header::new_gnu();
    let gnu = header.as_gnu_mut().expect("it is one");
    gnu.name[..item.name.len()].copy_from_slice(item.name.as_bytes());
    gnu.linkname[..item.link.len()].copy_from_slice(item.link.as_bytes());
    header.set_entry_type(item.kind);
    header.set_mode(0o644);
    header.set_size(size_bytes);
    header.set_cksum();
    *header.as_bytes()
}

/// Compresses what is written.
pub(crate) fn gzip(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    write(&mut encoder).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}
