//! Guests that do what they can to files that their workspace shares with others, or shares with nobody
//! and lie outside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::met_a_bound;
use crate::harness::archive::{file, link, tar};
use crate::harness::{Client, Server, plugin};

const MIB: u64 = 1 << 20;
/// What a canary holds, which no guest may learn.
const CANARY: &str = "sings where no guest hears it";
/// A name that lies nowhere on the host unless a guest escapes.
const ESCAPED: &str = "escaped-from-its-workspace";
/// Files to play with: one for each way there is, and some more.
const FILES: usize = 64;

/// Files by path: what is in them, when that was changed, and how many names they have.
type Contents = BTreeMap<PathBuf, (Vec<u8>, SystemTime, u64)>;

/// Tells what a guest sees of its files: contents, sizes, links, and whether all times are one.
const LOOKS: &str = "
import os
result, times = {}, set()
for at, directories, names in os.walk('.'):
    for name in names:
        path = os.path.join(at, name)
        if not os.path.islink(path):
            stat = os.stat(path)
            times.update([stat.st_atime, stat.st_mtime, stat.st_ctime])
            result[path] = [open(path).read(), stat.st_size, stat.st_nlink]
numbers = {os.stat(path).st_ino for path in result}
result['told'] = [len(times), len(numbers) == len(result)]
";

/// A directory that tasks start from, a canary beside it, and a server that lists the directory.
struct Place {
    server: Server,
    root: TempDir,
}

impl Place {
    fn new(flags: &[&str]) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        for (path, text) in files() {
            write(&root.path().join("listed").join(path), &text);
        }
        write(&root.path().join("aside/canary"), CANARY);
        let listed = root.path().join("listed");
        let listed = listed.to_str().expect("a temporary path is text");
        let server = Server::start_with(&[&["--allow-dir", listed][..], flags].concat());
        write(&server.data().join("canary"), CANARY);
        write(&server.data().join("workspaces/canary"), CANARY);
        server.operator().upload("python", &plugin("python")).expect(201);
        Self { server, root }
    }

    fn listed(&self) -> PathBuf {
        self.root.path().join("listed")
    }

    /// What its tasks may start from: the directory, and an archive of the same.
    fn starts(&self, client: &Client) -> [Value; 2] {
        let files = files();
        let items: Vec<_> = files.iter().map(|(path, text)| file(path, text)).collect();
        let blob = client.upload_blob(&tar(&items));
        [json!({"from": "dir", "path": self.listed()}), json!({"from": "tar", "blob": blob})]
    }

    /// Checks that nothing outside of workspaces was touched.
    fn is_untouched(&self, before: &Contents) {
        assert_eq!(&contents(self.root.path()), before);
        for path in ["canary", "workspaces/canary"] {
            let canary = std::fs::read_to_string(self.server.data().join(path));
            assert_eq!(canary.expect("it is there"), CANARY, "{path}");
        }
        let mut names = BTreeSet::new();
        all_names(self.server.data(), &mut names);
        assert!(names.contains("operator.token") && !names.contains(ESCAPED));
        assert!(!Path::new("/tmp").join(ESCAPED).exists() && !Path::new("/etc/canary").exists());
        self.is_what_it_says();
    }

    /// Checks that what is shared has the contents that it is named after.
    fn is_what_it_says(&self) {
        let mut seen = 0;
        for (path, (bytes, ..)) in contents(&self.server.data().join("bases/contents")) {
            let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
            let first = path.parent().and_then(Path::file_name).expect("it has one");
            let said = format!("{}{}", first.to_string_lossy(), name.trim_end_matches(".x"));
            assert_eq!(blake3::hash(&bytes).to_string(), said, "{}", shown(&bytes));
            seen += 1;
        }
        assert!(seen >= FILES, "{seen} contents are shared");
    }
}

/// What tasks start from.
fn files() -> Vec<(String, String)> {
    let numbered = (0..FILES).map(|n| (format!("w{n:02}"), format!("original-{n:02}")));
    let named = [("d/x", "x of d"), ("e/y", "y of e"), ("e/z", "z of e"), ("same", "x of d")];
    numbered.chain(named.map(|(path, text)| (path.to_owned(), text.to_owned()))).collect()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
    std::fs::write(path, text).expect("it can be written");
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned()
}

