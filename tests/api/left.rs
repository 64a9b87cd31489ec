//! What a task left in its workspace: its changes, all of it, and what goes on from there.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::archive::{file, tar};
use crate::harness::{Client, Server, plugin, shared};

const LARGE_BYTES: usize = 1_500_000;

/// Changes a directory in every way that a patch can say.
const CHANGES: &str = r"
import os
open('a.txt', 'a').write('three\n')
open('no end', 'w').write('still no end')
os.remove('d/gone.txt'); os.rmdir('d')
os.rename('kept.bin', 'moved to/kept.bin') if os.path.isdir('moved to') else (os.mkdir('moved to'), os.rename('kept.bin', 'moved to/kept.bin'))
open('run.sh', 'a').write('echo more\n')
open('grün/ñandú 文.txt', 'w').write('ö\n')
open('empty', 'w').close()
open('binary', 'wb').write(bytes(range(256)) * 8)
open('large', 'wb').write(os.urandom(1_500_000))
os.remove('link'); os.symlink('no end', 'link')
os.symlink('a.txt', 'link to a')
os.makedirs('deep/er/still'); open('deep/er/f', 'w').write('f')
os.makedirs('.git/hooks'); open('.git/hooks/pre-commit', 'w').write('evil')
";

/// A directory that a server lists, and the server.
struct Listed {
    server: Server,
    root: TempDir,
}

impl Listed {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let listed = root.path().join("listed");
        for directory in ["d", "grün"] {
            std::fs::create_dir_all(listed.join(directory)).expect("it can be made");
        }
        for (name, text) in [
            ("a.txt", "one\ntwo\n"),
            ("no end", "no end"),
            ("d/gone.txt", "gone\n"),
            ("run.sh", "#!/bin/sh\n"),
            ("same", "same\n"),
        ] {
            std::fs::write(listed.join(name), text).expect("it can be written");
        }
        std::fs::write(listed.join("kept.bin"), [0xff, 0, 1, 2]).expect("it can be written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(listed.join("run.sh"), mode).expect("its mode can be set");
        std::os::unix::fs::symlink("a.txt", listed.join("link")).expect("it can be made");
        let flags = ["--slots", "1", "--allow-dir", listed.to_str().expect("it is text")];
        let server = Server::start_with(&flags);
        server.operator().upload("python", &plugin("python")).expect(201);
        Self { server, root }
    }

    fn source(&self) -> PathBuf {
        self.root.path().join("listed")
    }

    /// Runs some code on the directory, and returns the task.
    fn changed_by(&self, code: &str) -> Value {
        run(&self.server.agent(), &json!({"from": "dir", "path": self.source()}), code)
    }
}

fn run(client: &Client, workspace: &Value, code: &str) -> Value {
    let request = json!({"executor": "python", "input": {"code": code}, "workspace": workspace});
    client.finish(&client.submit(&request))
}

fn id(task: &Value) -> &str {
    task["id"].as_str().expect("it has an id")
}

fn fork(task: &Value) -> Value {
    json!({"from": "task", "id": task["id"]})
}

