//! Repositories that want something run, and what is called on them without running it.

use std::os::unix::fs::PermissionsExt;

use errand_core::{Change, Digest, Node, UnixMillis};

use super::*;

const HOOKS: [&str; 12] = [
    "post-checkout",
    "reference-transaction",
    "post-index-change",
    "fsmonitor-watchman",
    "pre-commit",
    "post-commit",
    "pre-auto-gc",
    "post-rewrite",
    "update",
    "pre-push",
    "post-merge",
    "proc-receive",
];

/// A repository in which everything that can name a program names one that leaves a mark.
struct Hostile {
    bench: Bench,
    commit: CommitId,
    trap: PathBuf,
}

impl Hostile {
    fn new() -> Self {
        let bench = Bench::new();
        bench.write("f.bin", "to be filtered\n");
        bench.write("g.bin", "to be filtered too\n");
        bench.write(".gitattributes", "*.bin filter=evil diff=evil merge=evil\n");
        let commit = bench.commit("second");
        let trap = bench.path("trap");
        let script = format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\n", bench.path("mark").display());
        std::fs::write(&trap, script).unwrap();
        executable(&trap);
        let hostile = Self { bench, commit, trap };
        hostile.set_traps();
        hostile
    }

    fn set_traps(&self) {
        let (bench, trap) = (&self.bench, self.trap.to_str().unwrap());
        let hooks = bench.path("repo/.git/hooks");
        std::fs::create_dir_all(&hooks).unwrap();
        for hook in HOOKS {
            std::fs::copy(&self.trap, hooks.join(hook)).unwrap();
        }
        // Hooks of both kinds: those of newer versions of git are named by the configuration.
        let other_hooks = bench.path("other-hooks");
        std::fs::create_dir(&other_hooks).unwrap();
        std::fs::copy(&self.trap, other_hooks.join("post-checkout")).unwrap();
        std::fs::copy(&self.trap, other_hooks.join("reference-transaction")).unwrap();
        let included = format!(
            "[core]\n\tfsmonitor = {trap}\n\thooksPath = {}\n\tpager = {trap}\n\
             [filter \"sneaked\"]\n\tsmudge = {trap}\n\tclean = {trap}\n\tprocess = {trap}\n",
            other_hooks.display()
        );
        std::fs::write(bench.path("repo/.git/included"), included).unwrap();
        let attributes = bench.path("attributes");
        std::fs::write(&attributes, "*.txt filter=evil\n").unwrap();
        let config = format!(
            r#"
[core]
    fsmonitor = {trap}
    sshCommand = {trap}
    gitProxy = {trap}
    pager = {trap}
    editor = {trap}
    askPass = {trap}
    attributesFile = {attributes}
    excludesFile = ~/none
    alternateRefsCommand = {trap}
    worktree = /
    warnAmbiguousRefs = false
[filter "evil"]
    smudge = {trap}
    clean = {trap}
    process = {trap}
    required = true
[diff]
    external = {trap}
[diff "evil"]
    command = {trap}
    textconv = {trap}
[merge "evil"]
    driver = {trap}
[alias]
    status = !{trap}
    ls-tree = !{trap}
    x = !{trap}
[pager]
    status = true
    worktree = {trap}
[credential]
    helper = !{trap}
[gpg]
    program = {trap}
[commit]
    gpgSign = true
[hook "evil"]
    event = reference-transaction
    event = post-checkout
    command = {trap}
[uploadpack]
    packObjectsHook = {trap}
[protocol "ext"]
    allow = always
[protocol "ssh"]
    allow = always
[remote "origin"]
    url = ext::{trap}
    promisor = true
    partialclonefilter = blob:none
    uploadpack = {trap}
[submodule]
    recurse = true
[init]
    templateDir = {hooks}
[include]
    path = included
[includeIf "gitdir:/"]
    path = included
"#,
            attributes = attributes.display(),
            hooks = hooks.display(),
        );
        let path = bench.path("repo/.git/config");
        let mut all = std::fs::read_to_string(&path).unwrap();
        all.push_str(&config);
        std::fs::write(&path, all).unwrap();
        let info = bench.path("repo/.git/info");
        std::fs::create_dir_all(&info).unwrap();
        std::fs::write(info.join("attributes"), "*.txt filter=sneaked\n* diff=evil\n").unwrap();
        // The files must be looked into: their times tell nothing.
        for name in ["f.bin", "a.txt"] {
            let path = bench.path("repo").join(name);
            let content = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, content).unwrap();
        }
    }

    fn assert_nothing_ran(&self, what: &str) {
        let mark = std::fs::read_to_string(self.bench.path("mark"));
        assert!(mark.is_err(), "{what}: {}", mark.unwrap());
    }
}

