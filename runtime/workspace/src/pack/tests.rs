//! From a directory into an archive or a workspace, and what is left out on the way.

use std::path::Path;

use super::*;
use crate::{Directory, LinksOut, Workspaces, unpack};

/// A directory to start from.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), text).unwrap();
    }

    fn scan(&self) -> Result<Scan, StartError> {
        self.scan_within(&Bounds::of_bytes(1 << 20))
    }

    fn scan_within(&self, bounds: &Bounds) -> Result<Scan, StartError> {
        Scan::of(Directory::open(self.0.path()).unwrap(), bounds)
    }

    /// The paths that a workspace would start with.
    fn found(&self) -> Vec<String> {
        self.scan().unwrap().entries.into_iter().map(|entry| entry.path).collect()
    }
}

fn link(to: &str, at: &Path) {
    std::os::unix::fs::symlink(to, at).unwrap();
}

#[test]
fn git_and_what_it_ignores_are_left_out_in_nested_directories_too() {
    let tree = Tree::new(&[
        (".git/config", "secret"),
        (".gitignore", "*.log\n/build\nnode_modules/\n!keep.log\n# comment\n[\n"),
        ("a.log", ""),
        ("keep.log", ""),
        ("build/x", ""),
        ("src/build/y", ""),
        ("src/a.log", ""),
        ("src/.gitignore", "!a.log\n*.tmp\n/only-here\n"),
        ("src/b.tmp", ""),
        ("src/only-here", ""),
        ("src/deep/only-here", ""),
        ("web/node_modules/m/index.js", ""),
        ("web/sub/.git", "gitdir: elsewhere"),
        ("web/b.tmp", ""),
        ("node_modules_not", ""),
    ]);
    assert_eq!(
        tree.found(),
        [
            ".gitignore",
            "keep.log",
            "node_modules_not",
            "src",
            "src/.gitignore",
            "src/a.log",
            "src/build",
            "src/build/y",
            "src/deep",
            "src/deep/only-here",
            "web",
            "web/b.tmp",
            "web/sub",
        ]
    );
}