fn patch(client: &Client, task: &Value) -> Vec<u8> {
    let path = format!("/v1/tasks/{}/diff", id(task));
    let answer = client.ask("GET", &path, &[("accept", "text/x-diff")]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type").as_deref(), Some("text/x-diff"));
    assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
    answer.bytes
}

fn diff(client: &Client, task: &Value) -> Value {
    client.get(&format!("/v1/tasks/{}/diff", id(task))).expect(200)
}

/// What an archive has: each path with its kind, whether it can be executed, and its content or target.
type Tree = BTreeMap<String, (char, bool, Vec<u8>)>;

fn workspace(client: &Client, task: &Value, query: &str) -> Tree {
    let answer = client.get(&format!("/v1/tasks/{}/workspace{query}", id(task)));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type").as_deref(), Some("application/x-tar"));
    let mut archive = tar::Archive::new(&answer.bytes[..]);
    let mut tree = Tree::new();
    for entry in archive.entries().expect("it is an archive") {
        let mut entry = entry.expect("it is whole");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("it is text");
        let executable = entry.header().mode().expect("it has one") & 0o100 != 0;
        let kind = entry.header().entry_type();
        let mut content = Vec::new();
        if let Some(target) = entry.link_name_bytes() {
            content = target.into_owned();
        }
        std::io::Read::read_to_end(&mut entry, &mut content).expect("it is whole");
        let (kind, executable) = match (kind.is_dir(), kind.is_symlink()) {
            (true, _) => ('d', false),
            (_, true) => ('l', false),
            _ => ('f', executable),
        };
        tree.insert(path.trim_end_matches('/').to_owned(), (kind, executable, content));
    }
    tree
}

/// What a directory has, empty directories left out, as git leaves them out.
fn on_disk(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("it is there") {
            let path = entry.expect("it is read").path();
            let metadata = path.symlink_metadata().expect("it is there");
            let name = path.strip_prefix(root).expect("it is inside").to_str().expect("text");
            if metadata.is_dir() {
                directories.push(path);
            } else if metadata.is_symlink() {
                let target = std::fs::read_link(&path).expect("it is one");
                let target = target.to_str().expect("text").as_bytes().to_vec();
                tree.insert(name.to_owned(), ('l', false, target));
            } else {
                let executable = metadata.permissions().mode() & 0o100 != 0;
                let content = std::fs::read(&path).expect("it is read");
                tree.insert(name.to_owned(), ('f', executable, content));
            }
        }
    }
    tree
}

fn files(tree: &Tree) -> Tree {
    let is_file = |(_, (kind, ..)): &(&String, &(char, bool, Vec<u8>))| *kind != 'd';
    tree.iter().filter(is_file).map(|(path, node)| (path.clone(), node.clone())).collect()
}

/// Applies a patch to a copy of a directory.
fn patched(source: &Path, patch: &[u8]) -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory can be made");
    let copied = Command::new("cp").arg("-a").arg(source.join(".")).arg(copy.path()).status();
    assert!(copied.expect("there is a cp").success());
    let mut git = Command::new("git");
    git.args(["apply", "--whitespace=nowarn", "-"]).current_dir(&copy);
    git.env("GIT_CEILING_DIRECTORIES", copy.path().parent().expect("it has one"));
    let ran = crate::harness::shell::run_with(&mut git, patch);
    ran.expect(0);
    copy
}

fn paths(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().expect("it is a list");
    entries.iter().map(|entry| entry["path"].as_str().expect("it is text")).collect()
}

#[test]
fn a_patch_brings_the_source_to_where_the_workspace_ended() {
    let listed = Listed::new();
    let client = listed.server.agent();
    // Twice: the second time, the files are shared.
    for _ in 0..2 {
        let task = listed.changed_by(CHANGES);
        assert_eq!(task["status"], "completed", "{task}");
        assert_eq!(task["changes"], json!({"added": 7, "modified": 4, "deleted": 2}), "{task}");
        let end = workspace(&client, &task, "");
        let copy = patched(&listed.source(), &patch(&client, &task));
        let mut expected = files(&end);
        // Git's own, whoever made it, is in no patch.
        assert!(expected.remove(".git/hooks/pre-commit").is_none(), "it is in no workspace");
        assert_eq!(on_disk(copy.path()), expected);
        assert!(end.contains_key("deep/er/still") && !end.contains_key("d"), "{:?}", end.keys());

        let changed = workspace(&client, &task, "?changed=true");
        let diff = diff(&client, &task);
        let (added, modified) = (paths(&diff["added"]), paths(&diff["modified"]));
        assert_eq!(paths(&diff["deleted"]), ["d/gone.txt", "kept.bin"]);
        assert_eq!(modified, ["a.txt", "link", "no end", "run.sh"]);
        let mut both: Vec<&str> = added.iter().chain(&modified).copied().collect();
        both.sort_unstable();
        assert_eq!(changed.keys().collect::<Vec<_>>(), both);
        assert!(changed.iter().all(|(path, node)| end[path] == *node));
    }
    let untouched = std::fs::read_to_string(listed.source().join("a.txt"));
    assert_eq!(untouched.expect("it is there"), "one\ntwo\n");
}

