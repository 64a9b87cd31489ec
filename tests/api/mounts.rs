//! `mounts` of a task request: archives that a task can read, and nothing of it can change.

use serde_json::{Value, json};
use tar::EntryType;

use super::pointers;
use crate::harness::{Server, archive, plugin, shared};

fn blob(files: &[archive::Item<'_>]) -> String {
    shared::agent().upload_blob(&archive::tar(files))
}

fn program(mounts: &Value, code: &str) -> Value {
    json!({"executor": shared::python(), "input": {"code": code}, "mounts": mounts,
           "retry": {"max_attempts": 1}})
}

/// Runs code beside what is mounted, and returns the task.
fn run(mounts: &Value, code: &str) -> Value {
    let client = shared::agent();
    client.finish(&client.submit(&program(mounts, code)))
}

const LOOK: &str = "\
import os
def look(path):
    for name in os.listdir(path):
        at = f'{path}/{name}'
        seen = os.lstat(at)
        yield [at, seen.st_ino, seen.st_size, seen.st_mtime_ns]
        if os.path.isdir(at): yield from look(at)
result = [entry for path in ('/data', '/opt/more') for entry in look(path)]
";

#[test]
fn a_task_sees_what_is_mounted_alike_each_time() {
    let data = blob(&[
        archive::file("z", "last"),
        archive::file("d/b", "b"),
        archive::file("a", "first"),
        archive::link("d/to-a", "../a"),
    ]);
    let more = blob(&[archive::file("more", "more")]);
    let mounts = json!([{"path": "/data", "blob": data}, {"path": "/opt/more", "blob": more}]);
    let (one, other) = (run(&mounts, LOOK), run(&mounts, LOOK));
    assert_eq!(one["status"], "completed", "{one}");
    assert_eq!(one["mounts"], mounts);
    let seen = |task: &Value| {
        let list = task["output"]["result"].as_array().expect("it is a list").clone();
        let without_times = |entry: &Value| json!([entry[0], entry[1], entry[2]]);
        let times: Vec<Value> = list.iter().map(|entry| entry[3].clone()).collect();
        assert!(
            times.iter().all(|time| *time == times[0]),
            "all are as old as the task: {times:?}"
        );
        list.iter().map(without_times).collect::<Vec<_>>()
    };
    let paths: Vec<Value> = seen(&one).iter().map(|entry| entry[0].clone()).collect();
    assert_eq!(
        json!(paths),
        json!(["/data/a", "/data/d", "/data/d/b", "/data/d/to-a", "/data/z", "/opt/more/more"])
    );
    assert_eq!(seen(&one), seen(&other));
    let read = run(&mounts, "result = open('/data/d/to-a').read() + open('/opt/more/more').read()");
    assert_eq!(read["output"]["result"], "firstmore");
}

#[test]
fn what_is_mounted_is_no_part_of_the_workspace() {
    let large = "x".repeat(100_000);
    let data = blob(&[archive::file("large", &large), archive::file("a", "a")]);
    let code = "import os, shutil\nresult = sorted(os.listdir('.'))\n\
                size = os.path.getsize('/data/large')\nshutil.copy('/data/a', 'copied')";
    let mut request = program(&json!([{"path": "/data", "blob": data}]), code);
    request["limits"] = json!({"workspace_bytes": 50_000});
    request["artifacts"] = json!(["**"]);
    let client = shared::agent();
    let id = client.submit(&request);
    let task = client.finish(&id);
    assert_eq!(task["output"]["result"], json!([]), "{task}");
    assert_eq!(task["changes"], json!({"added": 1, "modified": 0, "deleted": 0}));
    let artifacts = client.get(&format!("/v1/tasks/{id}/artifacts")).expect(200);
    assert_eq!(artifacts["items"][0]["path"], "copied");
    let fork = client.submit(&json!({
        "executor": shared::python(), "workspace": {"from": "task", "id": id},
        "input": {"code": "import os\nresult = [sorted(os.listdir('.')), os.path.exists('/data')]"},
    }));
    assert_eq!(client.finish(&fork)["output"]["result"], json!([["copied"], false]));
}

#[test]
fn every_fault_of_a_mount_is_named_with_its_place() {
    let data = blob(&[archive::file("a", "a")]);
    let no_archive = shared::agent().upload_blob(b"no archive at all, but some text");
    let client = shared::agent();
    let faults = |mounts: Value| {
        let request =
            json!({"executor": shared::python(), "input": {"code": ""}, "mounts": mounts});
        let problem = client.post("/v1/tasks", &request).problem(422, "invalid");
        pointers(&problem).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let mount = |path: &str| json!({"path": path, "blob": data});
    for path in ["packages", "/", "/a/b/c", "/a/../b", "/workspace", "/workspace/x", "/a b", ""] {
        assert_eq!(faults(json!([mount(path)])), ["/mounts/0/path"], "{path}");
    }
    assert_eq!(faults(json!([mount("/a"), mount("/a")])), ["/mounts/1/path"]);
    assert_eq!(faults(json!([mount("/a/b"), mount("/a")])), ["/mounts/1/path"]);
    let unknown = json!({"path": "/a", "blob": "0".repeat(64)});
    assert_eq!(faults(json!([mount("/b"), unknown])), ["/mounts/1/blob"]);
    assert_eq!(faults(json!([{"path": "/a", "blob": "x"}])), ["/mounts/0/blob"]);
    assert_eq!(faults(json!([{"path": "/a", "blob": no_archive}])), ["/mounts/0/blob"]);
    assert_eq!(faults(json!([{"path": "/a"}])), ["/mounts/0/blob"]);
    assert_eq!(faults(json!([{"path": 1, "blob": data, "mode": "rw"}])).len(), 2);
    assert_eq!(faults(json!({"path": "/a"})), ["/mounts"]);
    assert_eq!(
        faults(json!((0..5).map(|n| mount(&format!("/{n}"))).collect::<Vec<_>>())),
        ["/mounts"]
    );
}

#[test]
fn an_archive_that_can_not_be_unpacked_fails_the_task_and_says_so() {
    let pipe = blob(&[archive::file("a", "a"), archive::item(EntryType::Fifo, "pipe")]);
    let out = blob(&[archive::link("out", "/etc")]);
    for blob in [pipe, out] {
        let task = run(&json!([{"path": "/data", "blob": blob}]), "");
        assert_eq!(task["error"]["code"], "executor_failed", "{task}");
        assert_eq!(task["error"]["detail"]["code"], "invalid_mount");
        let message = task["error"]["message"].as_str().expect("it is text");
        assert!(message.starts_with("what is mounted at `/data`: the archive: "), "{message}");
    }
}

#[test]
fn what_is_mounted_is_there_again_after_a_crash() {
    let server = Server::start_with(&["--slots", "1"]);
    server.operator().upload("python", &plugin("python")).expect(201);
    let blob = server.agent().upload_blob(&archive::tar(&[archive::file("a", "still there")]));
    let code = "import errand, time\nfirst = open('/data/a').read()\nprint(first, flush=True)\n\
                errand.sleep(2)\nresult = first + open('/data/a').read()";
    let request = json!({"executor": "python", "input": {"code": code},
                         "mounts": [{"path": "/data", "blob": blob}]});
    let id = server.agent().submit(&request);
    let task = server.agent().get(&format!("/v1/tasks/{id}?wait_ms=60000")).expect(200);
    assert_eq!(task["status"], "waiting", "{task}");
    let server = Server::start_on(server.kill(), &["--slots", "1"]);
    let task = server.agent().finish(&id);
    assert_eq!(task["output"]["result"], "still therestill there", "{task}");
}