/// All files under a directory.
fn contents(directory: &Path) -> Contents {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it is read").path();
        let metadata = path.symlink_metadata().expect("it is there");
        if metadata.is_dir() {
            found.extend(contents(&path));
        } else if metadata.is_file() {
            let bytes = std::fs::read(&path).expect("it can be read");
            let changed = metadata.modified().expect("it has a time");
            found.insert(path, (bytes, changed, metadata.nlink()));
        }
    }
    found
}

fn all_names(directory: &Path, into: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        into.insert(entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all_names(&entry.path(), into);
        }
    }
}

/// Runs code on a start; returns what its run was placed by, and its result.
fn run(client: &Client, start: &Value, input: &Value) -> (Value, Value) {
    let request = json!({
        "executor": "python", "input": input, "workspace": start, "retry": {"max_attempts": 1},
    });
    let id = client.submit(&request);
    let task = client.finish(&id);
    assert_eq!(task["status"], "completed", "{task}");
    let events = client.events(&id);
    let started = events.iter().find(|event| event["kind"] == "started").expect("it started");
    (started["data"]["placed"]["method"].clone(), task["output"]["result"].clone())
}

#[test]
fn what_a_guest_does_to_shared_files_no_other_task_sees() {
    let place = Place::new(&["--slots", "1"]);
    let client = place.server.agent();
    let before = contents(place.root.path());
    let plays = json!({"code": include_str!("guests/plays_with_shared_files.py")});
    let looks = json!({"code": LOOKS});
    let ways = include_str!("guests/plays_with_shared_files.py").matches("\n@way\n").count();
    for start in &place.starts(&client) {
        let (method, first) = run(&client, start, &looks);
        assert_eq!(method, "copied", "{start}");
        assert_eq!(first["told"], json!([1, true]), "one time, and each file is one by itself");
        for (path, text) in files() {
            assert_eq!(first[format!("./{path}")], json!([text, text.len(), 1]));
        }
        for _ in 0..2 {
            let (method, played) = run(&client, start, &plays);
            assert_eq!(method, "shared");
            let played = played.as_object().expect("an object");
            assert_eq!(played.len(), ways, "{played:?}");
            assert_eq!(played["reopened"], "'original-19'", "as it was when it was opened");
            let refused = played.values().filter(|answer| {
                answer.as_str().is_some_and(|answer| answer.starts_with("refused"))
            });
            assert_eq!(refused.count(), 5, "{played:?}");
            let (method, again) = run(&client, start, &looks);
            assert_eq!((method, &again), (json!("shared"), &first));
            place.is_untouched(&before);
        }
    }
}

#[test]
fn what_lies_outside_a_shared_workspace_is_out_of_reach() {
    let place = Place::new(&["--slots", "1"]);
    let client = place.server.agent();
    let (listed, aside) = (place.listed(), place.root.path().join("aside"));
    symlink(&aside, listed.join("out-by-root")).expect("it can be made");
    symlink("../aside", listed.join("out-by-parent")).expect("it can be made");
    symlink("e/../../aside", listed.join("out-by-both")).expect("it can be made");
    let before = contents(place.root.path());
    let outside = [
        json!(aside),
        json!(listed),
        json!(place.server.data()),
        json!("out-by-root"),
        json!("out-by-parent"),
        json!("out-by-both"),
    ];
    let input = json!({"code": include_str!("guests/reaches_out.py"), "outside": outside});
    let [start, _] = place.starts(&client);
    for method in ["copied", "shared"] {
        let (placed, reached) = run(&client, &start, &input);
        assert_eq!(placed, method);
        assert_eq!(reached, json!(["control"]), "{reached}");
        place.is_untouched(&before);
    }
}

