//! Guests that reach for what is not theirs: paths, links, environment, network, chance, time.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::beside_a_neighbour;
use crate::harness::shared;

/// A name that lies nowhere on the host unless a guest escapes.
const ESCAPED: &str = "escaped-from-its-workspace";

fn probe(input: &Value) -> Value {
    let task = shared::agent().run(shared::probe(), input);
    assert_eq!(task["status"], "completed", "{task}");
    task["output"].clone()
}

fn refused(input: &Value) {
    let answer = probe(input);
    assert!(answer["err"].is_object() || answer["err"].is_string(), "{input}: {answer}");
}

/// All names under a directory.
fn names(directory: &Path, into: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        into.insert(entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names(&entry.path(), into);
        }
    }
}

#[test]
fn paths_that_lead_out_of_the_workspace_are_refused() {
    let host = shared::server().data().join("operator.token");
    let host = host.to_str().expect("a path is text");
    for path in [
        "..",
        "../..",
        "/etc",
        "/etc/passwd",
        "/proc/self/environ",
        "/workspace/..",
        "/workspace/../../operator.token",
        "./../../operator.token",
        "../workspaces",
        host,
        "/workspace//../..",
        "a/../../..",
        "/workspace/./../../..",
    ] {
        refused(&json!({"do": "open", "path": path}));
        refused(&json!({"do": "read_file", "path": path}));
        refused(&json!({"do": "list", "path": path}));
        refused(&json!({"do": "stat", "path": path}));
    }
    // To the guest's library this is its workspace, whose name it cuts off; it is nobody else's root.
    assert_eq!(probe(&json!({"do": "list", "path": "/"})), json!({"ok": []}));
    for directory in ["..", "../..", "/tmp", "/etc", "/workspace/.."] {
        let path = format!("{directory}/{ESCAPED}");
        refused(&json!({"do": "write_text", "path": path, "text": "out"}));
        refused(&json!({"do": "truncate", "path": path, "bytes": 1}));
    }
    for directory in ["..", "../..", "/workspace/.."] {
        refused(&json!({"do": "make_directory", "path": format!("{directory}/{ESCAPED}")}));
    }
    refused(&json!({"do": "remove", "path": "../../operator.token"}));
    refused(&json!({"do": "rename", "from": "../../operator.token", "to": "/workspace/mine"}));
    refused(&json!({"do": "hard_link", "from": "../../operator.token", "to": "/workspace/mine"}));
    refused(&json!({"do": "hard_link", "from": "/etc/passwd", "to": "/workspace/mine"}));
    let mut found = BTreeSet::new();
    names(shared::server().data(), &mut found);
    assert!(found.contains("operator.token"));
    assert!(!found.contains(ESCAPED));
    assert!(!Path::new("/tmp").join(ESCAPED).exists());
}

#[test]
fn links_that_a_guest_plants_lead_nowhere() {
    let code = "
import os
def attempt(call, *arguments):
    try:
        return ['ok', repr(call(*arguments))]
    except OSError as error:
        return ['refused', error.strerror]
os.mkdir('inside')
open('own', 'w').write('own')
os.symlink('own', 'to-own')
targets = ['..', '../..', '../../operator.token', '/etc/passwd', '/', 'inside/../../..',
           '/proc/self/root', '/proc/self/cwd']
result = {'own': open('to-own').read()}
for number, target in enumerate(targets):
    link = f'link-{number}'
    made = attempt(os.symlink, target, link)
    result[target] = [
        attempt(lambda: open(link).read()),
        attempt(os.listdir, link),
        attempt(lambda: open(link + '/ESCAPED', 'w').write('out')),
        attempt(os.mkdir, link + '/ESCAPED'),
        attempt(os.stat, link),
        attempt(lambda: open(link + '/operator.token').read()),
    ]
os.symlink('loop-b', 'loop-a'); os.symlink('loop-a', 'loop-b')
result['loop'] = [attempt(lambda: open('loop-a').read())]
"
    .replace("ESCAPED", ESCAPED);
    let task = beside_a_neighbour(&json!({
        "executor": shared::python(), "input": {"code": code}, "artifacts": ["**"],
    }));
    assert_eq!(task["status"], "completed", "{task}");
    let mut result = task["output"]["result"].clone();
    let result = result.as_object_mut().expect("an object");
    assert_eq!(result.remove("own"), Some(json!("own")), "links inside are followed");
    for (target, attempts) in result {
        for attempt in attempts.as_array().expect("a list") {
            assert_eq!(attempt[0], "refused", "{target}: {attempts}");
        }
    }
    // Nor does the host follow them when it keeps what the globs name.
    let id = task["id"].as_str().expect("a task has an id");
    let list = shared::agent().get(&format!("/v1/tasks/{id}/artifacts")).expect(200);
    let token = shared::server().operator_token();
    for item in list["items"].as_array().expect("a list") {
        let path = item["path"].as_str().expect("a path");
        let answer = shared::agent().get(&format!("/v1/tasks/{id}/artifacts/{path}"));
        assert_eq!(answer.bytes, b"own", "{path} is none of its files");
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(&token));
    }
    let mut found = BTreeSet::new();
    names(shared::server().data(), &mut found);
    assert!(!found.contains(ESCAPED));
}

