//! `--workspace` of `submit` and `run`: named where the server lists it, packed and uploaded elsewhere.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::run_python::Script;
use crate::harness::shell::{self, Ran};
use crate::harness::{Server, plugin, plugin_path, shared};

/// A directory to work on.
pub(super) struct Tree(TempDir);

impl Tree {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().expect("a temporary directory can be made"));
        for (path, text) in files {
            let path = tree.path().join(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            std::fs::write(path, text).expect("it can be written");
        }
        tree
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn name(&self) -> &str {
        self.path().to_str().expect("a temporary path is text")
    }
}

/// Submits a program that lists its workspace, waits, and returns the task and the list.
fn listing(server: &Server, workspace: &str) -> (Value, Vec<String>) {
    let args = ["submit", shared::command_probe(), "--input", r#"{"args": ["list", "."]}"#];
    let mut command = server.command(&args);
    let task = shell::run(command.args(["--workspace", workspace, "--wait", "--json"])).json();
    assert_eq!(task["status"], "completed", "{task}");
    let text = task["output"]["stdout"].as_str().expect("a program prints text");
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort();
    (task, names)
}

fn source(server: &Server, task: &Value) -> Value {
    let id = task["id"].as_str().expect("a task has an id");
    server.agent().events(id)[0]["data"]["workspace"]["from"].clone()
}

const FILES: &[(&str, &str)] =
    &[("a.txt", "a"), ("b/c.txt", "c"), (".gitignore", "*.log\n"), ("x.log", ""), (".git/x", "")];

#[test]
fn a_directory_that_the_server_does_not_list_is_packed_and_uploaded() {
    let tree = Tree::new(FILES);
    std::os::unix::fs::symlink("/etc/passwd", tree.path().join("out")).expect("it can be made");
    shared::command_probe();
    let (task, names) = listing(shared::server(), tree.name());
    assert_eq!(names, [".gitignore", "a.txt", "b"]);
    assert_eq!(source(shared::server(), &task), "tar");
    let args = ["submit", shared::command_probe(), "--workspace", tree.name()];
    let ran = shell::shared(&args).expect(0);
    assert!(ran.stderr.contains("left out") && ran.stderr.contains("out"), "{}", ran.stderr);
}

#[test]
fn a_directory_that_the_server_lists_is_named_to_it() {
    let tree = Tree::new(FILES);
    let beside = Tree::new(FILES);
    let server = Server::start_with(&["--slots", "1", "--allow-dir", tree.name()]);
    let probe = std::fs::read(plugin_path("test/command-probe")).expect("it can be read");
    server.operator().upload(shared::command_probe(), &probe).expect(201);
    for (workspace, from) in [
        (tree.name().to_owned(), "dir"),
        (format!("{}/b/..", tree.name()), "dir"),
        (beside.name().to_owned(), "tar"),
    ] {
        let (task, names) = listing(&server, &workspace);
        assert_eq!(names, [".gitignore", "a.txt", "b"], "{workspace}");
        assert_eq!(source(&server, &task), from, "{workspace}");
    }
    // A server that is found by its address may be on another machine.
    let list = r#"{"args": ["list", "."]}"#;
    let mut elsewhere = server.command(&["--server", server.url(), "submit", "command-probe"]);
    elsewhere.args(["--workspace", tree.name(), "--input", list, "--wait", "--json"]);
    let task = shell::run(elsewhere.env("ERRAND_TOKEN", server.agent_token())).json();
    assert_eq!(source(&server, &task), "tar");
}

#[test]
fn an_archive_is_uploaded_as_it_is() {
    let tree = Tree::new(FILES);
    let beside = Tree::new(&[]);
    let archive = beside.path().join("a.tgz");
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(tree.path()).arg(".");
    let status = tar.status().expect("there is a tar");
    assert!(status.success());
    shared::command_probe();
    let (_, names) = listing(shared::server(), &format!("tar:{}", archive.display()));
    assert_eq!(names, [".git", ".gitignore", "a.txt", "b", "x.log"], "nothing is left out of it");
}

#[test]
fn a_commit_of_a_repository_is_named_to_the_server() {
    let tree = Tree::new(&[("a.txt", "a"), ("b/c.txt", "c")]);
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(tree.path());
        assert!(command.status().expect("there is a git").success());
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    std::fs::write(tree.path().join("untracked"), "").expect("it can be written");
    let server = Server::start_with(&["--allow-dir", tree.name()]);
    server.operator().upload(shared::command_probe(), &plugin("test/command-probe")).expect(201);
    for named in ["", "@main", "@HEAD"] {
        let (task, names) = listing(&server, &format!("git:{}{named}", tree.name()));
        assert_eq!(names, ["a.txt", "b"]);
        assert_eq!(source(&server, &task), "git");
    }
    let workspace = format!("git:{}@nowhere", tree.name());
    let mut command =
        server.command(&["submit", shared::command_probe(), "--workspace", &workspace]);
    shell::run(&mut command).fails(4, "nowhere");
}

#[test]
fn what_can_not_be_a_workspace_is_said_before_anything_is_submitted() {
    let tree = Tree::new(&[("node_modules/m/i.js", &"x".repeat(200_000)), ("a", "")]);
    let fails = |workspace: &str, code: i32, part: &str| {
        let args = ["submit", shared::command_probe(), "--workspace", workspace];
        let mut command = shared::server().command(&args);
        shell::run(command.args(["--workspace-bytes", "100KiB"])).fails(code, part)
    };
    let ran = fails(tree.name(), 4, "node_modules");
    assert!(ran.stderr.contains(".gitignore") && ran.stderr.contains("--workspace-bytes"));
    fails("no-such-directory", 2, "no-such-directory");
    fails(&format!("{}/a", tree.name()), 2, "not a directory");
    fails("tar:no-such-file", 2, "no-such-file");
    fails(&format!("tar:{}", tree.name()), 2, "not a file");
    fails(&format!("tar:{}/a", tree.name()), 4, "archive");
}

#[test]
fn an_upload_that_is_refused_says_why_whatever_its_size() {
    let request = json!({"name": "reader", "namespace": "default", "rights": ["read"]});
    let token = shared::operator().post("/v1/tokens", &request).expect(201);
    let tree = Tree::new(&[("large", &"x".repeat(32 << 20))]);
    let mut command = shared::server().command(&["submit", "noop", "--workspace", tree.name()]);
    command.env("ERRAND_TOKEN", token["token"].as_str().expect("a token"));
    shell::run(&mut command).fails(4, "`submit`");
}

/// Calls `errand run --workspace DIR FILE` beside the server's compiled executors.
fn run(directory: &Path, args: &[&str]) -> Ran {
    shared::python();
    shell::run(shared::server().command(&["run"]).args(args).current_dir(directory))
}

#[test]
fn a_program_works_on_a_copy_of_a_directory() {
    let program = "
import os, sys
print(sorted(os.listdir('.')), open('b/c.txt').read(), sys.argv, __file__)
open('b/c.txt', 'w').write('changed')
os.remove('a.txt')
";
    let tree = Tree::new(FILES);
    std::fs::create_dir(tree.path().join("tools")).expect("it can be made");
    std::fs::write(tree.path().join("tools/p.py"), program).expect("it can be written");
    let out = run(tree.path(), &["--workspace", ".", "tools/p.py", "x"]).ok();
    let shown =
        "['.gitignore', 'a.txt', 'b', 'tools'] c ['tools/p.py', 'x'] /workspace/tools/p.py\n";
    assert_eq!(out, shown);
    let read = |name: &str| std::fs::read_to_string(tree.path().join(name)).expect("it is there");
    assert_eq!((read("a.txt"), read("b/c.txt")), ("a".into(), "c".into()), "it was written to");

    // A program from elsewhere lies beside the files.
    let script = Script::new("import os; print(sorted(os.listdir('.')))");
    let out = shell::run(&mut script.command(&["--workspace", tree.name()], &[])).ok();
    assert_eq!(out, "['.gitignore', 'a.txt', 'b', 'program.py', 'tools']\n");
}

#[test]
fn a_wasm_works_on_a_copy_of_a_directory() {
    let tree = Tree::new(&[("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")]);
    let lint = plugin_path("manifest-lint");
    let lint = lint.to_str().expect("a path is text");
    let report = run(tree.path(), &["--workspace", ".", lint]).json();
    assert_eq!(report["summary"]["files"], json!(1), "{report}");
    assert!(!tree.path().join("report.md").exists());
}

#[test]
fn a_run_on_what_can_not_be_a_workspace_says_why() {
    let tree = Tree::new(&[
        (".gitignore", "ignored.py\n"),
        ("ignored.py", "print()"),
        ("program.py", "print()"),
        ("large", &"x".repeat(200_000)),
    ]);
    let fails = |args: &[&str], code: i32, part: &str| run(tree.path(), args).fails(code, part);
    fails(&["--workspace", "missing", "program.py"], 2, "missing");
    fails(&["--workspace", "large", "program.py"], 2, "large");
    fails(&["--workspace", ".", "ignored.py"], 2, ".gitignore");
    fails(&["--workspace", ".", "--workspace-bytes", "100KiB", "program.py"], 125, "`large`");
    let script = Script::new("print()");
    let mut command = script.command(&["--workspace", tree.name()], &[]);
    shell::run(&mut command).fails(2, "another file");
    // The copy counts towards what the program may write.
    std::fs::write(tree.path().join("program.py"), "open('b', 'w').write('x' * 200_000)")
        .expect("it can be written");
    let limit = ["--workspace", ".", "--workspace-bytes", "300000", "program.py"];
    fails(&limit, 124, "workspace_limit");
}

/// A program that changes, makes, moves and removes files.
const FIXES: &str = "
import os
open('a.txt', 'w').write('fixed\\n')
os.rename('b/c.txt', 'moved.txt')
open('new \u{e9}.txt', 'w').write('no newline')
os.remove('gone')
print('done')
";

pub(super) fn to_fix() -> Tree {
    Tree::new(&[("a.txt", "a\n"), ("b/c.txt", "c\n"), ("gone", "gone\n"), ("same", "same\n")])
}

pub(super) fn texts(tree: &Tree) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut directories = vec![tree.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("it is read") {
            let path = entry.expect("it is read").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(tree.path()).expect("it is inside");
                let text = std::fs::read_to_string(&path).expect("it is there");
                texts.push((name.to_str().expect("it is text").to_owned(), text));
            }
        }
    }
    texts.sort();
    texts
}