#[test]
fn what_is_kept_of_a_workspace_is_never_what_lies_outside() {
    let place = Place::new(&["--slots", "1"]);
    let client = place.server.agent();
    let (listed, aside) = (place.listed(), place.root.path().join("aside"));
    symlink(&aside, listed.join("out-by-root")).expect("it can be made");
    symlink("../aside", listed.join("out-by-parent")).expect("it can be made");
    symlink(aside.join("canary"), listed.join("canary")).expect("it can be made");
    let code = "
import errand, os
def publish(path):
    try:
        errand.publish(path)
        return 'kept'
    except (errand.Error, OSError, ValueError):
        return 'refused'
result = {path: publish(path) for path in [
    'canary', 'out-by-root/canary', 'out-by-parent/canary', 'out-by-parent/../aside/canary',
    'd/../../aside/canary', '../aside/canary', 'd', 'nothing', 'd/x']}
# What was a directory when it was published is a link when it is published again.
for name, target in [('up', '../aside'), ('here', '.'), ('again', 'out-by-root'), ('off', '../..')]:
    os.mkdir(name)
    open(f'{name}/canary', 'w').write('own')
    open(f'{name}/same', 'w').write('own')
    result[name] = [publish(f'{name}/canary')]
    os.rename(name, f'{name}-then')
    os.symlink(target, name)
    result[name] += [publish(f'{name}/canary'), publish(f'{name}/same')]
os.rename('canary', 'e/canary')
os.symlink('../canary', 'd/canary')
";
    let [start, _] = place.starts(&client);
    for _ in 0..2 {
        let id = client.submit(&json!({
            "executor": "python", "input": {"code": code}, "workspace": start,
            "artifacts": ["**", "canary", "e/canary", "out-by-*/**", "up/**", "d/*"],
        }));
        let task = client.finish(&id);
        assert_eq!(task["status"], "completed", "{task}");
        let result = task["output"]["result"].as_object().expect("an object");
        for (path, published) in result {
            let expected = match path.as_str() {
                "d/x" => json!("kept"),
                // What it leads to lies inside.
                "here" => json!(["kept", "refused", "kept"]),
                "up" | "again" | "off" => json!(["kept", "refused", "refused"]),
                _ => json!("refused"),
            };
            assert_eq!(*published, expected, "{path}");
        }
        let list = client.get(&format!("/v1/tasks/{id}/artifacts")).expect(200);
        let items = list["items"].as_array().expect("a list");
        assert!(items.len() > FILES, "{list}");
        for item in items {
            let path = item["path"].as_str().expect("a path");
            let answer = client.get(&format!("/v1/tasks/{id}/artifacts/{path}"));
            assert_eq!(answer.status, 200, "{path}");
            assert!(!shown(&answer.bytes).contains(CANARY), "{path} is none of its files");
        }
        place.is_what_it_says();
    }
}

#[test]
fn what_is_no_file_of_a_directory_is_refused_by_name_or_left_out() {
    let place = Place::new(&["--slots", "1"]);
    let client = place.server.agent();
    let listed = place.listed();
    let request = json!({
        "executor": "python", "input": {"code": LOOKS},
        "workspace": {"from": "dir", "path": listed},
    });
    let make = |program: &str, arguments: &[&str]| {
        let made = Command::new(program).args(arguments).current_dir(&listed).status();
        made.is_ok_and(|status| status.success())
    };
    assert!(make("mkfifo", &["e/special"]), "there is a mkfifo");
    let special = listed.join("e/special");
    let refused = || {
        let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/workspace/path", "{problem}");
        let message = problem["errors"][0]["message"].as_str().expect("it has one").to_owned();
        assert!(message.contains("e/special"), "{message}");
        message
    };
    assert!(refused().contains(".gitignore"));
    write(&listed.join(".gitignore"), "special\n");
    run(&client, &request["workspace"], &request["input"]);
    std::fs::remove_file(listed.join(".gitignore")).expect("it can be removed");
    std::fs::remove_file(&special).expect("it can be removed");

    let socket = UnixListener::bind(&special);
    // The path may be longer than a socket's may be.
    if socket.is_ok() {
        assert!(refused().contains(".gitignore"));
        std::fs::remove_file(&special).expect("it can be removed");
    }
    if make("mknod", &["e/special", "c", "1", "5"]) {
        assert!(refused().contains(".gitignore"));
        std::fs::remove_file(&special).expect("it can be removed");
    }
    write(&special, "not for everybody");
    let nobody = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(&special, nobody).expect("its mode can be set");
    if std::fs::read(&special).is_err() {
        let task = client.finish(&client.submit(&request));
        assert_eq!(task["error"]["detail"]["code"], "invalid_workspace", "{task}");
        let message = task["error"]["message"].as_str().expect("it has one");
        assert!(message.contains("read `e/special`"), "{message}");
    }
    std::fs::remove_file(&special).expect("it can be removed");
    // A link to what is no file is a link.
    symlink("/dev/zero", &special).expect("it can be made");
    run(&client, &request["workspace"], &request["input"]);
}

