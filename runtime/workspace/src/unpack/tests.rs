//! Archives that are as they should be, and those that are not.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::*;
use crate::{Workspaces, unpack};

const MIB: u64 = 1 << 20;

/// A workspace beside a file that nothing may reach.
struct Space {
    root: tempfile::TempDir,
    to: Workspace,
    quota: Quota,
    bounds: Bounds,
}

impl Space {
    fn new() -> Self {
        Self::bounded(MIB, 100)
    }

    fn bounded(bytes: u64, files: u64) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("secret"), "secret").unwrap();
        let to = Workspaces::open(&root.path().join("all")).unwrap().create("one").unwrap();
        let bounds = Bounds { files, ..Bounds::of_bytes(bytes) };
        Self { root, to, quota: Quota::new(bytes, files), bounds }
    }

    fn unpack(&self, archive: &[u8]) -> Result<(), StartError> {
        let unpacked = unpack(archive, LinksOut::Refused, &self.to, &self.quota, &self.bounds);
        let outside: Vec<_> = std::fs::read_dir(self.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(outside.len(), 2, "something was made outside: {outside:?}");
        assert_eq!(std::fs::read(self.root.path().join("secret")).unwrap(), b"secret");
        unpacked
    }

    fn read(&self, path: &str) -> String {
        self.to.dir.read_to_string(path).unwrap()
    }
}

/// What an archive is made of.
struct Item<'a> {
    kind: EntryType,
    name: &'a [u8],
    link: &'a str,
    content: &'a [u8],
}

fn item<'a>(kind: EntryType, name: &'a str) -> Item<'a> {
    Item { kind, name: name.as_bytes(), link: "", content: b"" }
}

fn file<'a>(name: &'a str, content: &'a str) -> Item<'a> {
    Item { content: content.as_bytes(), ..item(EntryType::Regular, name) }
}

fn link<'a>(name: &'a str, to: &'a str) -> Item<'a> {
    Item { link: to, ..item(EntryType::Symlink, name) }
}

fn hard_link<'a>(name: &'a str, to: &'a str) -> Item<'a> {
    Item { link: to, ..item(EntryType::Link, name) }
}

/// Writes an archive whatever it says: the library's own writer would refuse most of these.
fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in items {
        let mut header = Header::new_gnu();
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..item.name.len()].copy_from_slice(item.name);
        gnu.linkname[..item.link.len()].copy_from_slice(item.link.as_bytes());
        header.set_entry_type(item.kind);
        header.set_mode(0o644);
        header.set_size(item.content.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(item.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1_024, 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn refused(archive: &[u8], part: &str) {
    match Space::new().unpack(archive) {
        Err(StartError::Refused(message)) => assert!(message.contains(part), "{message}"),
        other => panic!("{other:?} is no refusal for: {part}"),
    }
}

#[test]
fn files_directories_and_links_arrive_and_are_counted() {
    let items = [
        item(EntryType::Directory, "./"),
        item(EntryType::Directory, "./d/"),
        file("./d/a.txt", "text"),
        link("to-a", "d/a.txt"),
        hard_link("same", "d/a.txt"),
        item(EntryType::Directory, "d"),
        file("made/on/the/way", "x"),
    ];
    for bytes in [archive(&items), gzip(&archive(&items))] {
        let space = Space::new();
        space.unpack(&bytes).unwrap();
        assert_eq!((space.read("to-a"), space.read("same")), ("text".into(), "text".into()));
        assert_eq!(space.read("made/on/the/way"), "x");
        assert_eq!((space.quota.bytes(), space.quota.files()), (5, 8));
    }
}

#[test]
fn what_writers_of_archives_write_is_read() {
    let long = format!("{}/{}", "d".repeat(150), "n".repeat(150));
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o4755);
    builder.append_data(&mut header, &long, &b"long"[..]).unwrap();
    builder.append_pax_extensions([("comment", &b"a commit"[..])]).unwrap();
    let mut header = Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    builder.append_data(&mut header, "after", &b"x"[..]).unwrap();
    let mut link = Header::new_gnu();
    link.set_entry_type(EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "link", &long).unwrap();
    let space = Space::new();
    space.unpack(&gzip(&builder.into_inner().unwrap())).unwrap();
    assert_eq!((space.read(&long), space.read("link")), ("long".into(), "long".into()));
    use cap_std::fs::MetadataExt;
    let mode = |path: &str| space.to.dir.metadata(path).unwrap().mode();
    assert_eq!(mode(&long) & 0o4100, 0o100, "it is executable, and as nobody else");
    assert_eq!(mode("after") & 0o111, 0);
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../evil", "a/../../evil", "/tmp/evil", "..", "a/b/../../../evil", "//evil"] {
        refused(&archive(&[file(name, "x")]), "the name");
        refused(&archive(&[item(EntryType::Directory, name)]), "the name");
        refused(&archive(&[link(name, "x")]), "the name");
    }
    let binary = Item { name: b"\xff\xfe", ..file("", "x") };
    refused(&archive(&[binary]), "UTF-8");
    refused(&archive(&[file("./", "x")]), "has content");
    refused(&archive(&[link(".", "x")]), "without a name");
}

