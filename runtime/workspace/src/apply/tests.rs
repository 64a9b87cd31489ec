//! Changes brought onto directories that are as they were, that are not, and that set traps.

#![expect(clippy::disallowed_methods, reason = "tests make their own files")]

use std::cell::Cell;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use errand_core::Digest;
use proptest::prelude::*;

use super::*;
use crate::diff::tests::trees::{Item, Stored, Tree, file, forked_trees, link, program, trees};

/// A directory that changes are applied onto, and one beside it that they must not reach.
struct Source(tempfile::TempDir);

impl Source {
    fn new(tree: &Tree) -> Self {
        let source = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(source.path("")).unwrap();
        std::fs::create_dir(source.outside("")).unwrap();
        std::fs::write(source.outside("secret"), "secret").unwrap();
        tree.write(&source.path(""));
        source
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("source").join(path)
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.0.path().join("outside").join(path)
    }

    fn dir(&self) -> Dir {
        Dir::open_ambient_dir(self.path(""), ambient_authority()).unwrap()
    }

    fn tree(&self) -> Tree {
        Tree::read(&self.path(""))
    }

    fn check(&self, start: &Tree, end: &Tree) -> Vec<String> {
        let moved = check(&start.changes(end), &self.dir()).unwrap();
        moved.iter().map(Moved::to_string).collect()
    }

    fn apply(&self, start: &Tree, end: &Tree, force: bool) -> Result<ChangeCounts, ApplyError> {
        apply(&start.changes(end), &Stored::of(&[start, end]), &self.dir(), force)
    }

    /// Applies changes that must be refused, and checks that they change nothing.
    fn refuse(&self, start: &Tree, end: &Tree, force: bool) -> ApplyError {
        let before = self.tree();
        let refused = self.apply(start, end, force).unwrap_err();
        assert_eq!(self.tree(), before);
        self.assert_nothing_outside_has_changed();
        refused
    }

