//! What a commit has in it, listed and placed.

use std::io::Read;

use super::*;

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

fn listed(bench: &Bench, commit: &CommitId, sparse: &[&str]) -> Result<Vec<String>, StartError> {
    let sparse: Vec<String> = sparse.iter().map(|path| (*path).to_owned()).collect();
    let sparse = SparsePaths::new(&sparse)?;
    let tree = bench.repository().tree(commit, &sparse, &Bounds::of_bytes(1 << 20))?;
    Ok(tree.entries().iter().map(|entry| entry.path.clone()).collect())
}

/// Makes a commit of a tree that git itself would not make from files.
fn commit_of(bench: &Bench, tree: &[u8]) -> CommitId {
    let args = ["hash-object", "-t", "tree", "-w", "--stdin", "--literally"];
    let tree = git_fed(&bench.path("repo"), &args, tree);
    bench.git(&["commit-tree", "-m", "odd", &tree]).parse().unwrap()
}

/// An entry of a tree as git keeps it.
fn raw(bench: &Bench, mode: &str, name: &[u8], id: &str) -> Vec<u8> {
    let id = bench.git(&["rev-parse", id]);
    let digits = id.as_bytes().chunks(2);
    let bytes = digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap());
    [mode.as_bytes(), b" ", name, b"\0"].concat().into_iter().chain(bytes).collect()
}

