//! `diff`, `apply` and `fork`: what a task left in its workspace, shown, brought back, or gone on from.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::workspaces::{Tree, texts, to_fix};
use crate::harness::shell::{self, Ran};
use crate::harness::{Server, plugin, shared};

/// A directory, and a server that lists it and has the probe.
struct Bench {
    server: Server,
    tree: Tree,
}

impl Bench {
    fn new(tree: Tree) -> Self {
        let server = Server::start_with(&["--slots", "1", "--allow-dir", tree.name()]);
        server.operator().upload("probe", &plugin("test/probe")).expect(201);
        Self { server, tree }
    }

    /// With a repository that has the files of the directory in its first commit.
    fn with_repository() -> Self {
        let tree = to_fix();
        git(tree.path(), &["init", "-q", "-b", "main"]);
        commit(tree.path(), "first");
        Self::new(tree)
    }

    /// Runs steps on the directory; returns the task's id.
    fn worked(&self, steps: &Value) -> String {
        worked(&self.server, self.tree.name(), steps)
    }

    /// Runs steps on the commit that is checked out.
    fn worked_on_commit(&self, steps: &Value) -> String {
        worked(&self.server, &format!("git:{}", self.tree.name()), steps)
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(&self.server, args)
    }

    fn git(&self, args: &[&str]) -> String {
        git(self.tree.path(), args)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.tree.path().join(name), text).expect("it can be written");
    }
}

fn worked(server: &Server, workspace: &str, steps: &Value) -> String {
    let input = json!({"do": "program", "steps": steps}).to_string();
    let args = ["submit", "probe", "--workspace", workspace, "--input", &input, "--wait", "--json"];
    let task = run(server, &args).json();
    assert_eq!(task["status"], "completed", "{task}");
    task["id"].as_str().expect("a task has an id").to_owned()
}

/// Calls the binary as somebody whose git knows no name.
fn run(server: &Server, args: &[&str]) -> Ran {
    let mut command = server.command(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    shell::run(&mut command)
}

fn git(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "core.quotePath=false"]).args(args).current_dir(directory);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    shell::run(&mut command).ok().trim_end().to_owned()
}

fn commit(directory: &Path, message: &str) {
    git(directory, &["add", "."]);
    let author = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
    git(directory, &[author.as_slice(), &["commit", "-q", "-m", message]].concat());
}

/// Changes, makes, moves and removes files of [`to_fix`].
fn fixes() -> Value {
    json!([
        {"do": "write_text", "path": "/workspace/a.txt", "text": "fixed\n"},
        {"do": "rename", "from": "/workspace/b/c.txt", "to": "/workspace/moved.txt"},
        {"do": "write_text", "path": "/workspace/new \u{e9}.txt", "text": "no newline"},
        {"do": "remove", "path": "/workspace/gone"},
    ])
}

const FIXED: &str = "2 added, 1 modified, 2 deleted\n";

fn fixed() -> Vec<(String, String)> {
    let named = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    [
        ("a.txt", "fixed\n"),
        ("moved.txt", "c\n"),
        ("new \u{e9}.txt", "no newline"),
        ("same", "same\n"),
    ]
    .map(named)
    .into()
}

#[test]
fn what_a_task_changed_is_shown_as_a_patch_a_list_and_json() {
    let bench = Bench::new(to_fix());
    let id = bench.worked(&fixes());
    assert_eq!(texts(&bench.tree), texts(&to_fix()), "it was only shown");

    let patch = bench.run(&["diff", &id]).expect(0);
    assert_eq!(patch.stderr, "");
    let (other, beside) = (to_fix(), Tree::new(&[("patch", &patch.stdout)]));
    git(other.path(), &["apply", beside.path().join("patch").to_str().expect("it is text")]);
    assert_eq!(texts(&other), fixed(), "{}", patch.stdout);

    let list = bench.run(&["diff", &id, "--stat"]).expect(0);
    let listed = "M a.txt\nD b/c.txt\nD gone\nA moved.txt\nA new \u{e9}.txt\n";
    assert_eq!((list.stdout.as_str(), list.stderr.as_str()), (listed, FIXED));

    let json = bench.run(&["diff", &id, "--json"]).json();
    let paths = |list: &str| -> Vec<Value> {
        let list = json[list].as_array().unwrap_or_else(|| panic!("{json}"));
        list.iter().map(|item| item["path"].clone()).collect()
    };
    assert_eq!(paths("added"), ["moved.txt", "new \u{e9}.txt"]);
    assert_eq!(paths("deleted"), ["b/c.txt", "gone"]);
    assert_eq!(paths("modified"), ["a.txt"]);
    let a = &json["modified"][0];
    assert_eq!((&a["mode"], &a["size_bytes"]), (&json!("100644"), &json!(6)));
    assert_eq!(a["before"]["size_bytes"], 2, "{a}");
    let task = bench.run(&["show", &id, "--json"]).json();
    assert_eq!(task["changes"], json!({"added": 2, "modified": 1, "deleted": 2}));
}

