//! Patches against git itself: what it makes of them, forwards and back.

#![expect(clippy::disallowed_methods, reason = "tests make their own files")]

pub(crate) mod trees;

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use trees::{Stored, Tree, file, link, program, trees};

fn diff(start: &Tree, end: &Tree) -> Vec<u8> {
    let mut patch = Vec::new();
    let stored = Stored::of(&[start, end]);
    write_diff(&start.changes(end), &stored, &mut patch).unwrap();
    patch
}

fn shown(start: &Tree, end: &Tree) -> String {
    String::from_utf8(diff(start, end)).unwrap()
}

/// Runs git as on a machine where nobody has configured it, and says what it complains of.
fn git(at: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(at)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", at)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CEILING_DIRECTORIES", at.parent().unwrap())
        .output()
        .expect("git can be started");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Has git apply the patch to the one and, reversed, to what came of it.
fn round_trip(start: &Tree, end: &Tree) -> Result<(), String> {
    let patch = diff(start, end);
    let directory = tempfile::tempdir().unwrap();
    let (at, patch_file) = (directory.path().join("tree"), directory.path().join("patch"));
    std::fs::create_dir(&at).unwrap();
    let (start, end) = (start.clone().without_directories(), end.clone().without_directories());
    start.write(&at);
    std::fs::write(&patch_file, &patch).unwrap();
    let patch_file = patch_file.to_str().unwrap();
    // Git refuses a patch that says nothing.
    let apply = |arguments: &[&str]| if patch.is_empty() { Ok(()) } else { git(&at, arguments) };
    let made = || Tree::read(&at).without_directories();
    let wrong = |how: &str| Err(format!("{how}: {:#?}\n{}", made(), patch.escape_ascii()));
    apply(&["apply", "--whitespace=nowarn", patch_file]).or_else(|error| wrong(&error))?;
    if made() != end {
        return wrong("applied");
    }
    apply(&["apply", "--whitespace=nowarn", "-R", patch_file]).or_else(|error| wrong(&error))?;
    if made().is_restored(&start, &end) { Ok(()) } else { wrong("reversed") }
}

proptest! {
    // Each case makes directories.
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn git_makes_one_tree_of_the_other_and_back((start, end) in trees()) {
        round_trip(&start, &end).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_file_and_a_directory_replace_each_other() {
    let one = Tree::new([("a", file("1\n")), ("b/c/d", file("2\n")), ("b/e", file("3\n"))]);
    let other = Tree::new([("a/b/c", file("4\n")), ("b", file("5\n"))]);
    round_trip(&one, &other).unwrap();
    // The same contents, so that they move into and out of what they replace.
    let other = Tree::new([("a/b", file("1\n")), ("b", file("2\n"))]);
    round_trip(&one, &other).unwrap();
}

#[test]
fn a_link_and_a_directory_replace_each_other() {
    let one = Tree::new([("a", link("b")), ("b/c", file("1\n"))]);
    let other = Tree::new([("a/c", file("2\n")), ("b/c", file("1\n"))]);
    round_trip(&one, &other).unwrap();
    round_trip(&other, &one).unwrap();
}

#[test]
fn a_moved_file_is_a_rename_with_its_mode() {
    let start = Tree::new([("a b/x", file("same\n")), ("empty", file(""))]);
    let end = Tree::new([("é/x", program("same\n")), ("void", file(""))]);
    assert_eq!(
        shown(&start, &end),
        "diff --git a/empty b/empty\ndeleted file mode 100644\n\
         diff --git a/void b/void\nnew file mode 100644\n\
         diff --git a/a b/x \"b/\\303\\251/x\"\nold mode 100644\nnew mode 100755\n\
         similarity index 100%\nrename from a b/x\nrename to \"\\303\\251/x\"\n"
    );
    round_trip(&start, &end).unwrap();
}

#[test]
fn a_changed_link_says_that_it_is_one() {
    let (start, end) = (Tree::new([("a", link("x"))]), Tree::new([("a", link("y"))]));
    let patch = shown(&start, &end);
    assert!(patch.lines().any(|line| line.starts_with("index ") && line.ends_with(" 120000")));
    assert!(patch.ends_with(
        "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n\
         +y\n\\ No newline at end of file\n"
    ));
    let file = Tree::new([("a", file("x"))]);
    assert!(shown(&start, &file).contains("deleted file mode 120000\n--- a/a\n+++ /dev/null\n"));
    round_trip(&start, &end).unwrap();
    round_trip(&start, &file).unwrap();
    round_trip(&file, &start).unwrap();
}

#[test]
fn what_is_no_text_or_too_large_is_a_binary_patch() {
    let long = "0123456789abcde\n".repeat((MAX_TEXT_BYTES / 16 + 1) as usize);
    let start =
        Tree::new([("long", file(&long)), ("zero", file("\0")), ("latin", file(b"\xe9\n"))]);
    let end = Tree::new([
        ("long", program(format!("x{long}"))),
        ("zero", file("now a text\n")),
        ("latin", file(b"\xe8\n")),
        ("new", file(b"\0\xff")),
    ]);
    let patch = shown(&start, &end);
    assert_eq!(patch.matches("GIT binary patch\n").count(), 4);
    assert!(!patch.contains("@@"), "lines of what has none");
    round_trip(&start, &end).unwrap();
}

#[test]
fn git_takes_binary_patches_into_its_index_too() {
    let start = Tree::new([("a", file(b"\0one")), ("b", file("text\n")), ("l", link("a"))]);
    let end = Tree::new([("a", file(b"\0two")), ("c", program("text\n")), ("l", link("c"))]);
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    start.write(at);
    git(at, &["init", "--quiet"]).unwrap();
    git(at, &["add", "."]).unwrap();
    let patch = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(patch.path(), diff(&start, &end)).unwrap();
    git(at, &["apply", "--index", patch.path().to_str().unwrap()]).unwrap();
    std::fs::remove_dir_all(at.join(".git")).unwrap();
    assert_eq!(Tree::read(at), end);
}

#[test]
fn texts_of_two_lines_in_any_order_are_told_apart() {
    // A generator of our own, so that every run has the same texts.
    let mut state = 1u64;
    let mut text = |lines: usize| {
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if state >> 63 == 0 { "a\n" } else { "b\n" }
        };
        (0..lines).map(next).collect::<String>()
    };
    let (start, end) = (text(10_000), text(10_000));
    round_trip(&Tree::new([("x", file(start))]), &Tree::new([("x", file(end))])).unwrap();
}

#[test]
fn a_content_of_another_size_is_an_error() {
    let large = "x".repeat(MAX_TEXT_BYTES as usize + 1);
    for content in ["short", &large] {
        let end = Tree::new([("x", file(content))]);
        let changes = Tree::default().changes(&end);
        for other in [&content[1..], &format!("{content}x")] {
            let mut stored = Stored::default();
            stored.falsify(content, other);
            let error = write_diff(&changes, &stored, &mut io::sink()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        let error = write_diff(&changes, &Stored::default(), &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
