//! Which directories are repositories, and which names are commits.

use super::*;
use crate::AllowedDirs;

fn refusal(result: Result<impl Sized, StartError>) -> String {
    match result {
        Err(StartError::Refused(message)) => message,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[test]
fn the_top_of_a_work_tree_a_bare_repository_and_a_linked_worktree_are_opened() {
    let bench = Bench::new();
    let head = bench.id("HEAD");
    bench.git(&["clone", "--quiet", "--bare", ".", "../bare"]);
    bench.git(&["worktree", "add", "--quiet", "--detach", "../linked"]);
    git_in(&bench.path("linked"), &["commit", "--quiet", "--allow-empty", "-m", "there"]);
    for name in ["repo", "bare"] {
        assert_eq!(bench.open(name).unwrap().resolve("HEAD", &stop()).unwrap(), head, "{name}");
    }
    let linked = bench.open("linked").unwrap();
    assert_ne!(linked.resolve("HEAD", &stop()).unwrap(), head);
    assert_eq!(linked.resolve("main", &stop()).unwrap(), head);
}

#[test]
fn what_is_not_the_top_of_a_repository_is_refused() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("plain")).unwrap();
    std::fs::create_dir(bench.path("dangling")).unwrap();
    std::fs::write(bench.path("dangling/.git"), "gitdir: ../nowhere\n").unwrap();
    assert!(refusal(bench.open("repo/src")).contains("is not the top directory"));
    assert!(refusal(bench.open("plain")).contains("is not the top directory"));
    assert!(refusal(bench.open("dangling")).contains("not a git repository"));
    let held = Directory::open(&bench.path("repo")).unwrap();
    std::fs::remove_dir_all(bench.path("repo")).unwrap();
    assert!(refusal(bench.git.repository(&held, None, &stop())).contains("removed"));
}

#[test]
fn a_repository_with_objects_of_the_newer_format_is_read() {
    let bench = Bench::empty();
    bench.git(&["init", "--quiet", "--object-format=sha256", "../new"]);
    let new = bench.path("new");
    std::fs::write(new.join("f"), "x").unwrap();
    git_in(&new, &["add", "f"]);
    git_in(&new, &["commit", "--quiet", "-m", "first"]);
    let repository = bench.open("new").unwrap();
    let commit = repository.resolve("HEAD", &stop()).unwrap();
    assert_eq!(commit.as_str().len(), 64);
    let tree = repository.tree(&commit, &SparsePaths::default(), &Bounds::of_bytes(9)).unwrap();
    assert_eq!(tree.entries()[0].path, "f");
    assert!(repository.work_tree_state(&commit, &stop()).unwrap().is_clean_at(&commit));
}

#[test]
fn a_missing_or_old_git_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let directory = Directory::open(&bench.path("repo")).unwrap();
    let opened = |program: Option<PathBuf>| {
        let git = Git::with_program(&bench.path("ours"), program).unwrap();
        refusal(git.repository(&directory, None, &stop()))
    };
    assert!(opened(None).contains("git is not installed"));
    let old = bench.path("old-git");
    std::fs::write(&old, "#!/bin/sh\necho git version 2.11.0\n").unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(opened(Some(old)).contains("`git version 2.11.0`"));
    assert_eq!(version("git version 2.39.5 (Apple Git-154)\n"), Some((2, 39)));
}

#[test]
fn git_directories_and_borrowed_objects_outside_of_the_allowed_ones_are_refused() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("listed")).unwrap();
    bench.git(&["worktree", "add", "--quiet", "../listed/linked"]);
    bench.git(&["clone", "--quiet", "--shared", ".", "../listed/borrowing"]);
    bench.git(&["clone", "--quiet", ".", "../listed/whole"]);
    std::os::unix::fs::symlink("../../repo/.git", bench.path("listed/link")).unwrap();
    std::fs::create_dir(bench.path("listed/linking")).unwrap();
    std::os::unix::fs::symlink("../../repo/.git", bench.path("listed/linking/.git")).unwrap();
    let allowed = AllowedDirs::open(&[bench.path("listed")]).unwrap();
    let opened = |name: &str| {
        let directory = Directory::open(&bench.path("listed").join(name)).unwrap();
        bench.git.repository(&directory, Some(&allowed), &stop())
    };
    assert!(refusal(opened("linked")).contains("is kept in"));
    assert!(refusal(opened("linking")).contains("is kept in"));
    assert!(refusal(opened("borrowing")).contains("is kept in"));
    opened("whole").unwrap();
    let both = AllowedDirs::open(&[bench.path("listed"), bench.path("repo")]).unwrap();
    for name in ["linked", "borrowing", "linking"] {
        let directory = Directory::open(&bench.path("listed").join(name)).unwrap();
        bench.git.repository(&directory, Some(&both), &stop()).unwrap();
    }
}

#[test]
fn branches_tags_head_and_short_ids_are_resolved_to_commits() {
    let bench = Bench::new();
    let first = bench.id("HEAD");
    bench.git(&["tag", "light"]);
    bench.git(&["tag", "-a", "-m", "said", "heavy"]);
    bench.git(&["branch", "feature/ü"]);
    bench.write("b", "b");
    let second = bench.commit("second");
    bench.git(&["checkout", "--quiet", "--detach", "light"]);
    let repository = bench.repository();
    for name in
        ["light", "heavy", "feature/ü", "HEAD", "main~1", "refs/tags/heavy", &first.as_str()[..9]]
    {
        assert_eq!(repository.resolve(name, &stop()).unwrap(), first, "{name}");
    }
    for name in ["main", second.as_str()] {
        assert_eq!(repository.resolve(name, &stop()).unwrap(), second, "{name}");
    }
}

#[test]
fn what_names_no_commit_or_several_is_refused() {
    let bench = Bench::new();
    bench.git(&["branch", "twice"]);
    bench.git(&["tag", "twice"]);
    bench.git(&["tag", "blob", "HEAD:a.txt"]);
    let repository = bench.repository();
    let message = |name: &str| refusal(repository.resolve(name, &stop()));
    assert!(message("twice").contains("more than one thing"));
    assert!(message("blob").contains("something else than a commit"));
    let missing = "0123456789012345678901234567890123456789";
    for none in ["none", missing, "HEAD~9", "main@{u}"] {
        assert!(message(none).contains("no commit"), "{none}: {}", message(none));
    }
    for (bad, why) in [
        ("", "empty"),
        ("--all", "begins with `-`"),
        ("a\nb", "control"),
        ("a\0b", "control"),
        ("main..main", "range"),
        ("^main", "range"),
        ("HEAD:a.txt", "file"),
        (":/first", "file"),
        (&"x".repeat(2_000), "too long"),
    ] {
        assert!(message(bad).contains(why), "{bad:?}");
    }
    let empty = Bench::empty();
    assert!(refusal(empty.repository().resolve("HEAD", &stop())).contains("no commit"));
}