    fn assert_nothing_outside_has_changed(&self) {
        assert_eq!(Tree::read(&self.outside("")), Tree::new([("secret", file("secret"))]));
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

proptest! {
    // Each case makes directories.
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changes_make_one_tree_of_the_other_and_then_nothing((start, end) in trees()) {
        let source = Source::new(&start);
        prop_assert_eq!(source.check(&start, &end), [""; 0]);
        source.apply(&start, &end, false).unwrap();
        prop_assert_eq!(source.tree(), end.clone());
        prop_assert_eq!(source.apply(&start, &end, false).unwrap(), ChangeCounts::default());
        source.apply(&end, &start, false).unwrap();
        prop_assert_eq!(source.tree(), start);
    }

    #[test]
    fn what_others_did_is_lost_by_force_alone((start, end, other) in forked_trees()) {
        let source = Source::new(&other);
        let changes = start.changes(&end);
        match source.apply(&start, &end, false) {
            Err(ApplyError::Moved(moved)) => {
                prop_assert_eq!(moved, check(&changes, &source.dir()).unwrap());
                prop_assert_eq!(source.tree(), other.clone());
                match source.apply(&start, &end, true) {
                    Err(ApplyError::InTheWay { .. }) => {
                        prop_assert_eq!(source.tree(), other);
                        return Ok(());
                    }
                    applied => drop(applied.unwrap()),
                }
            }
            applied => drop(applied.unwrap()),
        }
        let made = source.tree();
        for change in &changes {
            let wanted = end.get(&change.path);
            let is = made.get(&change.path);
            // Where something is gone in one, something else may be in the other.
            let is_kept = wanted.is_none() && (is == other.get(&change.path) || is == Some(&Item::Directory));
            prop_assert!(is == wanted || is_kept, "{:?}", change);
        }
        for path in other.paths().filter(|path| changes.iter().all(|change| change.path != *path)) {
            prop_assert_eq!(made.get(path), other.get(path), "{}", path);
        }
    }
}

#[test]
fn what_was_done_is_counted() {
    let start = Tree::new([
        ("changed", file("1")),
        ("dir/gone", file("2")),
        ("link", link("a")),
        ("mode", file("3")),
        ("done", file("4")),
    ]);
    let end = Tree::new([
        ("changed", file("2")),
        ("link", file("a")),
        ("mode", program("3")),
        ("new/deep", file("5")),
        ("new/link", link("deep")),
    ]);
    let source = Source::new(&start);
    std::fs::remove_file(source.path("done")).unwrap();
    let applied = source.apply(&start, &end, false).unwrap();
    assert_eq!(applied, ChangeCounts { added: 2, modified: 3, deleted: 1 });
    assert_eq!(source.tree(), end);
}

#[test]
fn what_has_moved_is_told_and_replaced_by_force_alone() {
    let start = Tree::new([
        ("changed", file("1")),
        ("gone", file("2")),
        ("mode", file("3")),
        ("removed", file("4")),
        ("same", file("5")),
        ("link", link("a")),
    ]);
    let end = Tree::new([
        ("changed", file("1 by the task")),
        ("gone", file("2 by the task")),
        ("mode", file("3 by the task")),
        ("same", file("5 by the task")),
        ("link", link("b")),
        ("new", file("6 by the task")),
        ("new-too", file("7 by both")),
    ]);
    let other = Tree::new([
        ("changed", file("1 by another")),
        ("mode", program("3")),
        ("removed", file("4 by another")),
        ("same", file("5")),
        ("link", link("c")),
        ("new", file("6 by another")),
        ("new-too", file("7 by both")),
        ("untouched", file("8")),
    ]);
    let source = Source::new(&other);
    let told = [
        "`changed` was changed",
        "`gone` is gone",
        "`link` was changed",
        "`mode` was changed",
        "`new` is there",
        "`removed` was changed",
    ];
    assert_eq!(source.check(&start, &end), told);
    let refused = source.refuse(&start, &end, false);
    assert_eq!(
        refused.to_string(),
        format!("apply the changes: {} and 1 more", told[..5].join(", "))
    );
    let applied = source.apply(&start, &end, true).unwrap();
    assert_eq!(applied, ChangeCounts { added: 1, modified: 5, deleted: 1 });
    let mut forced = end.clone();
    forced.put("untouched", file("8"));
    assert_eq!(source.tree(), forced);
}

#[test]
fn a_link_on_the_way_is_never_followed() {
    let start = Tree::new([("dir/secret", file("secret")), ("dir/deep/x", file("x"))]);
    let end = Tree::new([("dir/secret", file("mine")), ("dir/deep/y", file("y"))]);
    for target in ["../outside", "/tmp", "."] {
        let source = Source::new(&Tree::default());
        symlink(target, source.path("dir")).unwrap();
        assert!(
            source
                .check(&start, &end)
                .iter()
                .all(|told| told.ends_with("lies under `dir`, which is no directory"))
        );
        assert!(matches!(source.refuse(&start, &end, false), ApplyError::Moved(_)));
        let forced = source.refuse(&start, &end, true);
        assert!(matches!(forced, ApplyError::InTheWay { path, .. } if path == "dir"));
        // Not for removing anything either.
        let forced = source.refuse(&start, &Tree::default(), true);
        assert!(matches!(forced, ApplyError::InTheWay { path, .. } if path == "dir"));
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
    let start = Tree::new([("a", file("secret")), ("b", file("secret"))]);
    let end = Tree::new([("a", file("mine"))]);
    let source = Source::new(&Tree::default());
    symlink("../outside/secret", source.path("a")).unwrap();
    symlink("../outside/secret", source.path("b")).unwrap();
    assert_eq!(source.check(&start, &end), ["`a` was changed", "`b` was changed"]);
    source.apply(&start, &end, true).unwrap();
    assert_eq!(source.tree(), end);
    source.assert_nothing_outside_has_changed();
}

#[test]
fn a_link_that_becomes_a_directory_is_not_written_through() {
    let start = Tree::new([("a", link("../outside"))]);
    let end = Tree::new([("a/secret", file("mine")), ("a/new", file("mine"))]);
    let source = Source::new(&start);
    source.apply(&start, &end, false).unwrap();
    assert_eq!(source.tree(), end);
    source.assert_nothing_outside_has_changed();
    // And back: what was in the directory is not sought behind the link.
    source.apply(&end, &start, false).unwrap();
    assert_eq!(source.tree(), start);
    assert_eq!(source.apply(&end, &start, false).unwrap(), ChangeCounts::default());
    source.assert_nothing_outside_has_changed();
}

#[test]
fn a_file_where_a_directory_was_stays() {
    let start = Tree::new([("dir/a", file("1"))]);
    let end = Tree::new([("dir/a", file("2"))]);
    let source = Source::new(&Tree::new([("dir", file("important"))]));
    assert_eq!(source.check(&start, &end), ["`dir/a` lies under `dir`, which is no directory"]);
    assert!(matches!(source.refuse(&start, &end, true), ApplyError::InTheWay { .. }));
}

#[test]
fn a_directory_with_something_else_in_it_stays() {
    let start = Tree::new([("gone/a", file("1")), ("replaced/b", file("2"))]);
    let mut other = start.clone();
    other.put("gone/other", file("important"));
    let source = Source::new(&other);
    source.apply(&start, &Tree::new([("replaced/b", file("2"))]), false).unwrap();
    other.remove("gone/a");
    assert_eq!(source.tree(), other);

    let end = Tree::new([("gone/a", file("1")), ("replaced", file("3"))]);
    source.apply(&end, &start, true).unwrap();
    std::fs::write(source.path("replaced/other"), "important").unwrap();
    assert_eq!(source.check(&start, &end), ["`replaced/other` is there"]);
    let forced = source.refuse(&start, &end, true);
    assert!(matches!(forced, ApplyError::InTheWay { path, .. } if path == "replaced"));
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let source = Source::new(&Tree::default());
    let at = rustix::fs::CWD;
    rustix::fs::mknodat(at, source.path("a"), rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    let (start, end) = (Tree::new([("a", file("1"))]), Tree::new([("a", file("2"))]));
    assert_eq!(source.check(&start, &end), ["`a` was changed"]);
    source.apply(&start, &end, true).unwrap();
    assert_eq!(source.tree(), end);
}

/// Contents of which one can't be read to its end.
struct Failing<'a> {
    stored: &'a Stored,
    left: Cell<usize>,
}

impl Contents for Failing<'_> {
    fn open(&self, blake3: &Digest) -> io::Result<Box<dyn Read + '_>> {
        let content = self.stored.open(blake3)?;
        let Some(left) = self.left.get().checked_sub(1) else {
            return Ok(Box::new(content.take(1).chain(Unreadable)));
        };
        self.left.set(left);
        Ok(content)
    }
}

struct Unreadable;

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is on fire"))
    }
}