fn executable(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_traps_are_sharp() {
    // Each is sprung by git as its user would call it, or the tests below would show nothing.
    let hostile = Hostile::new();
    let mark = hostile.bench.path("mark");
    let hooks = format!("core.hooksPath={}", hostile.bench.path("repo/.git/hooks").display());
    for (args, by) in [
        (&["--work-tree=.", "status"][..], "fsmonitor"),
        (&["-c", "core.fsmonitor=false", "--work-tree=.", "status"][..], "a filter"),
        (&["update-ref", "refs/heads/x", "HEAD"][..], "a hook"),
        (&["-c", &hooks, "update-ref", "refs/heads/y", "HEAD"][..], "a hook"),
        (&["cat-file", "-p", "0123456789012345678901234567890123456789"][..], "a promisor"),
        (&["x"][..], "an alias"),
    ] {
        let mut command = std::process::Command::new("git");
        let command = command.current_dir(hostile.bench.path("repo")).env("HOME", "/dev/null");
        let command = command.stdin(std::process::Stdio::null()).args(args);
        let _ = command.env("GIT_DIR", hostile.bench.path("repo/.git")).output().unwrap();
        assert!(std::fs::remove_file(&mark).is_ok(), "{by} did not run on {args:?}");
    }
}

#[test]
fn nothing_that_a_repository_names_is_run() {
    let hostile = Hostile::new();
    let (bench, commit) = (&hostile.bench, &hostile.commit);
    let repository = bench.repository();
    hostile.assert_nothing_ran("opening");
    assert_eq!(repository.resolve("main", &stop()).unwrap(), *commit);
    repository.resolve("status", &stop()).unwrap_err();
    hostile.assert_nothing_ran("resolving");
    let (workspace, _) = bench.placed(commit, &[]);
    assert_eq!(workspace.dir.read_to_string("f.bin").unwrap(), "to be filtered\n");
    hostile.assert_nothing_ran("placing");
    let worktree = repository.add_worktree(commit, "a", "task", &stop()).unwrap();
    hostile.assert_nothing_ran("adding a worktree");
    worktree.remove(&stop()).unwrap();
    hostile.assert_nothing_ran("removing a worktree");
    let state = repository.work_tree_state(commit, &stop()).unwrap();
    hostile.assert_nothing_ran("comparing the work tree");
    assert!(state.is_clean_at(commit), "{state:?}");
    let blake3 = Digest::of(b"x");
    let changes = [Change {
        path: "new.bin".into(),
        before: None,
        after: Some(Node::File { executable: false, size_bytes: 1, blake3 }),
    }];
    let author = Author { name: "A".into(), email: "a@b".into(), at: UnixMillis(0) };
    let new =
        NewCommit { base: commit, branch: "new", changes: &changes, message: "m", author: &author };
    let bounds = Bounds::of_bytes(1 << 20);
    let made = repository.commit_changes(&new, |_| Ok("x".as_bytes()), &bounds).unwrap();
    assert_eq!(repository.resolve("new", &stop()).unwrap(), made);
    hostile.assert_nothing_ran("committing");
    std::mem::forget(repository.add_worktree(commit, "b", "task", &stop()).unwrap());
    std::fs::remove_dir_all(bench.path("ours/errand-b")).unwrap();
    assert_eq!(repository.prune_worktrees(&stop()).unwrap(), 1);
    hostile.assert_nothing_ran("pruning");
    std::mem::forget(repository.add_worktree(commit, "c", "task", &stop()).unwrap());
    assert_eq!(bench.git.collect_leftovers(&stop()).unwrap(), 1);
    hostile.assert_nothing_ran("collecting");
}

#[test]
fn what_a_partial_clone_lacks_is_said_and_not_fetched() {
    let hostile = Hostile::new();
    let bench = &hostile.bench;
    let id = git_in(&bench.path("repo"), &["-c", "core.pager=cat", "rev-parse", "HEAD:a.txt"]);
    let _ = std::fs::remove_file(bench.path("mark"));
    let object = bench.path("repo/.git/objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(object).unwrap();
    let repository = bench.repository();
    let tree =
        repository.tree(&hostile.commit, &SparsePaths::default(), &Bounds::of_bytes(1 << 20));
    let message = tree.unwrap_err().to_string();
    assert!(message.contains("a.txt") && message.contains("partial clone"), "{message}");
    let missing = "0123456789012345678901234567890123456789";
    repository.resolve(missing, &stop()).unwrap_err();
    repository.add_worktree(&missing.parse().unwrap(), "a", "task", &stop()).unwrap_err();
    hostile.assert_nothing_ran("asking for what is not there");
    // What is wanted can be there all the same.
    let sparse = SparsePaths::new(&["src".to_owned()]).unwrap();
    repository.tree(&hostile.commit, &sparse, &Bounds::of_bytes(1 << 20)).unwrap();
}

#[test]
fn nothing_that_a_submodule_names_is_run() {
    let hostile = Hostile::new();
    let bench = Bench::new();
    bench.git(&["clone", "--quiet", ".", "../other"]);
    bench.git(&["submodule", "--quiet", "add", "../other", "sub"]);
    let commit = bench.commit("second");
    let trap = hostile.trap.to_str().unwrap();
    let sub = bench.path("repo/sub");
    git_in(&sub, &["config", "core.fsmonitor", trap]);
    git_in(&sub, &["config", "filter.evil.clean", trap]);
    std::fs::write(sub.join("a.txt"), "changed").unwrap();
    let state = bench.repository().work_tree_state(&commit, &stop()).unwrap();
    hostile.assert_nothing_ran("comparing");
    assert!(state.is_clean_at(&commit), "{state:?}");
}

#[test]
fn a_configuration_that_never_ends_is_stopped() {
    let bench = Bench::new();
    let config = bench.path("repo/.git/config");
    let mut all = std::fs::read_to_string(&config).unwrap();
    all.push_str("[include]\n\tpath = pipe\n");
    std::fs::write(&config, all).unwrap();
    let pipe = bench.path("repo/.git/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let directory = Directory::open(&bench.path("repo")).unwrap();
    let stop = StopFlag::default();
    let opened = std::thread::scope(|scope| {
        let opening = scope.spawn(|| bench.git.repository(&directory, None, &stop).map(drop));
        // Git has opened it, and waits for what is in it.
        let writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        stop.stop();
        let opened = opening.join().unwrap();
        drop(writer);
        opened
    });
    assert!(matches!(opened, Err(StartError::Stopped)), "{opened:?}");
}

#[test]
fn a_file_that_is_replaced_is_no_other_commit() {
    let bench = Bench::new();
    let first = bench.id("HEAD");
    bench.write("b", "b");
    let second = bench.commit("second");
    bench.git(&["replace", first.as_str(), second.as_str()]);
    let tree =
        bench.repository().tree(&first, &SparsePaths::default(), &Bounds::of_bytes(99)).unwrap();
    assert!(tree.entries().iter().all(|entry| entry.path != "b"));
}