#[test]
fn modes_links_and_names_are_placed_as_they_are() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.write("run me.sh", "#!/bin/sh\n");
    bench.write("grüße/\u{65e5}\u{672c} \n\".txt", "hello");
    bench.write("empty", "");
    bench.write("large", &"0123456789abcdef".repeat(9_000));
    let repo = bench.path("repo");
    std::fs::set_permissions(repo.join("run me.sh"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    std::os::unix::fs::symlink("../a.txt", repo.join("src/link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", repo.join("out")).unwrap();
    let commit = bench.commit("second");
    // What lies in the work tree is not asked.
    bench.write("a.txt", "changed");
    let (workspace, placed) = bench.placed(&commit, &[]);
    assert_eq!(placed, Placed::default());
    let dir = &workspace.dir;
    assert_eq!(dir.read_to_string("a.txt").unwrap(), "a\n");
    assert_eq!(dir.read_to_string("grüße/\u{65e5}\u{672c} \n\".txt").unwrap(), "hello");
    assert_eq!(dir.read_to_string("empty").unwrap(), "");
    assert_eq!(dir.metadata("large").unwrap().len(), 144_000);
    assert_eq!(dir.read_link_contents("src/link").unwrap(), Path::new("../a.txt"));
    assert_eq!(dir.read_link_contents("out").unwrap(), Path::new("/etc/passwd"));
    let is_executable = |name| {
        use cap_std::fs::MetadataExt;
        dir.metadata(name).unwrap().mode() & 0o111 != 0
    };
    assert!(is_executable("run me.sh"));
    assert!(!is_executable("a.txt"));
    assert!(!dir.exists(".git"));
}

#[test]
fn the_bytes_are_the_commits_whatever_attributes_say() {
    let bench = Bench::new();
    bench.write(".gitattributes", "*.txt text eol=crlf ident\n");
    let commit = bench.commit("second");
    let (workspace, _) = bench.placed(&commit, &[]);
    assert_eq!(workspace.dir.read_to_string("a.txt").unwrap(), "a\n");
}

#[test]
fn submodules_are_empty_directories_and_lfs_pointers_stay_and_both_are_named() {
    let bench = Bench::new();
    bench.git(&["clone", "--quiet", ".", "../other"]);
    bench.git(&["submodule", "--quiet", "add", "../other", "deps/other"]);
    bench.write("big.bin", POINTER);
    let commit = bench.commit("second");
    let (workspace, placed) = bench.placed(&commit, &[]);
    assert_eq!(placed.submodules, ["deps/other"]);
    assert_eq!(placed.lfs_pointers, ["big.bin"]);
    assert_eq!(workspace.dir.read_to_string("big.bin").unwrap(), POINTER);
    assert_eq!(workspace.dir.read_dir("deps/other").unwrap().count(), 0);
    assert!(workspace.dir.exists(".gitmodules"));
}

#[test]
fn named_paths_alone_are_placed() {
    let bench = Bench::new();
    for name in ["docs/a.md", "docs/deep/b.md", "docs-not/c.md", "x/y/z", "x/other", "*"] {
        bench.write(name, "x");
    }
    let commit = bench.commit("second");
    let paths = listed(&bench, &commit, &["docs/", "x/y/z"]).unwrap();
    assert_eq!(paths, ["docs", "docs/a.md", "docs/deep", "docs/deep/b.md", "x", "x/y", "x/y/z"]);
    for twice in [["docs", "docs/a.md"], ["docs/a.md", "docs"], ["docs", "docs"]] {
        assert_eq!(listed(&bench, &commit, &twice).unwrap(), paths[..4]);
    }
    assert_eq!(listed(&bench, &commit, &["*"]).unwrap(), ["*"], "it is no pattern");
    let missing = listed(&bench, &commit, &["docs", "docs/none"]).unwrap_err().to_string();
    assert!(missing.contains("`docs/none` is not in the commit"), "{missing}");
    let (workspace, _) = bench.placed(&commit, &["docs"]);
    assert!(workspace.dir.exists("docs/deep/b.md") && !workspace.dir.exists("a.txt"));
}

#[test]
fn names_that_no_workspace_can_hold_are_refused() {
    let bench = Bench::new();
    let blob = |mode: &str, name: &[u8]| raw(&bench, mode, name, "HEAD:a.txt");
    let tree = |name: &[u8]| raw(&bench, "40000", name, "HEAD:src");
    let twice = [blob("100644", b"x"), blob("100755", b"x")].concat();
    let both = [blob("100644", b"src"), tree(b"src")].concat();
    for (bad, why) in [
        (blob("100644", b"\xff\xfe"), "not UTF-8"),
        (blob("100644", b".."), "`..`"),
        (tree(b".git"), "`.git`"),
        (tree(b".GIT"), "`.git`"),
        (blob("100644", b"."), "`.`"),
        (blob("100644", &b"n".repeat(256)), "no file can be called"),
        (twice, "twice"),
        (both, "twice"),
    ] {
        let commit = commit_of(&bench, &bad);
        match listed(&bench, &commit, &[]) {
            Err(StartError::Refused(message)) => assert!(message.contains(why), "{message}"),
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[test]
fn a_link_to_no_name_is_refused() {
    let bench = Bench::new();
    let id = git_fed(&bench.path("repo"), &["hash-object", "-w", "--stdin"], b"a\0b");
    bench.git(&["update-index", "--add", "--cacheinfo", &format!("120000,{id},bad")]);
    bench.git(&["commit", "--quiet", "-m", "second"]);
    let repository = bench.repository();
    let mut contents = repository.contents(&stop()).unwrap();
    let refused = contents.target("bad", &id.parse().unwrap()).unwrap_err();
    assert!(refused.to_string().contains("`bad`"), "{refused}");
}

#[test]
fn what_is_too_large_is_said_with_what_takes_the_room() {
    let bench = Bench::new();
    bench.write("data/large", &"x".repeat(2_000));
    let commit = bench.commit("second");
    let tree = |bounds: &Bounds| {
        bench.repository().tree(&commit, &SparsePaths::default(), bounds).unwrap_err()
    };
    let error = tree(&Bounds::of_bytes(1_000));
    assert!(matches!(error, StartError::TooLarge { .. }));
    assert!(error.to_string().contains("`data/large` (1.9 KiB)"), "{error}");
    let error = tree(&Bounds { files: 2, ..Bounds::of_bytes(1 << 20) });
    assert!(error.to_string().contains("workspace_files"), "{error}");
}

#[test]
fn contents_are_read_one_after_another_and_what_is_left_is_passed_over() {
    let bench = Bench::new();
    bench.write("large", &"x".repeat(300_000));
    let commit = bench.commit("second");
    let repository = bench.repository();
    let mut contents = repository.contents(&stop()).unwrap();
    let id = |name: &str| -> ObjectId {
        bench.git(&["rev-parse", &format!("{commit}:{name}")]).parse().unwrap()
    };
    let (large, small) = (id("large"), id("a.txt"));
    let mut first = [0; 3];
    for _ in 0..3 {
        contents.open(&large).unwrap().read_exact(&mut first).unwrap();
        let mut text = String::new();
        contents.open(&small).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "a\n");
        let missing = contents.open(&"0".repeat(40).parse().unwrap()).unwrap_err();
        assert!(missing.to_string().contains("partial clone"), "{missing}");
        assert!(contents.open(&id("src")).unwrap_err().to_string().contains("neither"));
    }
}

#[test]
fn a_damaged_object_is_an_error_and_no_endless_wait() {
    let bench = Bench::new();
    let id = bench.git(&["rev-parse", "HEAD:a.txt"]);
    let object = bench.path("repo/.git/objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, "rubbish").unwrap();
    let mut contents = bench.repository().contents(&stop()).unwrap();
    let error = contents.open(&id.parse().unwrap()).unwrap_err();
    assert!(matches!(error, StartError::Refused(_)), "{error:?}");
}