#[test]
fn links_that_lead_out_are_refused_and_kept_ones_lead_nowhere() {
    for to in ["/etc/passwd", "../secret", "d/../../secret", ".."] {
        refused(&archive(&[link("l", to)]), "link out");
        refused(
            &archive(&[hard_link("l", to)]),
            if to.starts_with("d/") { "leads out" } else { "" },
        );
    }
    for to in ["missing", "", "d"] {
        let items = [item(EntryType::Directory, "d"), hard_link("l", to)];
        refused(&archive(&items), "hard link");
    }
    let items = [link("s", "a"), hard_link("l", "s")];
    refused(&archive(&items), "hard link");
    refused(&archive(&[link("l", "")]), "link to nothing");

    let space = Space::new();
    let bytes = archive(&[link("out", "../../secret"), link("abs", "/etc/passwd")]);
    unpack(&bytes[..], LinksOut::Kept, &space.to, &space.quota, &space.bounds).unwrap();
    assert!(space.to.open_file("out").is_err() && space.to.open_file("abs").is_err());
}

#[test]
fn nothing_is_written_through_a_link_or_a_file() {
    let under = "is no directory";
    refused(&archive(&[link("l", "."), file("l/evil", "x")]), under);
    refused(&archive(&[link("l", "d"), item(EntryType::Directory, "d"), file("l/x", "x")]), under);
    refused(&archive(&[file("f", "x"), file("f/x", "x")]), under);
    refused(&archive(&[link("a", "b"), link("b", "."), hard_link("b/c", "a")]), under);
    for (first, second) in [
        (link("l", "other"), file("l", "x")),
        (file("l", "x"), file("l", "y")),
        (file("l", "x"), item(EntryType::Directory, "l")),
        (item(EntryType::Directory, "l"), file("l", "x")),
        (item(EntryType::Directory, "l"), link("l", "other")),
        (file("l", "x"), link("./l", "other")),
    ] {
        refused(&archive(&[first, second]), "twice");
    }
}

#[test]
fn devices_pipes_and_sparse_files_are_refused() {
    for (kind, named) in [
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "pipe"),
        (EntryType::GNUSparse, "sparse"),
        (EntryType::new(b'V'), "kind"),
        (EntryType::new(b'M'), "kind"),
        (EntryType::new(0xff), "kind"),
    ] {
        refused(&archive(&[item(kind, "x")]), named);
    }
    let sparse = pax(&[("GNU.sparse.major", "1")]);
    refused(&archive(&[extension(EntryType::XHeader, &sparse), file("x", "x")]), "sparse");
    let fat = Item { content: b"content", ..item(EntryType::Directory, "d") };
    refused(&archive(&[fat]), "has content");
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length =
            (1..4).map(|digits| rest + digits).find(|all| all.to_string().len() + rest == *all);
        writeln!(bytes, "{} {key}={value}", length.unwrap()).unwrap();
    }
    bytes
}