#[test]
fn a_content_that_cannot_be_read_leaves_everything_as_it_was() {
    let start = Tree::new([("a", file("1")), ("dir/b", file("2")), ("x", file("3"))]);
    let end = Tree::new([
        ("a", program("11")),
        ("dir", file("22")),
        ("link", link("a")),
        ("new/c", file("33")),
    ]);
    let (source, stored) = (Source::new(&start), Stored::of(&[&end]));
    let changes = start.changes(&end);
    for left in 0..3 {
        let failing = Failing { stored: &stored, left: Cell::new(left) };
        let failed = apply(&changes, &failing, &source.dir(), false).unwrap_err();
        assert!(failed.to_string().ends_with("the disk is on fire"), "{failed}");
        assert_eq!(source.tree(), start);
    }
    for other in ["22 and more", "2", "23"] {
        let mut stored = Stored::of(&[&end]);
        stored.falsify("22", other);
        let failed = apply(&changes, &stored, &source.dir(), false).unwrap_err();
        assert!(matches!(failed, ApplyError::Content { path, .. } if path == "dir"));
        assert_eq!(source.tree(), start);
    }
    apply(&changes, &stored, &source.dir(), false).unwrap();
    assert_eq!(source.tree(), end);
}

#[test]
fn modes_keep_what_changes_do_not_know_of() {
    let start = Tree::new([
        ("private", file("1")),
        ("shared", file("2")),
        ("tool", program("3")),
        ("mode", file("4")),
    ]);
    let end = Tree::new([
        ("private", file("11")),
        ("shared", program("22")),
        ("tool", file("33")),
        ("mode", program("4")),
        ("new", program("5")),
    ]);
    let source = Source::new(&start);
    set_mode(&source.path("private"), 0o600);
    set_mode(&source.path("shared"), 0o664);
    set_mode(&source.path("tool"), 0o4751);
    set_mode(&source.path("mode"), 0o640);
    let inode = std::fs::metadata(source.path("mode")).unwrap().ino();
    source.apply(&start, &end, false).unwrap();
    assert_eq!(source.tree(), end);
    for (path, expected) in
        [("private", 0o600), ("shared", 0o775), ("tool", 0o640), ("mode", 0o750)]
    {
        assert_eq!(mode(&source.path(path)), expected, "{path}");
    }
    assert_eq!(mode(&source.path("new")) & 0o700, 0o700);
    // A file that only becomes executable is not written anew.
    assert_eq!(std::fs::metadata(source.path("mode")).unwrap().ino(), inode);
}