#[test]
fn what_a_program_would_change_is_a_patch_that_git_applies() {
    let tree = to_fix();
    let before = texts(&tree);
    let script = Script::new(FIXES);
    let out = shell::run(&mut script.command(&["--workspace", tree.name(), "--diff"], &[])).ok();
    assert_eq!(texts(&tree), before, "it was only shown");
    let patch = out.strip_prefix("done\n").expect("the program's own words come first");
    let file = script.directory().join("patch");
    std::fs::write(&file, patch).expect("it can be written");
    let applied = Command::new("git").arg("apply").arg(&file).current_dir(tree.path()).status();
    assert!(applied.expect("there is a git").success(), "{patch}");
    let other = to_fix();
    let applies = ["--workspace", other.name(), "--apply"];
    let ran = shell::run(&mut script.command(&applies, &[])).expect(0);
    assert_eq!(ran.stdout, "done\n");
    assert_eq!(ran.stderr, "2 added, 1 modified, 2 deleted\n");
    assert_eq!(texts(&other), texts(&tree), "both ways lead to the same");
    let names: Vec<String> = texts(&other).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.txt", "moved.txt", "new \u{e9}.txt", "same"]);
    // There is nothing left to do.
    let ran = shell::run(&mut script.command(&applies, &[]));
    assert_eq!(ran.code, 1, "its files are not there any more");
}