#[test]
fn where_nothing_was_changed_it_is_said() {
    let bench = Bench::new(to_fix());
    let id = bench.worked(&json!([{"do": "read_file", "path": "/workspace/a.txt"}]));
    for (args, note) in [
        (["diff", &id].as_slice(), "no file was changed\n"),
        (&["diff", &id, "--stat"], "nothing was changed\n"),
        (&["apply", &id], "nothing was changed\n"),
    ] {
        let ran = bench.run(args).expect(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", note), "{args:?}");
    }
    let made = bench.worked(&json!([{"do": "make_directory", "path": "/workspace/made/in"}]));
    let ran = bench.run(&["apply", &made]).expect(0);
    assert_eq!(ran.stderr, "directories alone were changed\n");
    assert!(bench.tree.path().join("made/in").is_dir());
}

#[test]
fn changes_are_brought_back_to_the_directory() {
    let bench = Bench::new(to_fix());
    let id = bench.worked(&fixes());
    // What the task did not touch may be otherwise by now.
    bench.write("same", "changed\n");
    let ran = bench.run(&["apply", &id]).expect(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", FIXED));
    let mut expected = fixed();
    expected[3].1 = "changed\n".into();
    assert_eq!(texts(&bench.tree), expected);
    let ran = bench.run(&["apply", &id]).expect(0);
    assert_eq!(ran.stderr, "everything is there already\n");
}

#[test]
fn nothing_is_written_where_something_moved_unless_forced() {
    let bench = Bench::new(to_fix());
    let id = bench.worked(&fixes());
    bench.write("a.txt", "theirs\n");
    bench.write("moved.txt", "theirs\n");
    let before = texts(&bench.tree);
    bench
        .run(&["apply", &id])
        .fails(4, "is not as the task found it")
        .has("`a.txt` was changed")
        .has("`moved.txt` is there")
        .has("--force");
    assert_eq!(texts(&bench.tree), before);
    bench.run(&["apply", &id, "--force"]).expect(0);
    assert_eq!(texts(&bench.tree), fixed());
}

#[test]
fn changes_are_brought_back_to_the_work_tree_of_the_commit() {
    let bench = Bench::with_repository();
    let id = bench.worked_on_commit(&fixes());
    let head = bench.git(&["rev-parse", "HEAD"]);
    // What git does not track is nobody's business.
    bench.write("untracked", "mine\n");
    assert_eq!(bench.run(&["apply", &id]).expect(0).stderr, FIXED);
    let status = bench.git(&["status", "--porcelain", "--untracked-files=no"]);
    assert_eq!(status, " M a.txt\n D b/c.txt\n D gone", "git's index stays as it is");
    assert_eq!(bench.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(bench.git(&["show", ":a.txt"]), "a");
}

#[test]
fn a_work_tree_that_has_moved_is_refused_unless_forced() {
    let bench = Bench::with_repository();
    let id = bench.worked_on_commit(&fixes());
    bench.write("same", "not committed\n");
    let before = bench.git(&["diff"]);
    bench
        .run(&["apply", &id])
        .fails(4, "is not as the task found it")
        .has("`same`")
        .has("commit or stash")
        .has("--branch")
        .has("--force");
    assert_eq!(bench.git(&["diff"]), before);
    let base = bench.git(&["rev-parse", "HEAD"]);
    commit(bench.tree.path(), "second");
    let head = bench.git(&["rev-parse", "HEAD"]);
    bench.run(&["apply", &id]).fails(4, &base).has(&head).has("--branch");
    assert_eq!(bench.git(&["status", "--porcelain"]), "");
    assert_eq!(bench.run(&["apply", &id, "--force"]).expect(0).stderr, FIXED);
    assert_eq!(bench.git(&["diff", "--name-only"]), "a.txt\nb/c.txt\ngone");
}

#[test]
fn a_branch_gets_a_commit_and_the_work_tree_is_left_alone() {
    let bench = Bench::with_repository();
    let id = bench.worked_on_commit(&fixes());
    let base = bench.git(&["rev-parse", "HEAD"]);
    bench.write("same", "not committed\n");
    let status = bench.git(&["status", "--porcelain"]);

    let nobody = bench.run(&["apply", &id, "--branch", "tidy"]);
    nobody.fails(4, "name and address").has("git config --global user.name");
    bench.git(&["config", "user.name", "Ann"]);
    bench.git(&["config", "user.email", "ann@example.org"]);
    let ran = bench.run(&["apply", &id, "--branch", "tidy"]).expect(0);
    let made = bench.git(&["rev-parse", "tidy"]);
    assert_eq!((ran.stdout, ran.stderr.as_str()), (format!("tidy {made}\n"), FIXED));
    let said = bench.git(&["log", "-1", "--format=%an <%ae>%n%P%n%B", "tidy"]);
    assert_eq!(said, format!("Ann <ann@example.org>\n{base}\nerrand: probe task {id}"));
    let names = bench.git(&["ls-tree", "-r", "--name-only", "tidy"]);
    assert_eq!(names, "a.txt\nmoved.txt\nnew \u{e9}.txt\nsame");
    assert_eq!(bench.git(&["show", "tidy:a.txt"]), "fixed");

    assert_eq!(bench.git(&["status", "--porcelain"]), status);
    assert_eq!(bench.git(&["rev-parse", "HEAD"]), base);
    bench.run(&["apply", &id, "--branch", "tidy"]).fails(4, "exists already");
    assert_eq!(bench.git(&["rev-parse", "tidy"]), made);

    let clone = Tree::new(&[]);
    git(clone.path(), &["clone", "-q", bench.tree.name(), "."]);
    git(clone.path(), &["config", "user.name", "Bob"]);
    git(clone.path(), &["config", "user.email", "bob@example.org"]);
    let args = ["apply", &id, "--branch", "other", "-m", "Tidy up", "--to", clone.name()];
    bench.run(&args).expect(0);
    let said = git(clone.path(), &["log", "-1", "--format=%an%n%P%n%B", "other"]);
    assert_eq!(said, format!("Bob\n{base}\nTidy up"));
}

#[test]
fn a_new_directory_gets_the_whole_workspace() {
    let tree = to_fix();
    std::os::unix::fs::symlink("a.txt", tree.path().join("link")).expect("it can be made");
    let before = texts(&tree);
    let bench = Bench::new(tree);
    let id = bench.worked(&fixes());
    let beside = Tree::new(&[]);
    for name in ["not/there", "empty"] {
        let path = beside.path().join(name);
        if name == "empty" {
            std::fs::create_dir(&path).expect("it can be made");
        }
        let to = path.to_str().expect("it is text");
        let ran = bench.run(&["apply", &id, "--to", to]).expect(0);
        assert_eq!(ran.stderr, "5 added\n");
        let link = std::fs::read_link(path.join("link")).expect("it is a link");
        assert_eq!(link, Path::new("a.txt"));
        let text = |name: &str| std::fs::read_to_string(path.join(name)).expect("it is there");
        for (name, expected) in fixed() {
            assert_eq!(text(&name), expected);
        }
        assert!(path.join("b").is_dir(), "directories are part of it");
        assert!(!path.join("gone").exists());
    }
    assert_eq!(texts(&bench.tree), before);
}

#[test]
fn another_directory_gets_the_changes() {
    let bench = Bench::new(to_fix());
    let id = bench.worked(&fixes());
    let (other, moved) = (to_fix(), to_fix());
    assert_eq!(bench.run(&["apply", &id, "--to", other.name()]).expect(0).stderr, FIXED);
    assert_eq!(texts(&other), fixed());
    std::fs::remove_file(moved.path().join("gone")).expect("it can be removed");
    std::fs::write(moved.path().join("a.txt"), "theirs\n").expect("it can be written");
    let before = texts(&moved);
    bench.run(&["apply", &id, "--to", moved.name()]).fails(4, "`a.txt` was changed");
    assert_eq!(texts(&moved), before);
    let file = other.path().join("a.txt");
    bench.run(&["apply", &id, "--to", file.to_str().expect("it is text")]).fails(2, "a.txt");
}

#[test]
fn where_nothing_says_the_place_the_command_asks_for_it() {
    let tree = to_fix();
    shared::probe();
    let id = worked(shared::server(), tree.name(), &fixes());
    let before = texts(&tree);
    shell::shared(&["apply", &id]).fails(2, "an archive").has("--to DIR");
    shell::shared(&["apply", &id, "--branch", "new"]).fails(2, "an archive").has("--to DIR");
    assert_eq!(texts(&tree), before);
    assert_eq!(shell::shared(&["apply", &id, "--to", tree.name()]).expect(0).stderr, FIXED);
    assert_eq!(texts(&tree), fixed());
}

#[test]
fn a_git_directory_that_a_task_made_goes_nowhere() {
    shared::probe();
    let steps = json!([
        {"do": "make_directory", "path": "/workspace/sub/.git"},
        {"do": "write_text", "path": "/workspace/sub/.git/config", "text": "[core]\nfsmonitor = x\n"},
        {"do": "write_text", "path": "/workspace/sub/file", "text": "f"},
    ]);
    let id = worked(shared::server(), "empty", &steps);
    let (beside, full) = (Tree::new(&[]), Tree::new(&[("kept", "")]));
    let to = beside.path().join("new");
    shell::shared(&["apply", &id, "--to", to.to_str().expect("it is text")]).expect(0);
    assert!(to.join("sub/file").exists() && !to.join("sub/.git").exists());
    shell::shared(&["apply", &id, "--to", full.name()]);
    assert!(!full.path().join("sub/.git").exists());
}

/// Adds to a file, and answers what is in it.
fn adds() -> Value {
    json!({"do": "program", "transcript": true, "steps": [
        {"do": "append_text", "path": "/workspace/log", "text": "x"},
        {"do": "read_file", "path": "/workspace/log"},
    ]})
}

#[test]
fn a_fork_goes_on_from_what_a_task_left() {
    let first = super::completed(&[shared::probe(), "--input", &adds().to_string()]);
    let forked = shell::shared(&["fork", &first, "--wait", "--json"]).json();
    assert_eq!(forked["status"], "completed", "{forked}");
    assert_eq!(forked["output"]["transcript"][1], json!({"ok": "xx"}));
    let original = shell::shared(&["show", &first, "--json"]).json();
    assert_eq!(forked["executor"], original["executor"]);
    assert_eq!(forked["workspace"], json!({"from": "task", "id": first}));
    let id = forked["id"].as_str().expect("a task has an id");
    assert_ne!(id, first);
    let changed = shell::shared(&["diff", id, "--stat"]).ok();
    assert_eq!(changed, "M log\n", "it is told against what the first one left");

    let read = r#"{"do": "read_file", "path": "/workspace/log"}"#;
    for (args, text) in [
        (["fork", &first, "--input", read, "--wait"].as_slice(), "x"),
        (&["fork", id, "probe", "--input", read, "--wait"], "xx"),
        (
            &["submit", "probe", "--workspace", &format!("task:{id}"), "--input", read, "--wait"],
            "xx",
        ),
    ] {
        assert_eq!(shell::shared(args).json(), json!({"ok": text}), "{args:?}");
    }
    let printed = shell::shared(&["fork", &first, shared::noop(), "--label", "of=fork"]).ok();
    let other = shell::shared(&["show", printed.trim_end(), "--json"]).json();
    assert_eq!(other["labels"], json!({"of": "fork"}));
    assert!(other["executor"].as_str().is_some_and(|name| name.starts_with("noop@")), "{other}");
    shell::shared(&["apply", id]).fails(2, &first).has("--to DIR");
}

#[test]
fn tasks_that_are_not_there_or_not_at_their_end_are_refused() {
    let unknown = "01kapq3v5d00000000000000zz";
    for command in ["diff", "apply", "fork"] {
        for id in [unknown, "nonsense", "a/b"] {
            shell::shared(&[command, id]).fails(3, "no task");
        }
    }
    let from = format!("task:{unknown}");
    let submitted = shell::shared(&["submit", shared::probe(), "--workspace", &from]);
    assert!(matches!(submitted.code, 3 | 4), "{}", submitted.stderr);

    let spins = super::submitted(&[shared::probe(), "--input", r#"{"do": "spin_forever"}"#]);
    let beside = Tree::new(&[]);
    let new = beside.path().join("new");
    let to = ["apply", &spins, "--to", new.to_str().expect("it is text")];
    let cases: [&[&str]; 4] =
        [&["diff", &spins], &["diff", &spins, "--stat"], &to, &["fork", &spins]];
    for args in cases {
        shell::shared(args).fails(4, "");
    }
    shell::shared(&["cancel", &spins]).expect(0);
    shell::shared(&["result", "--wait", &spins]).expect(1);
    for args in &cases[..3] {
        // A cancelled task is stopped anywhere: what it left is not known.
        shell::shared(args).fails(4, "");
    }
    assert!(!new.exists(), "nothing is written before all is known");
}