#[test]
fn a_workspace_of_shared_files_meets_its_bound_where_it_grows_over_it() {
    const COUNT: usize = 64;
    const EACH: usize = 100_000;
    let server = Server::start_with(&["--slots", "1"]);
    server.operator().upload("python", &plugin("python")).expect(201);
    let client = server.agent();
    let names: Vec<String> = (0..COUNT).map(|n| format!("f{n:02}")).collect();
    // Each content is another one, or they would be one file.
    let texts: Vec<String> = names.iter().map(|name| name.repeat(EACH / name.len() + 1)).collect();
    let items: Vec<_> = names.iter().zip(&texts).map(|(name, text)| file(name, text)).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let blob = client.upload_blob(&tar(&items));
    let request = |code: &str, more: usize| {
        json!({
            "executor": "python", "input": {"code": code},
            "workspace": {"from": "tar", "blob": blob},
            "limits": {"workspace_bytes": bytes + more},
        })
    };
    let grows = "
import errand, os
for name in sorted(os.listdir('.')):
    open(name, 'ab').write(b'x')
errand.emit('grown', len(os.listdir('.')))
while True: pass
";
    for _ in 0..2 {
        let task = client.finish(&client.submit(&request(grows, COUNT - 1)));
        met_a_bound(&task, "workspace_limit", "workspace_bytes", (bytes + COUNT - 1) as u64);
    }
    let ways = [
        // A truncation that is refused gives no room back.
        "for n in range(9):\n for name in os.listdir('.'):\n  fd = os.open(name, os.O_RDONLY)\n  try: os.ftruncate(fd, 0)\n  except OSError: pass\n  os.close(fd)",
        // Nor does one of another name, nor a removal of one of two.
        "for name in os.listdir('.'):\n os.link(name, name + '-2'); os.remove(name)",
        "for name in os.listdir('.'):\n os.rename(name, name + '-2'); os.rename(name + '-2', name)",
        // A rename to the same name removes nothing.
        "for name in os.listdir('.'):\n os.rename(name, name); os.rename(name, './' + name)",
        "for name in os.listdir('.'):\n f = open(name); os.utime(name, (1, 2)); open(name, 'r+').write('x')",
        // What is removed and open still takes room.
        "held = [open(name, 'r+') for name in os.listdir('.')]\nfor name in os.listdir('.'): os.remove(name)",
    ];
    for way in ways {
        let code = format!("import os\n{way}\nopen('more', 'wb').write(bytes({EACH}))\n");
        let task = client.finish(&client.submit(&request(&code, EACH - 1)));
        met_a_bound(&task, "workspace_limit", "workspace_bytes", (bytes + EACH - 1) as u64);
    }
    // All of it copied takes the room that it may have, and not twice.
    let id = client.submit(&request(grows, COUNT));
    client.follow(&id, &[]).until_event("emitted");
    let own: u64 = contents_on_disk(&server.data().join("workspaces"));
    assert!(own >= bytes as u64 && own <= bytes as u64 + 8 * MIB, "{own} bytes are on the disk");
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    client.finish(&id);
}

#[test]
fn what_lies_in_a_shared_workspace_is_counted_to_the_byte_whatever_a_guest_does() {
    const LIMIT: u64 = 2_000_000;
    let server = Server::start_with(&["--slots", "2"]);
    server.operator().upload("python", &plugin("python")).expect(201);
    let client = server.agent();
    // Some have the same content, and some of those the same name.
    let texts: Vec<String> = (0..12).map(|n| (n / 3).to_string().repeat(n * 700 + 100)).collect();
    let names: Vec<(String, usize)> = (0..12)
        .map(|n| (format!("f{n}"), n))
        .chain((0..3).flat_map(|n| [(format!("d/f{n}"), n), (format!("e/g{n}"), 9)]))
        .collect();
    let mut items: Vec<_> = names.iter().map(|(name, n)| file(name, &texts[*n])).collect();
    items.push(link("l1", "f1"));
    items.push(link("linked", "d"));
    let blob = client.upload_blob(&tar(&items));
    for seed in 0..24 {
        for more in [0, 1] {
            let task = client.finish(&client.submit(&json!({
                "executor": "python", "workspace": {"from": "tar", "blob": blob},
                "limits": {"workspace_bytes": LIMIT},
                "input": {
                    "code": include_str!("guests/plays_at_random.py"),
                    "seed": seed, "plays": ([10, 40, 200][seed % 3]), "limit": LIMIT, "more": more,
                },
            })));
            if more == 0 {
                assert_eq!(task["status"], "completed", "seed {seed}: {task}");
            } else {
                met_a_bound(&task, "workspace_limit", "workspace_bytes", LIMIT);
            }
        }
    }
}