fn extension(kind: EntryType, content: &[u8]) -> Item<'_> {
    Item { content, ..item(kind, "extension") }
}

#[test]
fn extensions_that_two_readers_could_understand_differently_are_refused() {
    let x = EntryType::XHeader;
    let said = |kind, records: &[(&str, &str)], part: &str| {
        refused(&archive(&[extension(kind, &pax(records)), file("a", "x")]), part);
    };
    said(x, &[("size", "100")], "another size");
    said(x, &[("size", "1"), ("size", "2")], "twice");
    said(x, &[("path", "b"), ("path", "c")], "twice");
    said(x, &[("path", "../evil")], "leads out");
    said(x, &[("path", "/evil")], "absolute");
    said(x, &[("size", "-1")], "can't be read");
    said(EntryType::XGlobalHeader, &[("path", "b")], "global");
    said(EntryType::XGlobalHeader, &[("size", "1")], "global");
    refused(&archive(&[extension(x, b"99 broken"), file("a", "x")]), "can't be read");
    let long = extension(EntryType::GNULongName, b"../evil\0");
    refused(&archive(&[long, file("a", "x")]), "leads out");
    let twice = || extension(EntryType::GNULongName, b"b\0");
    refused(&archive(&[twice(), twice(), file("a", "x")]), "twice");
    let endless = vec![b'n'; 100_000];
    refused(&archive(&[extension(EntryType::GNULongName, &endless), file("a", "x")]), "100000");
    let name = vec![b'n'; 300];
    refused(&archive(&[extension(EntryType::GNULongName, &name), file("a", "x")]), "called");
    let comment = pax(&[("comment", "x")]);
    let many: Vec<Item<'_>> = (0..500).map(|_| extension(x, &comment)).collect();
    refused(&archive(&many), "more headers");
}

#[test]
fn what_does_not_fit_meets_its_bound_before_it_is_read() {
    let met = |space: &Space, bytes: &[u8], limit: &str| match space.unpack(bytes) {
        Err(StartError::TooLarge { exceeded, message }) => {
            assert_eq!(exceeded.limit, limit, "{message}");
            assert!(message.contains(limit), "{message}");
        }
        other => panic!("{other:?}"),
    };
    let mut header = Header::new_gnu();
    header.set_path("bomb").unwrap();
    header.set_entry_type(EntryType::Regular);
    // It says so, and has none of it.
    header.set_size(1 << 60);
    header.set_cksum();
    met(&Space::new(), header.as_bytes(), "workspace_bytes");
    let zeros = "\0".repeat(700 << 10);
    let items = [file("a", &zeros), file("b", &zeros)];
    let space = Space::new();
    met(&space, &gzip(&archive(&items)), "workspace_bytes");
    assert!(space.quota.bytes() <= MIB);
    let names: Vec<String> = (0..101).map(|n| format!("f{n}")).collect();
    let items: Vec<Item<'_>> = names.iter().map(|name| file(name, "")).collect();
    met(&Space::new(), &archive(&items), "workspace_files");
    let deep = ["d/".repeat(40), "e/".repeat(40), "f/".repeat(40)];
    let items: Vec<Item<'_>> = deep.iter().map(|name| file(name, "")).collect();
    met(&Space::new(), &archive(&items), "workspace_files");
}

#[test]
fn a_bomb_without_files_is_found_out() {
    // Zeros without end are an archive without files, and then something that no archive has.
    let zeros = gzip(&vec![0; 64 << 20]);
    refused(&zeros, "goes on after its end");
    assert!(zeros.len() < 100 << 10);
}