#[test]
fn an_archive_of_a_directory_is_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let long = format!("{}/{}", "d".repeat(120), "n".repeat(120));
    let tree = Tree::new(&[("run.sh", "#!"), ("d/e/f", "text"), (&long, "long")]);
    std::fs::create_dir(tree.path("empty")).unwrap();
    std::fs::set_permissions(tree.path("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    link("d/e/f", &tree.path("inside"));
    link("/etc/passwd", &tree.path("outside"));
    let bounds = Bounds::of_bytes(1 << 20);
    let pack = || {
        let mut bytes = Vec::new();
        tree.scan().unwrap().pack(&mut bytes, &bounds).unwrap();
        bytes
    };
    let packed = pack();
    std::fs::write(tree.path("d/e/f"), "text").unwrap();
    assert!(packed == pack(), "the same files are the same archive");

    let root = tempfile::tempdir().unwrap();
    let all = Workspaces::open(root.path()).unwrap();
    let unpacked = all.create("unpacked").unwrap();
    let quota = Quota::new(1 << 20, 100);
    unpack(&packed[..], LinksOut::Kept, &unpacked, &quota, &bounds).unwrap();
    let copied = all.create("copied").unwrap();
    let copied_quota = Quota::new(1 << 20, 100);
    tree.scan().unwrap().copy_to(&copied, &copied_quota, &bounds).unwrap();
    for space in ["unpacked", "copied"] {
        let at = |path: &str| root.path().join(space).join(path);
        assert_eq!(std::fs::read_to_string(at("d/e/f")).unwrap(), "text");
        assert_eq!(std::fs::read_to_string(at(&long)).unwrap(), "long");
        assert_eq!(std::fs::read_to_string(at("inside")).unwrap(), "text");
        assert_eq!(std::fs::read_link(at("outside")).unwrap(), Path::new("/etc/passwd"));
        assert!(at("empty").is_dir());
        let mode = |path| std::fs::metadata(at(path)).unwrap().permissions().mode();
        assert_eq!((mode("run.sh") & 0o100, mode("d/e/f") & 0o111), (0o100, 0));
    }
    assert_eq!((quota.bytes(), quota.files()), (copied_quota.bytes(), copied_quota.files()));
    assert_eq!(quota.bytes(), 10);
    assert!(unpacked.open_file("outside").is_err());
    let mut scan = tree.scan().unwrap();
    assert_eq!(scan.leave_out_links_out(), ["outside"]);
    assert!(scan.has("inside") && !scan.has("outside"));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read_and_says_what_to_leave_out() {
    let tree = Tree::new(&[("src/main.py", "print()")]);
    for n in 0..50 {
        tree.write(&format!("web/node_modules/m{n}/index.js"), &"x".repeat(1_000));
    }
    let bounds = |bytes, files| Bounds { files, ..Bounds::of_bytes(bytes) };
    let message = |bounds| match tree.scan_within(&bounds) {
        Err(StartError::TooLarge { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    let by_bytes = message(bounds(10_000, 1_000));
    assert!(by_bytes.contains("`web/node_modules` (48.8 KiB)"), "{by_bytes}");
    assert!(by_bytes.contains(".gitignore") && by_bytes.contains("workspace_bytes"));
    let by_files = message(bounds(1 << 20, 20));
    assert!(by_files.contains("`web/node_modules` (101 files)"), "{by_files}");
    tree.write(".gitignore", "node_modules\n");
    assert_eq!(tree.scan_within(&bounds(10_000, 20)).unwrap().files(), 4);
}

#[test]
fn what_a_workspace_can_not_hold_is_named() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let refusal = |tree: &Tree| match tree.scan() {
        Err(StartError::Refused(message)) => message,
        other => panic!("{other:?}"),
    };
    let tree = Tree::new(&[]);
    std::fs::write(tree.0.path().join(OsStr::from_bytes(b"\xff")), "").unwrap();
    assert!(refusal(&tree).contains("UTF-8"));
    let tree = Tree::new(&[]);
    let _socket = std::os::unix::net::UnixListener::bind(tree.path("socket")).unwrap();
    assert!(refusal(&tree).contains("`socket`"));
    tree.write(".gitignore", "socket\n");
    assert_eq!(tree.found(), [".gitignore"]);
    let tree = Tree::new(&[(&format!("{}f", "d/".repeat(70)), "")]);
    assert!(refusal(&tree).contains("deeper"));
}

#[test]
fn what_changes_between_looking_and_reading_leads_nowhere() {
    let tree = Tree::new(&[("a", "aaaa"), ("b", "b"), ("d/c", "c")]);
    let outside = Tree::new(&[("c", "secret")]);
    let bounds = Bounds::of_bytes(100);
    let scan = tree.scan().unwrap();
    std::fs::remove_file(tree.path("b")).unwrap();
    let mut packed = Vec::new();
    scan.pack(&mut packed, &bounds).unwrap();
    std::fs::remove_dir_all(tree.path("d")).unwrap();
    link(outside.0.path().to_str().unwrap(), &tree.path("d"));
    let swapped = scan.pack(io::sink(), &bounds);
    assert!(matches!(swapped, Err(StartError::Refused(_))), "{swapped:?}");
    std::fs::remove_file(tree.path("a")).unwrap();
    link("/etc/passwd", &tree.path("a"));
    assert!(matches!(scan.pack(io::sink(), &bounds), Err(StartError::Refused(_))));
    std::fs::remove_file(tree.path("a")).unwrap();
    tree.write("a", &"grown".repeat(100));
    assert!(matches!(scan.pack(io::sink(), &bounds), Err(StartError::Changed(_))));
    bounds.stop.stop();
    assert!(matches!(scan.pack(io::sink(), &bounds), Err(StartError::Stopped)));
}

#[test]
fn a_directory_has_one_name_for_a_state_and_none_while_it_is_fresh() {
    use std::os::unix::fs::MetadataExt;

    let tree = Tree::new(&[("a", "one"), ("d/b", "two")]);
    let at = |seconds: i64| {
        let changed = tree.path("a").metadata().unwrap().ctime().max(0) + seconds;
        tree.scan().unwrap().state(errand_core::UnixMillis(changed as u64 * 1_000))
    };
    assert_eq!(at(2), None, "another change at the same time would not be seen");
    let first = at(60).unwrap();
    assert_eq!(at(90), Some(first));
    let written = std::fs::metadata(tree.path("a")).unwrap().modified().unwrap();
    tree.write("a", "ONE");
    std::fs::File::options()
        .write(true)
        .open(tree.path("a"))
        .unwrap()
        .set_modified(written)
        .unwrap();
    let second = at(60).unwrap();
    assert_ne!(second, first, "the same size and time of writing, and another content");
    tree.write("d/c", "");
    assert_ne!(at(60).unwrap(), second);
    let third = at(60).unwrap();
    tree.write(".git/x", "");
    assert_eq!(at(60), Some(third), "what is left out is no part of it");
}
