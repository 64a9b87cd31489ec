//! Whether a work tree still is at a commit.

use super::*;

fn dirty(bench: &Bench, commit: &CommitId) -> Vec<String> {
    bench.repository().work_tree_state(commit, &stop()).unwrap().dirty
}

#[test]
fn what_is_changed_in_the_index_or_the_files_is_dirty_and_what_is_untracked_is_not() {
    let bench = Bench::new();
    bench.write("über b", "b");
    bench.write("gone", "g");
    let commit = bench.commit("second");
    bench.write("untracked", "u");
    let state = bench.repository().work_tree_state(&commit, &stop()).unwrap();
    assert!(state.is_clean_at(&commit), "{state:?}");
    bench.write("über b", "changed");
    bench.write("staged", "s");
    bench.git(&["add", "staged"]);
    std::fs::remove_file(bench.path("repo/gone")).unwrap();
    let index = std::fs::read(bench.path("repo/.git/index")).unwrap();
    let mut paths = dirty(&bench, &commit);
    paths.sort();
    assert_eq!(paths, ["gone", "staged", "über b"]);
    assert_eq!(std::fs::read(bench.path("repo/.git/index")).unwrap(), index);
}

#[test]
fn a_staged_change_that_is_undone_in_the_file_is_dirty() {
    let bench = Bench::new();
    let commit = bench.id("HEAD");
    bench.write("a.txt", "staged");
    bench.git(&["add", "a.txt"]);
    bench.write("a.txt", "a\n");
    assert_eq!(dirty(&bench, &commit), ["a.txt"]);
}

#[test]
fn another_commit_checked_out_is_not_clean() {
    let bench = Bench::new();
    let first = bench.id("HEAD");
    bench.write("b", "b");
    let second = bench.commit("second");
    let state = bench.repository().work_tree_state(&first, &stop()).unwrap();
    assert_eq!(state, WorkTreeState { head: Some(second), dirty: vec!["b".into()] });
    assert!(!state.is_clean_at(&first));
}

#[test]
fn files_that_were_only_touched_or_have_other_line_ends_are_clean() {
    let bench = Bench::new();
    bench.write(".gitattributes", "*.txt text eol=crlf\n");
    bench.write("lf.rs", "x\n");
    bench.write("c.md", "c\n");
    let commit = bench.commit("second");
    // Said in each of the places where it can be.
    std::fs::create_dir_all(bench.path("repo/.git/info")).unwrap();
    bench.git(&["config", "core.autocrlf", "true"]);
    std::fs::write(bench.path("repo/.git/info/attributes"), "*.rs text eol=crlf\n").unwrap();
    for (name, content) in [("a.txt", "a\r\n"), ("lf.rs", "x\r\n"), ("c.md", "c\r\n")] {
        let file = bench.path("repo").join(name);
        std::fs::remove_file(&file).unwrap();
        bench.git(&["checkout", "--quiet", name]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
        // It has the size that the index knows, and another time.
        bench.write(name, content);
    }
    assert_eq!(dirty(&bench, &commit), [""; 0]);
}

#[test]
fn split_and_sparse_indexes_and_linked_worktrees_are_compared() {
    let bench = Bench::new();
    bench.write("docs/x", "x");
    let commit = bench.commit("second");
    bench.git(&["update-index", "--split-index"]);
    assert_eq!(dirty(&bench, &commit), [""; 0]);
    bench.write("a.txt", "changed");
    assert_eq!(dirty(&bench, &commit), ["a.txt"]);
    bench.git(&["checkout", "--quiet", "."]);
    bench.git(&["update-index", "--no-split-index"]);

    bench.git(&["worktree", "add", "--quiet", "--detach", "../linked"]);
    let linked = bench.open("linked").unwrap();
    assert!(linked.work_tree_state(&commit, &stop()).unwrap().is_clean_at(&commit));
    std::fs::write(bench.path("linked/a.txt"), "changed").unwrap();
    assert_eq!(linked.work_tree_state(&commit, &stop()).unwrap().dirty, ["a.txt"]);

    bench.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "docs"]);
    assert_eq!(dirty(&bench, &commit), [""; 0]);
    bench.write("docs/x", "changed");
    assert_eq!(dirty(&bench, &commit), ["docs/x"]);
}

#[test]
fn a_bare_repository_has_no_state() {
    let bench = Bench::new();
    bench.git(&["clone", "--quiet", "--bare", ".", "../bare"]);
    let refused = bench.open("bare").unwrap().work_tree_state(&bench.id("HEAD"), &stop());
    assert!(refused.unwrap_err().to_string().contains("bare"));
}
