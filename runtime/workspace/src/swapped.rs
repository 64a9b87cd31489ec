//! What the host does in a directory while somebody swaps its directories for links that lead out.
//!
//! Guests can't, since each waits for its host calls; what runs beside a server on its machine can.

#![expect(clippy::disallowed_methods, reason = "tests make their own files")]

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use errand_core::{Change, Digest, Missing, Node};

use crate::allowed::Directory;
use crate::{
    Base, Bases, Bounds, Contents, Globs, LinksOut, Look, Quota, Scan, StopFlag, Workspace,
    Workspaces, apply, locate, unpack,
};

/// What no file of the host's must ever be read as.
const CANARY: &str = "canary";
const INSIDE: &str = "inside";
/// How often the host does its work at least, and at most.
const ROUNDS: std::ops::Range<usize> = 150..100_000;
/// How often something is swapped at least, meanwhile.
const SWAPS: usize = 2_000;

/// Workspaces, and beside them a directory that nobody may reach, with the same names in it.
struct Place {
    root: tempfile::TempDir,
    workspaces: Workspaces,
    bases: Bases,
    base: std::sync::Arc<Base>,
    outside: BTreeMap<PathBuf, (String, u32, u64)>,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::open(&root.path().join("workspaces")).unwrap();
        let bases = Bases::open(&root.path().join("bases")).unwrap();
        for path in ["f", "b/f", "g", "b/g"] {
            let path = root.path().join("outside").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, CANARY).unwrap();
        }
        let mut archive = tar::Builder::new(Vec::new());
        for path in ["a/f", "a/b/f", "a/b/c/f", "f"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(INSIDE.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, INSIDE.as_bytes()).unwrap();
        }
        let archive = archive.into_inner().unwrap();
        let bounds = Bounds::of_bytes(1 << 20);
        let first = workspaces.create("first").unwrap();
        let quota = Quota::new(bounds.bytes, bounds.files);
        unpack(&archive[..], LinksOut::Refused, &first, &quota, &bounds).unwrap();
        let digest = Digest::of(&archive);
        let missing = Missing::default();
        let base = bases.adopt(&first, digest, LinksOut::Refused, missing, &bounds).unwrap();
        let outside = contents(&root.path().join("outside"));
        Self { root, workspaces, bases, base, outside }
    }

    fn workspace(&self, name: &str) -> Workspace {
        let workspace = self.workspaces.create(name).unwrap();
        let bounds = Bounds::of_bytes(1 << 20);
        let quota = Quota::new(bounds.bytes, bounds.files);
        self.bases.place(&self.base, &workspace, &quota, &bounds).unwrap();
        workspace
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join("workspaces").join(path)
    }

    /// Works while `a` and `a/b` of a workspace are swapped for links, again and again.
    fn while_swapped(&self, workspace: &str, mut work: impl FnMut(usize)) {
        let (swaps, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        let outside = self.root.path().join("outside");
        let targets = [outside.as_path(), Path::new("../../outside"), Path::new(".")];
        let within = [outside.as_path(), Path::new("../../../outside"), Path::new("..")];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for (at, targets) in [("a", targets), ("a/b", within)] {
                        let at = self.path(workspace).join(at);
                        let aside = at.with_extension("aside");
                        for target in targets {
                            // What is not there yet, or not any more, is swapped the next time.
                            let _ = std::fs::rename(&at, &aside);
                            let _ = symlink(target, &at);
                            std::thread::yield_now();
                            let _ = std::fs::remove_file(&at);
                            let _ = std::fs::rename(&aside, &at);
                        }
                        swaps.fetch_add(targets.len(), Ordering::Relaxed);
                    }
                }
            });
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for round in 0..ROUNDS.end {
                    work(round);
                    if round >= ROUNDS.start && swaps.load(Ordering::Relaxed) >= SWAPS {
                        break;
                    }
                }
            }));
            done.store(true, Ordering::Relaxed);
            if let Err(panic) = worked {
                std::panic::resume_unwind(panic);
            }
        });
        assert_eq!(contents(&outside), self.outside, "nothing outside was written");
    }
}

/// Contents, modes and names' counts of all files.
fn contents(directory: &Path) -> BTreeMap<PathBuf, (String, u32, u64)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            found.extend(contents(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            found.insert(path, (text, metadata.mode(), metadata.nlink()));
        }
    }
    found
}

fn is_inside(node: Option<&Node>) {
    if let Some(Node::File { blake3, .. }) = node {
        assert_ne!(*blake3, Digest::of(CANARY.as_bytes()));
    }
}