/// An archive of empty files without end, made as it is read.
struct Endless {
    files: u64,
    left: Vec<u8>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            let mut header = Header::new_gnu();
            header.set_path(self.files.to_string())?;
            header.set_size(0);
            header.set_cksum();
            self.left = header.as_bytes().to_vec();
            self.files += 1;
        }
        let read = self.left.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.left[..read]);
        self.left.drain(..read);
        Ok(read)
    }
}

#[test]
fn files_without_end_end_at_the_bound() {
    let space = Space::bounded(MIB, 1_000);
    let mut endless = Endless { files: 0, left: Vec::new() };
    let error = unpack(&mut endless, LinksOut::Refused, &space.to, &space.quota, &space.bounds)
        .unwrap_err();
    assert!(matches!(error, StartError::TooLarge { .. }), "{error}");
    assert_eq!(space.quota.files(), 1_000);
    assert!(endless.files < 10_000, "{} were read", endless.files);
}

#[test]
fn damaged_archives_are_refused_wherever_they_are_cut() {
    let whole = archive(&[file("a", &"text ".repeat(300)), file("b", "x")]);
    // Wherever in a block; each cut makes a workspace, which takes its time.
    for length in (0..whole.len() - 1_024).step_by(37) {
        refused(&whole[..length], "");
    }
    let compressed = gzip(&whole);
    for length in (0..compressed.len()).step_by(3) {
        refused(&compressed[..length], "");
    }
    let mut wrong = whole.clone();
    wrong[0] ^= 1;
    refused(&wrong, "checksum");
    let mut wrong = compressed;
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    refused(&wrong, "damaged");
    refused(&[whole, b"more".to_vec()].concat(), "after its end");
}

#[test]
fn any_byte_may_be_wrong_and_nothing_outside_is_touched() {
    let whole = archive(&[link("l", "d"), item(EntryType::Directory, "d"), file("d/f", "x")]);
    for at in 0..whole.len() {
        let mut wrong = whole.clone();
        wrong[at] ^= [1, 0x80, 0xff][at % 3];
        // It may be as good as before, in a time or an owner.
        let _ = Space::new().unpack(&wrong);
    }
}

#[test]
fn what_is_no_archive_is_said_to_be_none() {
    let none = "no tar archive";
    refused(b"", "empty");
    refused(b"hello", none);
    refused(&vec![b'x'; 10_000], none);
    refused(&gzip(b"hello"), none);
    refused(b"\x1f\x8bgarbage", none);
    for (magic, name) in [(&b"PK\x03\x04rest"[..], "zip"), (b"\x28\xb5\x2f\xfdrest", "zstd")] {
        refused(magic, name);
        assert!(check_archive(magic, true).unwrap_err().contains(name));
    }
    let fine = archive(&[file("a", &"x".repeat(9_000))]);
    check_archive(&fine[..600], false).unwrap();
    check_archive(&gzip(&fine), true).unwrap();
    check_archive(&archive(&[]), true).unwrap();
    assert!(check_archive(b"#!/bin/sh\n", true).unwrap_err().contains(none));
    assert!(check_archive(&gzip(&[b'x'; 5_000]), false).unwrap_err().contains(none));
}

#[test]
fn a_source_that_fails_is_not_the_archives_fault_and_a_stop_is_heeded() {
    struct Failing(Vec<u8>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("the disk is on fire"));
            }
            let read = self.0.len().min(buffer.len());
            buffer[..read].copy_from_slice(&self.0[..read]);
            self.0.drain(..read);
            Ok(read)
        }
    }
    let space = Space::new();
    let cut = archive(&[file("a", &"x".repeat(9_000))])[..2_000].to_vec();
    let error = unpack(Failing(cut), LinksOut::Refused, &space.to, &space.quota, &space.bounds);
    assert!(
        matches!(&error, Err(StartError::Io(why)) if why.to_string().contains("fire")),
        "{error:?}"
    );
    let space = Space::new();
    space.bounds.stop.stop();
    let stopped = space.unpack(&archive(&[file("a", "x")]));
    assert!(matches!(stopped, Err(StartError::Stopped)), "{stopped:?}");
}
