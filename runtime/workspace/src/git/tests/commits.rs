//! What a task changed, as a commit on a branch.

use std::io::Read;

use errand_core::{Change, Digest, Node, UnixMillis};

use super::*;

fn file(content: &str, executable: bool) -> Option<Node> {
    let blake3 = Digest::of(content.as_bytes());
    Some(Node::File { executable, size_bytes: content.len() as u64, blake3 })
}

fn change(path: &str, before: Option<Node>, after: Option<Node>) -> Change {
    Change { path: path.into(), before, after }
}

fn author() -> Author {
    let at = UnixMillis(1_700_000_000_123);
    Author { name: "Bob Büchner".into(), email: "bob@example.org".into(), at }
}

/// Commits with contents from a list.
fn commit(
    bench: &Bench,
    branch: &str,
    changes: &[Change],
    contents: &[&str],
) -> Result<CommitId, StartError> {
    let base = bench.id("HEAD");
    let author = author();
    let message = "Mend it\n\nAnd say why.";
    let new = NewCommit { base: &base, branch, changes, message, author: &author };
    let contents = |digest: &Digest| {
        let content = contents.iter().find(|content| Digest::of(content.as_bytes()) == *digest);
        content.map(|content| content.as_bytes()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    bench.repository().commit_changes(&new, contents, &Bounds::of_bytes(1 << 20))
}

fn new_file() -> [Change; 1] {
    [change("new", None, file("n", false))]
}

#[test]
fn changes_become_a_commit_on_a_new_branch_and_nothing_else_changes() {
    let bench = Bench::new();
    for name in ["gone", "dir/inner", "was-file", "was-dir/x", "kept"] {
        bench.write(name, name);
    }
    let base = bench.commit("second");
    let directory = Some(Node::Directory);
    let link = Some(Node::Symlink { target: "a.txt".into() });
    let changes = [
        change("a.txt", file("a\n", false), file("a\n", true)),
        change("dir/new \"q\"\\\n\t\u{fc}", None, file("new", false)),
        change("empty", None, file("", false)),
        change("emptydir", None, directory.clone()),
        change("gone", file("gone", false), None),
        change("link", None, link),
        change("was-dir", directory.clone(), file("now a file", false)),
        change("was-dir/x", file("was-dir/x", false), None),
        change("was-file", file("was-file", false), directory),
        change("was-file/y", None, file("y", false)),
    ];
    let contents = ["a\n", "new", "", "now a file", "y"];
    let made = commit(&bench, "errand/mended", &changes, &contents).unwrap();

    // The same by hand.
    let (repo, index) = (bench.path("repo"), bench.path("repo/.git/index"));
    let index_before = std::fs::read(&index).unwrap();
    bench.git(&["worktree", "add", "--quiet", "--detach", "../hand"]);
    let hand = bench.path("hand");
    for gone in ["gone", "was-file"] {
        std::fs::remove_file(hand.join(gone)).unwrap();
    }
    std::fs::remove_dir_all(hand.join("was-dir")).unwrap();
    std::fs::create_dir(hand.join("was-file")).unwrap();
    for (name, content) in [
        ("dir/new \"q\"\\\n\t\u{fc}", "new"),
        ("empty", ""),
        ("was-dir", "now a file"),
        ("was-file/y", "y"),
    ] {
        std::fs::write(hand.join(name), content).unwrap();
    }
    std::os::unix::fs::symlink("a.txt", hand.join("link")).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(hand.join("a.txt"), std::fs::Permissions::from_mode(0o755)).unwrap();
    git_in(&hand, &["add", "--all"]);
    let tree = git_in(&hand, &["write-tree"]);
    assert_eq!(bench.git(&["rev-parse", &format!("{made}^{{tree}}")]), tree);

    assert_eq!(bench.id("refs/heads/errand/mended"), made);
    let said = bench.git(&["log", "-1", "--format=%P|%an|%ae|%at|%cn|%B", made.as_str()]);
    let expected = "|Bob Büchner|bob@example.org|1700000000|Bob Büchner|Mend it\n\nAnd say why.";
    assert_eq!(said, format!("{base}{expected}"));
    assert_eq!(bench.id("HEAD"), base);
    assert_eq!(std::fs::read(&index).unwrap(), index_before);
    assert_eq!(git_in(&repo, &["status", "--porcelain"]), "");
    assert_eq!(bench.git(&["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn an_existing_branch_is_refused_and_stays() {
    let bench = Bench::new();
    bench.git(&["branch", "there"]);
    let before = bench.id("there");
    for (branch, why) in [("there", "exists already"), ("main", "exists already")] {
        let refused = commit(&bench, branch, &new_file(), &["n"]).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    // One that is the directory of another.
    let refused = commit(&bench, "there/below", &new_file(), &["n"]).unwrap_err();
    assert!(matches!(refused, StartError::Refused(_)), "{refused:?}");
    assert_eq!(bench.id("there"), before);
}

#[test]
fn bad_names_of_branches_are_refused() {
    let bench = Bench::new();
    for bad in
        ["", "-x", "HEAD", "a..b", "a b", "a~1", "@{-1}", "a.lock", "/a", "a/", "a:b", "a\nb", ".a"]
    {
        let refused = commit(&bench, bad, &new_file(), &["n"]).unwrap_err();
        assert!(refused.to_string().contains("the branch"), "{bad:?}: {refused}");
    }
    assert_eq!(bench.git(&["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn bad_changes_authors_and_messages_are_refused_and_make_no_branch() {
    let bench = Bench::new();
    for path in ["../x", "/x", ".git/hooks/post-checkout", "a/.GIT/config", ""] {
        let changes = [change(path, None, file("n", false))];
        assert!(commit(&bench, "new", &changes, &["n"]).is_err(), "{path}");
    }
    let nothing = [change("d", None, Some(Node::Directory))];
    let refused = commit(&bench, "new", &nothing, &[]).unwrap_err();
    assert!(refused.to_string().contains("no change"), "{refused}");
    let missing = commit(&bench, "new", &new_file(), &[]).unwrap_err();
    assert!(matches!(missing, StartError::Io(_)), "{missing:?}");

    let base = bench.id("HEAD");
    let short = |_: &Digest| Ok("".as_bytes());
    let long = |_: &Digest| Ok("nn".as_bytes());
    let changes = new_file();
    let good = author();
    let new =
        NewCommit { base: &base, branch: "new", changes: &changes, message: "m", author: &good };
    let repository = bench.repository();
    let bounds = Bounds::of_bytes(9);
    for contents in [&short as &dyn Fn(&Digest) -> std::io::Result<&'static [u8]>, &long] {
        let changed = repository.commit_changes(&new, contents, &bounds).unwrap_err();
        assert!(matches!(changed, StartError::Changed(_)), "{changed:?}");
    }
    let fine = |_: &Digest| Ok("n".as_bytes());
    for (name, email) in [("", "e"), ("a\nb", "e"), ("a <", "e"), ("a", "e>\nparent x")] {
        let author = Author { name: name.into(), email: email.into(), ..author() };
        let new = NewCommit { author: &author, ..new };
        assert!(repository.commit_changes(&new, fine, &bounds).is_err(), "{name:?} {email:?}");
    }
    let nul = NewCommit { message: "a\0b", ..new };
    assert!(repository.commit_changes(&nul, fine, &bounds).is_err());
    assert_eq!(bench.git(&["branch", "--format=%(refname:short)"]), "main");
    repository.commit_changes(&new, fine, &bounds).unwrap();
}

#[test]
fn changes_in_a_submodule_are_refused_and_others_keep_it() {
    let bench = Bench::new();
    bench.git(&["clone", "--quiet", ".", "../other"]);
    bench.git(&["submodule", "--quiet", "add", "../other", "sub"]);
    bench.commit("second");
    let inner = [change("sub/x", None, file("n", false))];
    let refused = commit(&bench, "new", &inner, &["n"]).unwrap_err();
    assert!(refused.to_string().contains("submodule"), "{refused}");
    let removed =
        [change("sub", Some(Node::Directory), None), change("new", None, file("n", false))];
    let made = commit(&bench, "new", &removed, &["n"]).unwrap();
    assert!(bench.git(&["ls-tree", made.as_str(), "sub"]).starts_with("160000"));
}

#[test]
fn a_large_content_is_streamed_and_a_bare_repository_takes_commits() {
    let bench = Bench::new();
    bench.git(&["clone", "--quiet", "--bare", ".", "../bare"]);
    let base = bench.id("HEAD");
    let size_bytes = 3 << 20;
    let blake3 = Digest::of(b"never looked at here");
    let changes =
        [change("large", None, Some(Node::File { executable: false, size_bytes, blake3 }))];
    let author = author();
    let new =
        NewCommit { base: &base, branch: "new", changes: &changes, message: "m", author: &author };
    let contents = |_: &Digest| Ok(std::io::repeat(b'x').take(size_bytes));
    let bare = bench.open("bare").unwrap();
    let made = bare.commit_changes(&new, contents, &Bounds::of_bytes(9)).unwrap();
    let size = git_in(&bench.path("bare"), &["cat-file", "-s", &format!("{made}:large")]);
    assert_eq!(size, size_bytes.to_string());
}

#[test]
fn an_author_is_who_the_configuration_says() {
    let bench = Bench::new();
    for (key, value) in [("user.name", "Bob B\u{fc}chner"), ("user.email", "bob@example.org")] {
        bench.git(&["config", key, value]);
    }
    let at = UnixMillis(1_700_000_000_123);
    let said = bench.repository().configured_author(at, &StopFlag::default()).unwrap();
    assert_eq!(said, Some(author()));
    bench.git(&["config", "user.email", " "]);
    let said = bench.repository().configured_author(at, &StopFlag::default()).unwrap();
    assert_eq!(said, None, "it overrules the machine's");
}