#[test]
fn what_is_found_and_read_lies_inside() {
    let place = Place::new();
    let workspace = place.workspace("w");
    let globs = Globs::new(&["**".into()]).unwrap();
    let mut read = 0;
    place.while_swapped("w", |_| {
        for found in workspace.find(&globs).unwrap_or_default() {
            let Ok((mut file, _)) = workspace.open_file(&found.path) else { continue };
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, INSIDE, "{}", found.path);
            read += 1;
        }
        for path in ["a/f", "a/b/f", "a/g", "a/b/g"] {
            let Ok((mut file, _)) = workspace.open_file(path) else { continue };
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, INSIDE, "{path}");
        }
    });
    assert!(read > ROUNDS.start);
}

#[test]
fn what_is_surveyed_lies_inside() {
    let place = Place::new();
    let workspace = place.workspace("w");
    place.while_swapped("w", |_| {
        for base in [None, Some(&*place.base)] {
            let Ok(manifest) = workspace.manifest(base, &StopFlag::default()) else { continue };
            manifest.entries().iter().for_each(|entry| is_inside(Some(&entry.node)));
        }
    });
}

#[test]
fn what_is_packed_and_copied_lies_inside() {
    let place = Place::new();
    let _source = place.workspace("w");
    let bounds = Bounds::of_bytes(1 << 20);
    let mut packed = 0;
    place.while_swapped("w", |round| {
        let directory = Directory::open(&place.path("w")).unwrap();
        let Ok(scan) = Scan::of(directory, &bounds) else { return };
        let mut archive = Vec::new();
        if scan.pack(&mut archive, &bounds).is_ok() {
            packed += 1;
        }
        let has = |text: &str| archive.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!has(CANARY));
        let copy = place.workspaces.create(&format!("copy-{round}")).unwrap();
        let _ = scan.copy_to(&copy, &Quota::new(1 << 20, 100), &bounds);
        for (path, (text, ..)) in contents(&place.path(&copy.name)) {
            assert_ne!(text, CANARY, "{}", path.display());
        }
    });
    assert!(packed > 0);
}

#[test]
fn what_is_placed_and_adopted_lies_inside() {
    let place = Place::new();
    let bounds = Bounds::of_bytes(1 << 20);
    place.while_swapped("w", |round| {
        let workspace = place.workspaces.create("w").unwrap();
        let _ = place.bases.place(&place.base, &workspace, &Quota::new(1 << 20, 100), &bounds);
        let archive = Digest::of(&round.to_le_bytes());
        let missing = Missing::default();
        let adopted = place.bases.adopt(&workspace, archive, LinksOut::Refused, missing, &bounds);
        if let Ok(base) = adopted {
            base.manifest().entries().iter().for_each(|entry| is_inside(Some(&entry.node)));
        }
        drop(workspace);
        // What could not be removed while something in it was swapped.
        while place.path("w").exists() {
            let _ = std::fs::remove_dir_all(place.path("w"));
        }
    });
}

#[test]
fn what_is_copied_up_lies_inside() {
    let place = Place::new();
    let workspace = place.workspace("w");
    let mut copied = 0;
    place.while_swapped("w", |_| {
        let handle = workspace.handle().unwrap();
        for path in ["a/f", "a/b/f", "a/b/c/f", "a/g", "a/b/g", "f"] {
            for follow in [true, false] {
                if Look::at(&handle, path, follow).is_err() {
                    continue;
                }
                let Ok(located) = locate(&handle, path, follow) else { continue };
                copied += usize::from(
                    workspace
                        .copy_up_at(&located)
                        .and_then(|copy| copy.make(true, &StopFlag::default()))
                        .is_ok(),
                );
            }
        }
    });
    assert!(copied > 0);
    for (path, (text, ..)) in contents(&place.path("w")) {
        assert_ne!(text, CANARY, "{}", path.display());
    }
}

/// What changes are made of.
struct Texts;

impl Contents for Texts {
    fn open(&self, _: &Digest) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(INSIDE.as_bytes()))
    }
}

#[test]
fn what_is_applied_lies_inside() {
    let place = Place::new();
    let workspace = place.workspace("w");
    let file = |executable| Node::File {
        executable,
        size_bytes: INSIDE.len() as u64,
        blake3: Digest::of(INSIDE.as_bytes()),
    };
    let change = |path: &str, before: Option<Node>, after: Option<Node>| Change {
        path: path.to_owned(),
        before,
        after,
    };
    let mut applied = 0;
    place.while_swapped("w", |round| {
        let (a, b) = (round % 2 == 0, round % 2 == 1);
        let changes = [
            change("a/b/c/f", Some(file(b)), Some(file(a))),
            change("a/b/f", None, b.then(|| file(false))),
            change("a/b/g", b.then(|| file(false)), a.then(|| file(false))),
            change("a/f", Some(file(b)), Some(file(a))),
            change("a/g", a.then(|| file(false)), None),
            change("f", Some(file(b)), Some(file(a))),
        ];
        for force in [false, true] {
            applied += usize::from(apply(&changes, &Texts, &workspace.dir, force).is_ok());
        }
    });
    assert!(applied > 0);
}