/// What the files under a directory take on the disk that lie nowhere else.
fn contents_on_disk(directory: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it is read").path();
        let metadata = path.symlink_metadata().expect("it is there");
        if metadata.is_dir() {
            bytes += contents_on_disk(&path);
        } else if metadata.nlink() == 1 {
            bytes += metadata.blocks() * 512;
        }
    }
    bytes
}

#[test]
fn what_a_killed_server_leaves_is_gone_with_the_next_one() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let listed = root.path().join("listed");
    for n in 0..20 {
        write(&listed.join(format!("d/f{n}")), &n.to_string());
    }
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(arguments);
        command.current_dir(&listed).env("HOME", root.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().expect("there is a git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    let flags = ["--slots", "4", "--allow-dir", listed.to_str().expect("it is text")];
    let server = Server::start_with(&flags);
    server.operator().upload("python", &plugin("python")).expect(201);
    let client = server.agent();
    let blob = client.upload_blob(&tar(&[file("d/f0", "0"), file("d/f1", "1")]));
    let starts = [
        json!({"from": "dir", "path": listed}),
        json!({"from": "git", "repo": listed, "ref": "main"}),
        json!({"from": "tar", "blob": blob}),
        json!({"from": "empty"}),
    ];
    // For ever new files of its own, and for ever copies of shared ones.
    let code = "
import errand, os
os.makedirs('d', exist_ok=True)
errand.emit('begins', None)
while True:
    for name in os.listdir('d'):
        open('d/' + name, 'a').write('x'); os.truncate('d/' + name, 1)
    open('d/new', 'w').write('new')
";
    let mut ids = Vec::new();
    for start in &starts {
        let id = client.submit(&json!({
            "executor": "python", "input": {"code": code}, "workspace": start,
        }));
        client.follow(&id, &[]).until_event("emitted");
        ids.push(id);
    }
    let data = server.kill();
    let names = |path: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(data.path().join(path)).expect("it is there");
        entries
            .map(|entry| entry.expect("it is read").file_name().to_string_lossy().into_owned())
            .collect()
    };
    let left = names("workspaces");
    assert!(left.len() >= 4, "{left:?}");
    // As if it had been killed between the two halves of a copy, and of a base.
    let copy = format!("{}.copy", left.first().expect("there is one"));
    write(&data.path().join("workspaces").join(&copy), "half a copy");
    let unfinished = format!("{}.unfinished-0000000000000000", "a".repeat(64));
    write(&data.path().join("bases/sets").join(&unfinished), "{\"entr");
    let orphan = "b".repeat(62);
    write(&data.path().join("bases/contents/00").join(&orphan), "of no base");
    assert_eq!(git(&["worktree", "list"]).lines().count(), 2);

    let server = Server::start_on(data, &flags);
    let client = server.agent();
    for id in &ids {
        client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
        assert_eq!(client.finish(id)["status"], "cancelled");
    }
    let (status, data) = server.stop();
    assert!(status.success());
    let names = |path: &str| {
        std::fs::read_dir(data.path().join(path))
            .expect("it is there")
            .map(|entry| entry.expect("it is read").file_name().to_string_lossy().into_owned())
            .collect::<Vec<String>>()
    };
    assert_eq!(names("workspaces"), Vec::<String>::new());
    assert!(!names("bases/sets").contains(&unfinished));
    assert!(!names("bases/contents/00").contains(&orphan));
    let server = Server::start_on(data, &flags);
    let registered = std::fs::read_dir(server.data().join("git")).expect("it is there");
    assert_eq!(registered.count(), 0);
    assert_eq!(git(&["worktree", "list"]).lines().count(), 1);
}