#[test]
fn a_diff_says_what_each_path_is_and_was() {
    let listed = Listed::new();
    let client = listed.server.agent();
    let task = listed.changed_by(CHANGES);
    let answer = client.get(&format!("/v1/tasks/{}/diff", id(&task))).expect(200);
    let find = |list: &str, path: &str| {
        let entries = answer[list].as_array().expect("it is a list");
        entries.iter().find(|entry| entry["path"] == path).cloned().expect("it is listed")
    };
    let blake3 = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let (run, more) = ("#!/bin/sh\n", "#!/bin/sh\necho more\n");
    assert_eq!(
        find("modified", "run.sh"),
        json!({
            "path": "run.sh", "mode": "100755", "size_bytes": 20, "blake3": blake3(more),
            "before": {"mode": "100755", "size_bytes": 10, "blake3": blake3(run)},
        })
    );
    assert_eq!(
        find("added", "link to a"),
        json!({
            "path": "link to a", "mode": "120000", "size_bytes": 5, "blake3": blake3("a.txt"),
            "target": "a.txt",
        })
    );
    assert_eq!(
        find("deleted", "d/gone.txt"),
        json!({"path": "d/gone.txt", "mode": "100644", "size_bytes": 5, "blake3": blake3("gone\n")})
    );
    let all = client.get(&format!("/v1/tasks/{}/diff?directories=true", id(&task))).expect(200);
    assert!(paths(&all["added"]).contains(&"deep/er/still"), "{all}");
    assert!(paths(&all["deleted"]).contains(&"d"), "{all}");
    let directory = &all["deleted"][0];
    assert_eq!(*directory, json!({"path": "d", "mode": "040000"}));
    client.get(&format!("/v1/tasks/{}/diff?directories=maybe", id(&task))).problem(422, "invalid");
    let other =
        client.ask("GET", &format!("/v1/tasks/{}/diff", id(&task)), &[("accept", "text/html")]);
    other.problem(406, "not_acceptable");
    client.get("/v1/tasks/01aaaaaaaaaaaaaaaaaaaaaaaa/workspace").problem(404, "not_found");
}

