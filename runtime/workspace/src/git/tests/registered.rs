//! Worktrees in the list of a repository, while they are and when they are over.

use super::*;

fn listed(bench: &Bench) -> Vec<String> {
    let list = bench.git(&["worktree", "list", "--porcelain"]);
    let own = list.lines().filter(|line| line.starts_with("worktree ")).skip(1);
    own.map(|line| line.rsplit_once('/').unwrap().1.to_owned()).collect()
}

fn add(bench: &Bench, name: &str) -> Worktree {
    bench.repository().add_worktree(&bench.id("HEAD"), name, "task 1", &stop()).unwrap()
}

#[test]
fn a_task_is_listed_detached_and_locked_and_keeps_its_commit() {
    let bench = Bench::new();
    bench.write("b", "b");
    let second = bench.commit("second");
    let worktree =
        bench.repository().add_worktree(&second, "01ABC-1", "task\n01ABC", &stop()).unwrap();
    let list = bench.git(&["worktree", "list", "--porcelain"]);
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines.contains(&"detached") && lines.contains(&"locked task01ABC"), "{list}");
    assert_eq!(listed(&bench), ["errand-01ABC-1"]);
    // Nothing else names the commit any more.
    bench.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    bench.git(&["reflog", "expire", "--expire=now", "--all"]);
    bench.git(&["worktree", "prune", "--expire=now"]);
    bench.git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(listed(&bench), ["errand-01ABC-1"]);
    let (workspace, _) = bench.placed(&second, &[]);
    assert!(workspace.dir.exists("b"));
    worktree.remove(&stop()).unwrap();
    assert_eq!(listed(&bench), [""; 0]);
    bench.git(&["gc", "--quiet", "--prune=now"]);
    let gone = bench.repository().resolve(second.as_str(), &stop());
    assert!(matches!(gone, Err(StartError::Refused(_))), "{gone:?}");
}

#[test]
fn git_can_be_asked_about_a_workspace_through_its_git_directory() {
    let bench = Bench::new();
    let worktree = add(&bench, "a");
    let (workspace, _) = bench.placed(&bench.id("HEAD"), &[]);
    workspace.dir.write("a.txt", "changed").unwrap();
    let git_dir = format!("--git-dir={}", worktree.git_dir().display());
    let work_tree = format!("--work-tree={}", bench.path("ws/w").display());
    git_in(&bench.path("ws/w"), &[&git_dir, "read-tree", "HEAD"]);
    let said = git_in(&bench.path("ws/w"), &[&git_dir, &work_tree, "status", "--porcelain"]);
    assert_eq!(said, " M a.txt");
}

#[test]
fn neither_files_nor_the_repositorys_own_worktrees_are_touched() {
    let bench = Bench::new();
    bench.git(&["worktree", "add", "--quiet", "--detach", "../theirs"]);
    std::fs::rename(bench.path("theirs"), bench.path("unplugged")).unwrap();
    drop(add(&bench, "a"));
    bench.repository().prune_worktrees(&stop()).unwrap();
    bench.git.collect_leftovers(&stop()).unwrap();
    assert_eq!(listed(&bench), ["theirs"]);
    assert_eq!(bench.git(&["status", "--porcelain"]), "");
    assert!(!bench.path("repo/.git/worktrees/errand-a").exists());
}

#[test]
fn worktrees_of_bare_repositories_and_of_other_worktrees_are_registered() {
    let bench = Bench::new();
    bench.git(&["clone", "--quiet", "--bare", ".", "../bare"]);
    bench.git(&["worktree", "add", "--quiet", "../linked"]);
    let head = bench.id("HEAD");
    for (name, at) in [("bare", "bare"), ("linked", "repo/.git")] {
        let worktree =
            bench.open(name).unwrap().add_worktree(&head, name, "task", &stop()).unwrap();
        let registered = bench.path(at).join(format!("worktrees/errand-{name}"));
        assert!(registered.join("locked").exists());
        drop(worktree);
        assert!(!registered.exists());
    }
}

#[test]
fn what_an_earlier_process_left_is_collected() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        std::mem::forget(add(&bench, name));
    }
    std::mem::forget(bench.repository());
    // Of one the directory is gone, of another what git has of it.
    std::fs::remove_dir_all(bench.path("ours/errand-a")).unwrap();
    std::fs::remove_dir_all(bench.path("repo/.git/worktrees/errand-b")).unwrap();
    assert_eq!(bench.git.collect_leftovers(&stop()).unwrap(), 2);
    assert_eq!(std::fs::read_dir(bench.path("ours")).unwrap().count(), 0);
    assert_eq!(listed(&bench), ["errand-a"]);
    assert_eq!(bench.repository().prune_worktrees(&stop()).unwrap(), 1);
    assert_eq!(listed(&bench), [""; 0]);
}

#[test]
fn what_is_left_of_a_repository_that_is_gone_is_collected_too() {
    let bench = Bench::new();
    std::mem::forget(add(&bench, "a"));
    std::fs::remove_dir_all(bench.path("repo")).unwrap();
    assert_eq!(bench.git.collect_leftovers(&stop()).unwrap(), 1);
    assert_eq!(std::fs::read_dir(bench.path("ours")).unwrap().count(), 0);
}

#[test]
fn a_name_is_one_worktrees_and_free_again_after_it_or_when_somebody_removed_it() {
    let bench = Bench::new();
    let repository = bench.repository();
    let head = bench.id("HEAD");
    let first = add(&bench, "a");
    let taken = repository.add_worktree(&head, "a", "task", &stop()).unwrap_err();
    assert!(taken.to_string().contains("there already"), "{taken}");
    assert_eq!(listed(&bench), ["errand-a"]);
    let path = bench.path("ours/errand-a");
    bench.git(&["worktree", "remove", "-f", "-f", path.to_str().unwrap()]);
    first.remove(&stop()).unwrap();
    // Registered, but the directory is gone: somebody cleared ours.
    std::mem::forget(add(&bench, "a"));
    std::fs::remove_dir_all(&path).unwrap();
    add(&bench, "a").remove(&stop()).unwrap();
    assert_eq!(listed(&bench), [""; 0]);
    for bad in ["", "a/b", "..", "a b", &"x".repeat(101)] {
        let refused = repository.add_worktree(&head, bad, "task", &stop());
        assert!(matches!(refused, Err(StartError::Refused(_))), "{bad:?}");
    }
}

#[test]
fn a_worktree_that_can_not_be_added_leaves_nothing() {
    let bench = Bench::new();
    let none = "0123456789012345678901234567890123456789".parse().unwrap();
    bench.repository().add_worktree(&none, "a", "task", &stop()).unwrap_err();
    assert_eq!(std::fs::read_dir(bench.path("ours")).unwrap().count(), 0);
    assert_eq!(listed(&bench), [""; 0]);
}

#[test]
fn many_tasks_of_one_repository_come_and_go_at_once() {
    let bench = Bench::new();
    let head = bench.id("HEAD");
    std::thread::scope(|scope| {
        for task in 0..6 {
            let (bench, head) = (&bench, &head);
            scope.spawn(move || {
                for run in 0..5 {
                    let name = format!("{task}-{run}");
                    let repository = bench.repository();
                    repository.add_worktree(head, &name, "task", &stop()).unwrap();
                }
            });
        }
    });
    assert_eq!(listed(&bench), [""; 0]);
    assert_eq!(std::fs::read_dir(bench.path("ours")).unwrap().count(), 0);
}