#[test]
fn nothing_is_written_back_that_failed_or_whose_directory_has_moved() {
    let tree = to_fix();
    let before = texts(&tree);
    let script = Script::new("open('a.txt', 'w').write('half')\nraise SystemExit(3)");
    let applies = ["--workspace", tree.name(), "--apply"];
    let ran = shell::run(&mut script.command(&applies, &[])).expect(3);
    assert!(ran.stderr.contains("nothing was written back"), "{}", ran.stderr);
    assert_eq!(texts(&tree), before);
    let unchanged = Script::new("open('a.txt').read()");
    let ran = shell::run(&mut unchanged.command(&applies, &[])).expect(0);
    assert_eq!(ran.stderr, "nothing was changed\n");

    // While the program waits for its input, somebody else changes the directory.
    let waits = Script::new("print(flush=True)\ninput()\nopen('a.txt', 'w').write('mine')");
    for (flag, other) in [("--apply", "b/c.txt"), ("--apply", "a.txt"), ("--diff", "a.txt")] {
        let tree = to_fix();
        let mut command = waits.command(&["--workspace", tree.name(), flag], &[]);
        let (input, output) = (std::process::Stdio::piped(), std::process::Stdio::piped());
        let errors = std::process::Stdio::piped();
        let child = command.stdin(input).stdout(output).stderr(errors).spawn();
        let mut child = child.expect("it starts");
        let mut said = [0];
        let out = child.stdout.as_mut().expect("it is piped");
        std::io::Read::read_exact(out, &mut said).expect("it says that it runs");
        std::fs::write(tree.path().join(other), "theirs").expect("it can be written");
        drop(child.stdin.take().map(|mut input| std::io::Write::write_all(&mut input, b"\n")));
        let ended = child.wait_with_output().expect("it ends");
        let errors = String::from_utf8_lossy(&ended.stderr);
        let text =
            |name: &str| std::fs::read_to_string(tree.path().join(name)).expect("it is there");
        if other == "a.txt" {
            assert_eq!(ended.status.code(), Some(125), "{errors}");
            assert!(errors.contains("is not as it was") && errors.contains("`a.txt`"), "{errors}");
            assert_eq!((text("a.txt").as_str(), ended.stdout.len()), ("theirs", 0), "{errors}");
        } else {
            assert_eq!(ended.status.code(), Some(0), "{errors}");
            assert_eq!((text("a.txt").as_str(), text(other).as_str()), ("mine", "theirs"));
        }
    }
}