#[test]
fn what_a_killed_process_left_is_neither_used_nor_removed() {
    let source = Source::new(&Tree::new([(".errand-apply-0/0", file("left"))]));
    symlink("../outside", source.path(".errand-apply-1")).unwrap();
    let before = source.tree();
    let end = Tree::new([("a", file("1"))]);
    source.apply(&Tree::default(), &end, false).unwrap();
    let mut after = before;
    after.put("a", file("1"));
    assert_eq!(source.tree(), after);
    source.assert_nothing_outside_has_changed();
}

#[test]
fn git_and_what_lies_outside_are_refused_by_force_too() {
    let source = Source::new(&Tree::default());
    for path in ["../outside/secret", "/tmp/x", ".git/hooks/post-commit", "a/.GIT/config"] {
        let after = Tree::new([("x", file("evil"))]);
        let mut changes = Tree::default().changes(&after);
        changes[0].path = path.into();
        let refused = apply(&changes, &Stored::of(&[&after]), &source.dir(), true).unwrap_err();
        assert!(matches!(refused, ApplyError::Refused { .. }), "{path}: {refused}");
    }
    assert_eq!(source.tree(), Tree::default());
    source.assert_nothing_outside_has_changed();
}

/// Contents that are read while somebody else puts a link in the place of a directory.
struct Swapping<'a> {
    stored: &'a Stored,
    source: &'a Source,
}

impl Contents for Swapping<'_> {
    fn open(&self, blake3: &Digest) -> io::Result<Box<dyn Read + '_>> {
        if !self.source.path("dir").is_symlink() {
            std::fs::rename(self.source.path("dir"), self.source.path("was")).unwrap();
            symlink("../outside", self.source.path("dir")).unwrap();
        }
        self.stored.open(blake3)
    }
}

#[test]
fn a_link_that_comes_while_contents_are_read_is_not_followed_and_the_rest_can_be_done_again() {
    let start = Tree::new([("a", file("1")), ("dir/secret", file("2")), ("z", file("3"))]);
    let end = Tree::new([("a", file("11")), ("dir/secret", file("22")), ("dir/new", file("33"))]);
    let (source, stored) = (Source::new(&start), Stored::of(&[&end]));
    let changes = start.changes(&end);
    let swapping = Swapping { stored: &stored, source: &source };
    let failed = apply(&changes, &swapping, &source.dir(), true).unwrap_err();
    assert!(matches!(failed, ApplyError::Io { path, .. } if path == "dir/new"));
    source.assert_nothing_outside_has_changed();
    std::fs::remove_file(source.path("dir")).unwrap();
    std::fs::rename(source.path("was"), source.path("dir")).unwrap();
    assert_eq!(source.tree().get("a"), end.get("a"), "it came as far as that");
    assert_eq!(source.tree().get("z"), start.get("z"), "nothing is removed before all is there");
    let applied = source.apply(&start, &end, false).unwrap();
    assert_eq!(applied, ChangeCounts { added: 1, modified: 1, deleted: 1 });
    assert_eq!(source.tree(), end);
}