#[test]
fn what_a_failed_task_left_is_there_and_what_was_stopped_left_nothing() {
    let client = shared::agent();
    let request = |code: &str| json!({"executor": shared::python(), "input": {"code": code}});
    let failed = client.finish(&client.submit(&request("open('f', 'w').write('x'); 1 / 0")));
    assert_eq!(failed["changes"], json!({"added": 1, "modified": 0, "deleted": 0}));
    assert_eq!(workspace(&client, &failed, "")["f"], ('f', false, b"x".to_vec()));

    let running = client.submit(&request("open('f', 'w').write('x')\nwhile True: pass"));
    client.follow(&running, &[]).until_it_runs();
    let answer = client.get(&format!("/v1/tasks/{running}/diff")).problem(409, "conflict");
    assert!(answer["detail"].as_str().is_some_and(|text| text.contains("has not ended")));
    client.send(&format!("/v1/tasks/{running}/cancel"), "application/json", b"").expect(202);
    let cancelled = client.finish(&running);
    assert_eq!(cancelled.get("changes"), None, "nobody knows");
    client.get(&format!("/v1/tasks/{running}/workspace")).problem(409, "conflict");
    let refused = json!({"executor": shared::noop(), "workspace": {"from": "task", "id": running}});
    let problem = client.post("/v1/tasks", &refused).problem(422, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/workspace/id");

    let untouched = client.finish(&client.submit(&json!({"executor": shared::noop()})));
    assert_eq!(untouched.get("changes"), None, "as the contract says of a task without files");
    assert_eq!(patch(&client, &untouched), b"");
    assert_eq!(workspace(&client, &untouched, ""), Tree::new());
}

#[test]
fn forks_go_on_from_what_a_task_left_without_it_and_without_its_source() {
    let listed = Listed::new();
    let client = listed.server.agent();
    let first = listed.changed_by(CHANGES);
    let end = workspace(&client, &first, "");
    let before = patch(&client, &first);
    let second = run(
        &client,
        &fork(&first),
        "import os\nopen('a.txt', 'a').write('four\\n'); os.remove('binary')\n\
         os.rename('moved to/kept.bin', 'kept.bin'); os.mkdir('d')\n\
         open('d/gone.txt', 'w').write('gone\\n')\nresult = open('a.txt').read()",
    );
    assert_eq!(second["output"]["result"], "one\ntwo\nthree\nfour\n", "{second}");
    assert_eq!(second["workspace"], fork(&first));
    assert_eq!(second["changes"], json!({"added": 2, "modified": 1, "deleted": 2}));
    let diff = diff(&client, &second);
    assert_eq!(paths(&diff["added"]), ["d/gone.txt", "kept.bin"], "what is new since the first");
    let both = workspace(&client, &second, "");
    assert_eq!(both["a.txt"].2, b"one\ntwo\nthree\nfour\n");
    assert_eq!(both["large"], end["large"]);

    // The task is deleted, its source is gone, the server is another, and what was shared is lost.
    let source = listed.source();
    assert_eq!(client.delete(&format!("/v1/tasks/{}", id(&first))).status, 204);
    std::fs::rename(&source, listed.root.path().join("elsewhere")).expect("it is moved");
    std::fs::create_dir(&source).expect("it can be made");
    let Listed { server, root } = listed;
    let (_, data) = server.stop();
    std::fs::remove_dir_all(data.path().join("bases")).expect("it is there");
    let flags = ["--slots", "1", "--allow-dir", source.to_str().expect("it is text")];
    let server = Server::start_on(data, &flags);
    let client = server.agent();
    let elsewhere = root.path().join("elsewhere");
    let third = run(
        &client,
        &fork(&second),
        "import os\nos.remove('a.txt')\nresult = sorted(os.listdir('.'))",
    );
    assert_eq!(third["status"], "completed", "{third}");
    assert_eq!(paths(&self::diff(&client, &third)["deleted"]), ["a.txt"]);
    let mut expected = both.clone();
    expected.remove("a.txt");
    assert_eq!(workspace(&client, &third, ""), expected);
    let copy = patched(&elsewhere, &before);
    let again = patched(copy.path(), &patch(&client, &second));
    assert_eq!(on_disk(again.path()), files(&both));
}

#[test]
fn the_same_content_is_stored_once() {
    let client = shared::agent();
    let server = shared::server();
    let blobs = || {
        let mut bytes = 0;
        let mut directories = vec![server.data().join("store/blobs")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("it is there") {
                let entry = entry.expect("it is read");
                let metadata = entry.metadata().expect("it is there");
                if metadata.is_dir() {
                    directories.push(entry.path());
                } else if metadata.len() as usize == LARGE_BYTES {
                    bytes += 1;
                }
            }
        }
        bytes
    };
    let python = shared::python();
    let mark = "the same content is stored once";
    let write = format!("open('large', 'wb').write((b'{mark}' * 100_000)[:{LARGE_BYTES}])");
    let run = |workspace: Value, code: &str| {
        let request = json!({
            "executor": python, "input": {"code": code}, "workspace": workspace,
            "artifacts": ["large"],
        });
        client.finish(&client.submit(&request))
    };
    let before = blobs();
    let first = run(json!({"from": "empty"}), &write);
    assert_eq!(first["changes"]["added"], 1, "{first}");
    let second = run(json!({"from": "empty"}), &write);
    let mut task = second;
    for _ in 0..3 {
        task = run(fork(&task), "open('small', 'a').write('x')");
        assert_eq!(task["status"], "completed", "{task}");
    }
    assert_eq!(workspace(&client, &task, "")["small"].2, b"xxx");
    assert_eq!(blobs() - before, 1, "artifacts, ends and starts of five tasks");
}

#[test]
fn another_attempt_starts_as_the_first_one_did() {
    let client = shared::agent();
    let blob = client.upload_blob(&tar(&[file("tries", "")]));
    let code = "open('tries', 'a').write('x')\nif open('tries').read() == 'x': 1 / 0";
    let id = client.submit(&json!({
        "executor": shared::python(), "input": {"code": code},
        "workspace": {"from": "tar", "blob": blob},
    }));
    let failed = client.finish(&id);
    assert_eq!(failed["changes"], json!({"added": 0, "modified": 1, "deleted": 0}));
    client.post(&format!("/v1/tasks/{id}/retry"), &json!({})).expect(202);
    let again = client.finish(&id);
    assert_eq!((&again["status"], &again["attempt"]), (&json!("failed"), &json!(2)));
    assert_eq!(workspace(&client, &again, "")["tries"].2, b"x");
}
