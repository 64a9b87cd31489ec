//! Guests that fill their workspace: bytes, files, depth.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{beside_a_neighbour, met_a_bound};
use crate::harness::{Client, Server, shared, wasm};

const MIB: u64 = 1 << 20;

fn python(code: &str, limits: Value) -> Value {
    json!({"executor": shared::python(), "input": {"code": code}, "limits": limits})
}

#[test]
fn a_file_that_grows_for_ever_ends_at_the_workspace_limit_and_not_after_it() {
    let task = beside_a_neighbour(&json!({
        "executor": shared::probe(), "input": {"do": "grow_file_forever"},
        "limits": {"workspace_bytes": 3 * MIB}, "artifacts": ["probe.bin"],
    }));
    met_a_bound(&task, "workspace_limit", "workspace_bytes", 3 * MIB);
    let id = task["id"].as_str().expect("a task has an id");
    let list = shared::agent().get(&format!("/v1/tasks/{id}/artifacts")).expect(200);
    let size = list["items"][0]["size_bytes"].as_u64().expect("what it wrote is kept");
    assert!(size > MIB && size <= 3 * MIB, "{size} bytes were written");
}

#[test]
fn bytes_count_however_a_file_grows() {
    let ways = [
        "open('sparse', 'wb').truncate(1 << 40)",
        "f = open('seek', 'wb'); f.seek(1 << 33); f.write(b'x'); f.flush()",
        "for n in range(99): open(f'small-{n}', 'wb').write(bytes(100_000))",
        // It takes room for as long as it is open.
        "import os\nf = open('gone', 'wb'); os.remove('gone')\nwhile True: f.write(bytes(100_000))",
        "for n in range(99):\n f = open('again', 'ab')\n f.write(bytes(100_000))\n f.close()",
        "import os\nos.makedirs('a/b')\nopen('a/b/c', 'wb').write(bytes(5_000_000))",
        // What is refused changes nothing.
        "import os\nfor n in range(99):\n open(f'n-{n}', 'wb').write(bytes(100_000))\n f = os.open(f'n-{n}', os.O_RDONLY)\n try: os.ftruncate(f, 0)\n except OSError: os.close(f)",
        "f = open('there-and-back', 'wb')\nwhile True:\n f.truncate(4_000_000); f.truncate(0)",
    ];
    for way in ways {
        let task = beside_a_neighbour(&python(way, json!({"workspace_bytes": 2 * MIB})));
        met_a_bound(&task, "workspace_limit", "workspace_bytes", 2 * MIB);
    }
}

#[test]
fn what_is_removed_gives_its_room_back() {
    let code = "
import os
for n in range(50):
    with open('file', 'wb') as file:
        file.write(bytes(1_000_000))
    os.rename('file', 'renamed')
    os.remove('renamed')
result = os.listdir('.')
";
    let client = shared::agent();
    let task = client.finish(&client.submit(&python(code, json!({"workspace_bytes": 2 * MIB}))));
    assert_eq!(task["output"]["result"], json!([]), "{task}");
}

#[test]
fn small_files_without_end_meet_the_bound_of_files() {
    let input = json!({"do": "write_files_forever", "bytes": 0});
    let task = beside_a_neighbour(&json!({"executor": shared::probe(), "input": input}));
    assert_eq!(task["error"]["code"], "workspace_limit", "{task}");
    assert_eq!(task["error"]["detail"]["limit"], "workspace_files", "{task}");
    assert!(task["error"]["detail"]["value"].as_u64() > Some(0), "{task}");
}

#[test]
fn directories_nested_without_end_are_bounded_and_cleared_away() {
    let server = Server::start_with(&["--slots", "1"]);
    let _deep = ClearedByRm(server.data().join("workspaces"));
    let client = server.operator();
    let nests = wasm::from_text(include_str!("guests/nests_directories.wat"));
    client.upload("nests", &nests).expect(201);
    client.upload("end", &wasm::ends_at_once("after nesting")).expect(201);
    let task = run(&client, "nests");
    // However deep it came, or was let come: the task ends, and the server goes on.
    let bounded = task["error"]["code"] == "workspace_limit";
    assert!(bounded || task["status"] == "completed", "{task}");
    assert_eq!(run(&client, "end")["status"], "completed");
    let (status, data) = server.stop();
    assert!(status.success());
    let left: Vec<_> = std::fs::read_dir(data.path().join("workspaces"))
        .expect("there are workspaces")
        .map(|entry| entry.expect("an entry can be read").file_name())
        .collect();
    let server = Server::start_on(data, &[]);
    let _deep = ClearedByRm(server.data().join("workspaces"));
    assert_eq!(run(&server.operator(), "end")["status"], "completed");
    assert!(left.is_empty(), "{left:?} was left behind");
}

/// A directory that is removed by a program that no depth overflows, before this process tries.
struct ClearedByRm(PathBuf);

impl Drop for ClearedByRm {
    fn drop(&mut self) {
        let _ = Command::new("rm").arg("-rf").arg(&self.0).status();
    }
}

fn run(client: &Client, executor: &str) -> Value {
    client.finish(&client.submit(&json!({"executor": executor, "retry": {"max_attempts": 1}})))
}
