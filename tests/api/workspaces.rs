//! Workspaces that start from an uploaded archive or a directory of the server's machine.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{pointers, text};
use crate::harness::archive::{file, link, tar};
use crate::harness::{Client, Server, plugin, shared};

/// A directory with files in it, beside others, and a server that lists it.
struct Listed {
    server: Server,
    root: TempDir,
}

impl Listed {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        for (path, text) in files {
            write(&root.path().join(path), text);
        }
        let listed = root.path().join("listed");
        std::fs::create_dir_all(&listed).expect("it can be made");
        let listed = listed.to_str().expect("a temporary path is text");
        let server = Server::start_with(&["--slots", "1", "--allow-dir", listed]);
        server.operator().upload("probe", &plugin("test/probe")).expect(201);
        Self { server, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn request(&self, directory: &str, input: &Value) -> Value {
        let workspace = json!({"from": "dir", "path": self.path(directory)});
        json!({"executor": "probe", "input": input, "workspace": workspace})
    }

    fn refusal(&self, directory: &str) -> String {
        let request = self.request(directory, &json!({"do": "list", "path": "/workspace"}));
        let problem = self.server.agent().post("/v1/tasks", &request).problem(422, "invalid");
        assert_eq!(pointers(&problem), ["/workspace/path"]);
        text(&problem["errors"][0]["message"])
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}

/// The text of a file in the workspace of the one task that runs.
fn in_workspace(server: &Server, name: &str) -> String {
    let spaces = std::fs::read_dir(server.data().join("workspaces")).expect("it is there");
    let spaces = spaces.map(|space| space.expect("it is read").path());
    // What its children made, which are none, lies beside it.
    let is_its_own = |path: &PathBuf| !path.to_string_lossy().ends_with("-children");
    let spaces: Vec<PathBuf> = spaces.filter(is_its_own).collect();
    assert_eq!(spaces.len(), 1, "{spaces:?}");
    std::fs::read_to_string(spaces[0].join(name)).expect("it is there")
}

fn output(client: &Client, request: &Value) -> Value {
    let task = client.finish(&client.submit(request));
    assert_eq!(task["status"], "completed", "{task}");
    task["output"].clone()
}

#[test]
fn a_program_of_an_archive_runs_among_its_files() {
    let program = "
import os, sys
from lib import twice
result = {
    'here': os.getcwd(), 'names': sorted(os.listdir('.')), 'data': twice(open('data/a.txt').read()),
    'args': sys.argv, 'linked': open('linked').read(),
}
open('data/a.txt', 'a').write(' and more')
open('made', 'w').write('made')
";
    let lib = "def twice(text): return text * 2\n";
    let items = [
        file("run/program.py", program),
        file("run/lib.py", lib),
        file("data/a.txt", "text"),
        link("linked", "data/a.txt"),
    ];
    let client = shared::agent();
    let blob = client.upload_blob(&tar(&items));
    let request = json!({
        "executor": shared::python(), "input": {"file": "run/program.py", "args": ["x"]},
        "workspace": {"from": "tar", "blob": blob}, "artifacts": ["made", "data/**"],
    });
    for _ in 0..2 {
        // What a task changes is its own.
        let id = client.submit(&request);
        let task = client.finish(&id);
        assert_eq!(task["status"], "completed", "{task}");
        assert_eq!(
            task["output"]["result"],
            json!({
                "here": "/workspace", "names": ["data", "linked", "run"], "data": "texttext",
                "args": ["run/program.py", "x"], "linked": "text",
            })
        );
        let kept = client.get(&format!("/v1/tasks/{id}/artifacts/data/a.txt"));
        assert_eq!(String::from_utf8_lossy(&kept.bytes), "text and more");
    }
    let missing = json!({
        "executor": shared::python(), "input": {"file": "program.py"},
        "workspace": {"from": "tar", "blob": blob},
    });
    let task = client.finish(&client.submit(&missing));
    assert_eq!(task["error"]["detail"]["code"], "invalid_input", "{task}");
}

#[test]
fn what_an_archive_brings_counts_towards_the_workspaces_bounds() {
    let client = shared::agent();
    let blob = client.upload_blob(&tar(&[file("a", &"x".repeat(60_000))]));
    let request = |input: Value| {
        json!({
            "executor": shared::probe(), "input": input, "limits": {"workspace_bytes": 100_000},
            "workspace": {"from": "tar", "blob": blob},
        })
    };
    let fits = json!({"do": "write_file", "path": "/workspace/b", "bytes": 40_000});
    assert_eq!(output(&client, &request(fits)), json!({"ok": null}));
    let over = json!({"do": "write_file", "path": "/workspace/b", "bytes": 40_001});
    let task = client.finish(&client.submit(&request(over)));
    assert_eq!(task["error"]["code"], "workspace_limit", "{task}");
    // What it brought may be overwritten, and gives its room back.
    let again = json!({"do": "write_file", "path": "/workspace/a", "bytes": 99_000});
    assert_eq!(output(&client, &request(again)), json!({"ok": null}));
}

#[test]
fn a_directory_is_copied_without_git_and_what_it_ignores() {
    let listed = Listed::new(&[
        ("listed/app/main.txt", "main"),
        ("listed/app/.git/config", "secret"),
        ("listed/app/.gitignore", "*.log\nnode_modules/\n"),
        ("listed/app/a.log", ""),
        ("listed/app/node_modules/m/i.js", ""),
    ]);
    std::os::unix::fs::symlink("/etc/passwd", listed.path("listed/app/outside")).expect("made");
    let client = listed.server.agent();
    let list = json!({"do": "list", "path": "/workspace"});
    let names = output(&client, &listed.request("listed/app", &list));
    let mut names: Vec<String> = names["ok"].as_array().expect("a list").iter().map(text).collect();
    names.sort();
    assert_eq!(names, [".gitignore", "main.txt", "outside"]);
    let reads = |path: &str| {
        let input = json!({"do": "read_file", "path": path});
        output(&client, &listed.request("listed/app", &input))
    };
    assert_eq!(reads("/workspace/main.txt"), json!({"ok": "main"}));
    assert!(reads("/workspace/outside")["err"].is_object(), "a link out leads nowhere");
    let input = json!({"do": "write_text", "path": "/workspace/main.txt", "text": "changed"});
    output(&client, &listed.request("listed/app", &input));
    let source = std::fs::read_to_string(listed.path("listed/app/main.txt"));
    assert_eq!(source.expect("it is there"), "main", "it is never written to");
}

#[test]
fn every_run_starts_from_what_the_first_one_found() {
    let Listed { server, root } = Listed::new(&[("listed/a.txt", "first")]);
    let source = root.path().join("listed/a.txt");
    let client = server.agent();
    let workspace = json!({"from": "dir", "path": root.path().join("listed")});
    let id = client.submit(&json!({
        "executor": "probe", "input": {"do": "spin_forever"}, "workspace": workspace,
    }));
    client.follow(&id, &[]).until_it_runs();
    assert_eq!(in_workspace(&server, "a.txt"), "first");
    write(&source, "second");

    let listed = root.path().join("listed");
    let flags = ["--slots", "1", "--allow-dir", listed.to_str().expect("it is text")];
    let server = Server::start_on(server.kill(), &flags);
    let client = server.agent();
    client.follow(&id, &[("last-event-id", "2")]).until_it_runs();
    assert_eq!(in_workspace(&server, "a.txt"), "first", "after a crash");

    client.send(&format!("/v1/tasks/{id}/cancel"), "application/json", b"").expect(202);
    client.finish(&id);
    std::fs::remove_dir_all(&listed).expect("it can be removed");
    client.send(&format!("/v1/tasks/{id}/retry"), "application/json", b"").expect(202);
    client.follow(&id, &[("last-event-id", "7")]).until_it_runs();
    assert_eq!(in_workspace(&server, "a.txt"), "first", "in another attempt");
    let starts: Vec<Value> = client
        .events(&id)
        .into_iter()
        .filter(|event| event["kind"] == "started")
        .map(|event| event["data"]["workspace"].clone())
        .collect();
    assert_eq!(starts.len(), 3);
    assert!(starts.iter().all(|start| *start == starts[0] && start.is_string()), "{starts:?}");
}

#[test]
fn directories_that_are_not_listed_are_refused_with_what_to_do() {
    let listed = Listed::new(&[("listed/a", ""), ("listed-not/a", ""), ("secret/a", "")]);
    std::os::unix::fs::symlink("../secret", listed.path("listed/way-out")).expect("made");
    for path in ["listed-not", "secret", "", "listed/../secret", "/etc"] {
        let message = listed.refusal(path);
        assert!(message.contains("--allow-dir") || message.contains("`..`"), "{path}: {message}");
    }
    for path in ["listed/way-out", "listed/missing", "listed/a"] {
        assert!(listed.refusal(path).contains("can't be opened"), "{path}");
    }
    let relative = json!({"executor": "probe", "workspace": {"from": "dir", "path": "listed"}});
    listed.server.agent().post("/v1/tasks", &relative).problem(422, "invalid");
    // The shared server lists none.
    let request = json!({
        "executor": shared::noop(), "workspace": {"from": "dir", "path": listed.path("listed")},
    });
    let problem = shared::agent().post("/v1/tasks", &request).problem(422, "invalid");
    assert!(text(&problem["detail"]).contains("--allow-dir"), "{problem}");
}

#[test]
fn a_directory_that_is_too_large_is_refused_at_once_with_what_takes_the_room() {
    let listed = Listed::new(&[
        ("listed/src/a", "x"),
        ("listed/node_modules/m/large.js", &"x".repeat(200_000)),
    ]);
    let mut request = listed.request("listed", &json!({"do": "list", "path": "/workspace"}));
    request["limits"] = json!({"workspace_bytes": 100_000});
    let client = listed.server.agent();
    let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
    let message = text(&problem["errors"][0]["message"]);
    for part in ["node_modules", ".gitignore", "workspace_bytes"] {
        assert!(message.contains(part), "{message}");
    }
    write(&listed.path("listed/.gitignore"), "node_modules\n");
    output(&client, &request);
}

#[test]
fn a_directory_that_is_gone_before_the_start_fails_its_task() {
    let listed = Listed::new(&[("listed/app/a", "")]);
    let client = listed.server.agent();
    let mut request = listed.request("listed/app", &json!({"do": "list", "path": "/workspace"}));
    request["delay_ms"] = json!(300);
    let id = client.submit(&request);
    std::fs::remove_dir_all(listed.path("listed/app")).expect("it can be removed");
    let task = client.finish(&id);
    assert_eq!(task["error"]["code"], "executor_failed", "{task}");
    assert_eq!(task["error"]["detail"]["code"], "invalid_workspace", "{task}");
    assert_eq!(task["attempt"], 1, "it is not tried again by itself");
}

/// Does what can be done to files, and tells what it finds; each check is what a plain copy would give.
const CHANGES: &str = r"
import os
def text(name): return open(name).read()
ino = lambda name: os.stat(name).st_ino
assert sorted(os.listdir('.')) == ['a', 'b', 'c', 'd', 'e', 'link', 'program.py', 'sub'], os.listdir('.')
assert all(text(name) == 'same' for name in 'abcde'), [text(name) for name in 'abcde']
assert len({ino(name) for name in 'abcde'}) == 5 and os.stat('a').st_nlink == 1
assert not os.path.samefile('a', 'b')
before, reader = ino('a'), open('a')
open('a', 'a').write(' more')
assert (text('a'), text('b'), ino('a')) == ('same more', 'same', before)
assert reader.fileno() and os.path.getsize('a') == 9
open('link', 'r+').write('SAME')                        # leads to sub/s
assert (text('sub/s'), text('b'), os.path.islink('link')) == ('SAME', 'same', True)
open('b', 'w').close()
assert (text('b'), text('c'), os.path.getsize('b')) == ('', 'same', 0)
os.rename('c', 'd')                                     # one inode on the host
assert not os.path.exists('c') and text('d') == 'same' and text('e') == 'same'
os.link('d', 'd2')
open('d2', 'a').write('!')
assert text('d') == 'same!' and os.path.samefile('d', 'd2') and text('e') == 'same'
os.utime('e', (1, 2))
assert os.stat('e').st_mtime == 2 and text('e') == 'same'
os.utime('sub/t', (3, 4)); number = ino('sub/t')
os.rename('sub', 'moved'); os.rename('e', 'moved/e')
assert (os.stat('moved/t').st_mtime, ino('moved/t')) == (4, number)
assert text('moved/e') == 'same' and os.stat('moved/e').st_mtime == 2
with open('moved/t', 'r+') as file: file.truncate(2)
assert text('moved/t') == 'sa'
try: os.open('moved/e', os.O_WRONLY | os.O_CREAT | os.O_EXCL); assert False
except FileExistsError: pass
assert text('moved/e') == 'same'
os.remove('moved/e'); open('moved/e', 'w').write('new')
assert text('moved/e') == 'new'
result = 'fine'
";

#[test]
fn what_tasks_share_is_each_ones_own_as_soon_as_it_is_changed() {
    let client = shared::agent();
    let mut items: Vec<_> =
        ["a", "b", "c", "d", "e", "sub/s", "sub/t"].map(|name| file(name, "same")).into();
    items.push(link("link", "sub/s"));
    items.push(file("program.py", CHANGES));
    let blob = client.upload_blob(&tar(&items));
    let request = json!({
        "executor": shared::python(), "input": {"file": "program.py"},
        "workspace": {"from": "tar", "blob": blob},
    });
    let same = 4 * 7 + CHANGES.len();
    for run in 0..3 {
        let id = client.submit(&request);
        let task = client.finish(&id);
        assert_eq!(task["output"]["result"], "fine", "run {run}: {task}");
        let events = client.events(&id);
        let started = events.iter().find(|event| event["kind"] == "started").expect("it started");
        let (method, shared, copied) =
            if run == 0 { ("copied", 0, same) } else { ("shared", same, 0) };
        assert_eq!(
            started["data"]["placed"],
            json!({"method": method, "files": 10, "shared_bytes": shared, "copied_bytes": copied})
        );
    }
}

#[test]
fn tasks_that_start_from_one_state_of_a_directory_share_its_files() {
    let Listed { server, root } = Listed::new(&[("listed/a.txt", "first"), ("listed/d/b", "b")]);
    let client = server.agent();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let workspace = json!({"from": "dir", "path": root.path().join("listed")});
    let request = json!({
        "executor": "probe", "input": {"do": "append_text", "path": "/workspace/a.txt", "text": "x"},
        "workspace": workspace, "artifacts": ["a.txt"],
    });
    let run = || {
        let id = client.submit(&request);
        assert_eq!(client.finish(&id)["status"], "completed");
        let kept = client.get(&format!("/v1/tasks/{id}/artifacts/a.txt"));
        let started = client.events(&id)[1]["data"].clone();
        (String::from_utf8_lossy(&kept.bytes).into_owned(), started)
    };
    let (text, first) = run();
    assert_eq!((text.as_str(), &first["placed"]["method"]), ("firstx", &json!("copied")));
    let (text, second) = run();
    assert_eq!((text.as_str(), &second["placed"]["method"]), ("firstx", &json!("shared")));
    assert_eq!(first["workspace"], second["workspace"]);
    // Another content of the same size and time is another state.
    let source = root.path().join("listed/a.txt");
    write(&source, "third");
    let file = std::fs::File::options().write(true).open(&source).expect("it opens");
    file.set_modified(old).expect("its time can be set");
    let (text, third) = run();
    assert_eq!(text, "thirdx");
    assert_ne!(third["workspace"], first["workspace"]);
    assert_eq!(std::fs::read_to_string(&source).expect("it is there"), "third");
}

/// Calls git in a directory, apart from whoever runs the tests.
fn git(directory: &Path, args: &[&str]) -> String {
    let mut command = std::process::Command::new("git");
    command.args(args).current_dir(directory).env("HOME", directory);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for (who, name) in [("AUTHOR", "A"), ("COMMITTER", "C")] {
        command
            .env(format!("GIT_{who}_NAME"), name)
            .env(format!("GIT_{who}_EMAIL"), "x@example.org");
    }
    let output = command.output().expect("there is a git");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text").trim().to_owned()
}

/// A server that lists a repository with two commits, the first of them tagged.
fn repository() -> Listed {
    let listed = Listed::new(&[("listed/a.txt", "one"), ("listed/d/b.txt", "b"), ("aside/x", "")]);
    let directory = listed.path("listed");
    git(&directory, &["init", "-q", "-b", "main"]);
    git(&directory, &["add", "."]);
    git(&directory, &["commit", "-q", "-m", "first"]);
    git(&directory, &["tag", "v1"]);
    write(&directory.join("a.txt"), "two");
    git(&directory, &["commit", "-q", "-am", "second"]);
    // What is not committed is no part of it.
    write(&directory.join("a.txt"), "three");
    write(&directory.join("untracked"), "");
    listed
}

#[test]
fn a_task_works_on_a_commit_that_was_named_when_it_was_submitted() {
    let listed = repository();
    let (server, directory) = (&listed.server, listed.path("listed"));
    let client = server.agent();
    let workspace = |reference: &str| json!({"from": "git", "repo": directory, "ref": reference});
    let request = |reference: &str, input: Value| json!({"executor": "probe", "input": input, "workspace": workspace(reference)});
    let read = json!({"do": "read_file", "path": "/workspace/a.txt"});
    for (reference, text) in [("v1", "one"), ("main", "two"), ("HEAD~1", "one")] {
        assert_eq!(output(&client, &request(reference, read.clone())), json!({"ok": text}));
    }
    let list = json!({"do": "list", "path": "/workspace"});
    assert_eq!(output(&client, &request("main", list.clone())), json!({"ok": ["a.txt", "d"]}));
    let mut sparse = request("main", list);
    sparse["workspace"]["paths"] = json!(["d"]);
    assert_eq!(output(&client, &sparse), json!({"ok": ["d"]}));

    // The only slot is taken; the branch moves before the next task starts.
    let spins = client.submit(&request("main", json!({"do": "spin_forever"})));
    client.follow(&spins, &[]).until_it_runs();
    let named = git(&directory, &["worktree", "list"]);
    assert_eq!(named.lines().count(), 2, "{named}");
    assert!(named.contains(&spins) && named.contains("detached"), "{named}");
    let queued = client.submit(&request("main", read));
    let commit = git(&directory, &["rev-parse", "main"]);
    git(&directory, &["commit", "-q", "-am", "third"]);
    client.send(&format!("/v1/tasks/{spins}/cancel"), "application/json", b"").expect(202);
    let task = client.finish(&queued);
    assert_eq!(task["output"], json!({"ok": "two"}), "{task}");
    let events = client.events(&queued);
    assert_eq!(events[0]["data"]["workspace"]["commit"], json!(commit));
    assert_eq!(events[0]["data"]["workspace"]["ref"], json!("main"));
    assert_eq!(
        events[1]["data"]["placed"],
        json!({"method": "shared", "files": 3, "shared_bytes": 4, "copied_bytes": 0})
    );
    // What a stopped server leaves registered goes with the next one.
    let listed_flag = directory.to_str().expect("it is text").to_owned();
    let id = client.submit(&request("v1", json!({"do": "spin_forever"})));
    client.follow(&id, &[]).until_it_runs();
    let Listed { server, root: _root } = listed;
    let data = server.kill();
    assert_eq!(git(&directory, &["worktree", "list"]).lines().count(), 2);
    let server = Server::start_on(data, &["--slots", "1", "--allow-dir", &listed_flag]);
    let client = server.agent();
    client.follow(&id, &[("last-event-id", "2")]).until_it_runs();
    assert_eq!(git(&directory, &["worktree", "list"]).lines().count(), 2, "not three");
    assert_eq!(in_workspace(&server, "a.txt"), "one");
}

#[test]
fn what_a_task_changed_of_a_commit_is_told_as_long_as_the_repository_is_there() {
    let listed = repository();
    let directory = listed.path("listed");
    let client = listed.server.agent();
    let workspace = json!({"from": "git", "repo": directory, "ref": "main"});
    let append = json!({"do": "append_text", "path": "/workspace/a.txt", "text": "!"});
    let task = |workspace: &Value, input: &Value| {
        let request = json!({"executor": "probe", "input": input, "workspace": workspace});
        client.finish(&client.submit(&request))
    };
    let first = task(&workspace, &append);
    assert_eq!(first["changes"], json!({"added": 0, "modified": 1, "deleted": 0}), "{first}");
    let commit = git(&directory, &["rev-parse", "main"]);
    assert_eq!(first["workspace"]["commit"], json!(commit));
    let fork = json!({"from": "task", "id": first["id"]});
    let second = task(&fork, &append);
    let read = task(&fork, &json!({"do": "read_file", "path": "/workspace/a.txt"}));
    assert_eq!(read["output"], json!({"ok": "two!"}));
    assert_eq!(git(&directory, &["worktree", "list"]).lines().count(), 1, "none is left");
    let patch = |server: &Server, task: &Value| {
        let path = format!("/v1/tasks/{}/diff", text(&task["id"]));
        server.agent().ask("GET", &path, &[("accept", "text/x-diff")])
    };
    let shown = String::from_utf8(patch(&listed.server, &second).bytes).expect("it is text");
    assert!(shown.contains("-two!\n") && shown.contains("+two!!\n"), "{shown}");

    // Without the repository, there is what lies in the store.
    let listed_flag = directory.to_str().expect("it is text").to_owned();
    let Listed { server, root } = listed;
    let (_, data) = server.stop();
    std::fs::remove_dir_all(data.path().join("bases")).expect("it is there");
    std::fs::rename(directory.join(".git"), root.path().join("git")).expect("it is moved");
    let server = Server::start_on(data, &["--allow-dir", &listed_flag]);
    let answer = patch(&server, &first).problem(409, "conflict");
    assert!(text(&answer["detail"]).contains("started from can't be used any more"), "{answer}");
    assert_eq!(patch(&server, &second).status, 200, "both sides of it are in snapshots");
    let json = server.agent().get(&format!("/v1/tasks/{}/diff", text(&first["id"]))).expect(200);
    assert_eq!(json["modified"][0]["path"], "a.txt");
    let request = json!({"executor": "probe", "input": append, "workspace": fork});
    let refused = server.agent().post("/v1/tasks", &request).problem(422, "invalid");
    assert_eq!(pointers(&refused), ["/workspace/id"]);
    std::fs::rename(root.path().join("git"), directory.join(".git")).expect("it is moved back");
    assert_eq!(patch(&server, &first).status, 200);
}

#[test]
fn what_is_no_commit_of_a_listed_repository_is_refused_at_once() {
    let listed = repository();
    let client = listed.server.agent();
    let refusal = |repo: &Path, reference: &str, more: Value| {
        let mut workspace = json!({"from": "git", "repo": repo, "ref": reference});
        if let Value::Object(more) = more {
            workspace.as_object_mut().expect("it is one").extend(more);
        }
        let request = json!({"executor": "probe", "input": {"do": "args"}, "workspace": workspace});
        let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
        let fault = &problem["errors"][0];
        format!("{} {}", text(&fault["pointer"]), text(&fault["message"]))
    };
    let repo = listed.path("listed");
    for (reference, why) in [
        ("nowhere", "nowhere"),
        ("--upload-pack=touch x", "--upload-pack"),
        ("main:a.txt", "main:a.txt"),
        ("v1..main", "v1..main"),
        ("", ""),
    ] {
        let said = refusal(&repo, reference, Value::Null);
        assert!(said.starts_with("/workspace ") && said.contains(why), "{reference}: {said}");
    }
    assert!(refusal(&listed.path("aside"), "main", Value::Null).contains("--allow-dir"));
    assert!(refusal(&repo.join("d"), "main", Value::Null).starts_with("/workspace "));
    let paths = json!({"paths": ["../aside"]});
    assert!(refusal(&repo, "main", paths).contains("../aside"));
    let unknown = json!({"path": "/x"});
    assert!(refusal(&repo, "main", unknown).starts_with("/workspace/path "));
    let request =
        json!({"executor": "probe", "input": {"do": "args"}, "workspace": {"from": "git"}});
    let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
    assert_eq!(pointers(&problem), ["/workspace/repo", "/workspace/ref"]);
}