#[test]
fn a_guest_sees_its_workspace_and_nothing_else() {
    let preopens = probe(&json!({"do": "preopens"}));
    assert_eq!(preopens, json!(["/workspace", ".", "/children"]));
    assert_eq!(probe(&json!({"do": "list", "path": "/children"})), json!({"ok": []}));
    assert_eq!(probe(&json!({"do": "list", "path": "/workspace"})), json!({"ok": []}));
    let environment = probe(&json!({"do": "environment"}));
    assert_eq!(environment["variables"], json!([]), "not even what the server was started with");
    assert_eq!(probe(&json!({"do": "stdin"}))["text"], "");
    let input = json!({"args": ["env"]});
    let task = shared::agent().run(shared::command_probe(), &input);
    assert_eq!(task["output"]["stdout"], "");
}

#[test]
fn two_tasks_never_share_a_workspace() {
    let client = shared::agent();
    for _ in 0..3 {
        let input = json!({"args": ["list", "/workspace", "write", "/workspace/mine", "1"]});
        let task = client.run(shared::command_probe(), &input);
        assert_eq!(task["output"]["stdout"], "", "{task}");
    }
}

#[test]
fn there_is_no_network() {
    // The server itself listens there: a way out would find it.
    let url = shared::server().url();
    let address = url.trim_start_matches("http://");
    refused(&json!({"do": "http_get", "url": format!("{url}/healthz")}));
    refused(&json!({"do": "http_get", "url": "https://example.org/"}));
    refused(&json!({"do": "connect", "address": address}));
    refused(&json!({"do": "resolve", "host": "localhost"}));
    let port = address.rsplit(':').next().expect("an address has a port");
    let code = format!(
        "
import socket, urllib.request, errand
def attempt(call):
    try:
        return ['ok', repr(call())]
    except (OSError, errand.Error) as error:
        return ['refused', str(error)]
result = [
    attempt(lambda: socket.create_connection(('127.0.0.1', {port}))),
    attempt(lambda: socket.getaddrinfo('localhost', {port})),
    attempt(lambda: urllib.request.urlopen('{url}/healthz').read()),
    attempt(lambda: errand.http('GET', '{url}/healthz').status),
]
"
    );
    let input = json!({"code": code});
    let task = beside_a_neighbour(&json!({"executor": shared::python(), "input": input}));
    let attempts = task["output"]["result"].as_array().unwrap_or_else(|| panic!("{task}"));
    assert_eq!(attempts.len(), 4);
    assert!(attempts.iter().all(|attempt| attempt[0] == "refused"), "{attempts:?}");
}

#[test]
fn chance_differs_from_task_to_task() {
    let seen: Vec<Value> = (0..3).map(|_| probe(&json!({"do": "random", "bytes": 32}))).collect();
    for source in ["secure", "secure_u64", "insecure", "insecure_u64", "insecure_seed"] {
        let values: BTreeSet<String> = seen.iter().map(|one| one[source].to_string()).collect();
        assert_eq!(values.len(), 3, "{source}: {values:?}");
    }
    let seeds: BTreeSet<String> =
        (0..3).map(|_| probe(&json!({"do": "hash_seed"})).to_string()).collect();
    assert_eq!(seeds.len(), 3);
    // Its interpreter's memory is the same for everyone at the start.
    let code = "
import os, random, secrets, uuid
result = [random.random(), os.urandom(8).hex(), secrets.token_hex(8), str(uuid.uuid4()),
          random.SystemRandom().random()]
";
    let run = || shared::agent().run(shared::python(), &json!({"code": code}));
    let results: Vec<Value> = (0..2).map(|_| run()["output"]["result"].clone()).collect();
    let values = |run: usize| results[run].as_array().expect("it is a list").clone();
    for (first, second) in values(0).iter().zip(&values(1)) {
        assert!(!first.is_null());
        assert_ne!(first, second);
    }
}

#[test]
fn clocks_follow_fuel_and_nothing_else() {
    let run = || {
        let clocks = probe(&json!({"do": "clocks", "iterations": 5_000_000}));
        let ns = |when: &str, clock: &str| -> u128 {
            let text = clocks[when][clock].as_str().expect("a clock is text");
            text.parse().expect("a clock is a number")
        };
        let passed = |clock: &str| ns("after", clock) - ns("before", clock);
        (passed("wall_ns"), passed("monotonic_ns"), ns("before", "wall_ns"))
    };
    let ((wall, monotonic, first), (wall_again, monotonic_again, second)) = (run(), run());
    assert!(monotonic > 1_000_000, "five million steps take time: {monotonic} ns");
    assert_eq!((wall, monotonic), (wall_again, monotonic_again), "the same steps, the same time");
    assert!(wall.abs_diff(monotonic) < 1_000, "{wall} and {monotonic} ns");
    assert!(second > first, "time goes on from task to task");
    let year_2020_ns = 1_577_836_800 * 1_000_000_000;
    assert!(first > year_2020_ns, "it is the real time at the start");
}
