//! `errand:task/checkpoint`: a task ends its run with its state saved, and goes on from it in another.

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::{Value, json};

use super::kinds;
use crate::harness::archive::{file, tar};
use crate::harness::{Client, shared};

/// What a task may save.
const MAX_BYTES: u64 = 16 << 20;

fn python(client: &Client, code: &str, more: &Value) -> (Value, Vec<Value>) {
    let mut request = json!({"executor": shared::python(), "input": {"code": code}});
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    let task = client.finish(&client.submit(&request));
    let events = client.events(task["id"].as_str().expect("it has an id"));
    (task, events)
}

fn completed(client: &Client, code: &str, more: &Value) -> (Value, Vec<Value>) {
    let (task, events) = python(client, code, more);
    assert_eq!(task["status"], "completed", "{task}");
    (task, events)
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).map(|event| &event["data"]).collect()
}

fn number(text: &Value) -> u128 {
    text.as_str().expect("it is text").parse().expect("it is a number")
}

#[test]
fn a_task_goes_on_with_its_files_clocks_and_chance() {
    let client = shared::agent();
    let leg = |number: u32| {
        json!([
            {"do": "print", "to": "stdout", "text": format!("leg {number}\n")},
            {"do": "emit", "kind": "leg", "data": number},
            {"do": "append_text", "path": "/workspace/log", "text": format!("{number}\n")},
            {"do": "read_file", "path": "/workspace/log"},
            {"do": "sleep", "ms": 30},
            {"do": "clocks", "iterations": 1_000},
            {"do": "random", "bytes": 16},
        ])
    };
    let input = json!({"do": "legs", "transcript": true, "legs": [leg(0), leg(1), leg(2), leg(3)]});
    let task = client.run(shared::probe(), &input);
    assert_eq!(task["status"], "completed", "{task}");
    let events = client.events(task["id"].as_str().expect("it has an id"));
    let saves = kinds(&events).iter().filter(|kind| **kind == "checkpoint_saved").count();
    assert_eq!((saves, &task["attempt"]), (3, &json!(1)));
    assert_eq!(of_kind(&events, "emitted").len(), 4);
    let text: String =
        of_kind(&events, "log").iter().filter_map(|log| log["text"].as_str()).collect();
    assert_eq!(text, "leg 0\nleg 1\nleg 2\nleg 3\n");

    let learnt = task["output"]["transcript"].as_array().expect("it has one");
    assert!(learnt[24].to_string().contains(r"0\n1\n2\n3\n"), "{}", learnt[24]);
    let (mut wall, mut monotonic) = (0, 0);
    let mut chance = BTreeSet::new();
    for leg in learnt.chunks(7) {
        for at in ["before", "after"] {
            let (now, since) = (&leg[5][at]["wall_ns"], &leg[5][at]["monotonic_ns"]);
            assert!(number(now) > wall && number(since) > monotonic, "{learnt:?}");
            (wall, monotonic) = (number(now), number(since));
        }
        for (_, drawn) in leg[6].as_object().expect("it drew") {
            assert!(chance.insert(drawn.to_string()), "drawn twice: {drawn}");
        }
    }
    assert!(monotonic >= 4 * 30_000_000, "{monotonic}");
    let mut fuel = 0;
    for event in &events {
        if let Some(used) = event["data"]["progress"]["fuel_used"].as_u64() {
            assert!(used >= fuel, "{events:?}");
            fuel = used;
        }
    }
    assert!(fuel > 3_000_000, "each checkpoint is charged for: {fuel}");
}

#[test]
fn a_program_that_saves_a_hundred_times_goes_on() {
    let code = r"
import errand, random, time
state = errand.restored()
n = 0 if state is None else int(state)
held = open('held', 'w'); held.write(str(n))
open('log', 'a').write(f'{n} ')
errand.emit('leg', [n, random.random(), time.time()])
print(n)
if n < 100:
    errand.checkpoint(str(n + 1).encode())
result = [open('log').read().split() == [str(i) for i in range(101)], state.decode()]
";
    let (task, events) = completed(&shared::agent(), code, &json!({}));
    assert_eq!(task["output"]["result"], json!([true, "100"]));
    let legs: Vec<&Value> = of_kind(&events, "emitted").iter().map(|leg| &leg["data"]).collect();
    let numbers: Vec<_> = legs.iter().filter_map(|leg| leg[0].as_u64()).collect();
    assert_eq!(numbers, (0..=100).collect::<Vec<_>>());
    let drawn: BTreeSet<String> = legs.iter().map(|leg| leg[1].to_string()).collect();
    assert_eq!(drawn.len(), 101, "chance goes on");
    let times: Vec<f64> = legs.iter().filter_map(|leg| leg[2].as_f64()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(of_kind(&events, "checkpoint_saved")[99]["state_bytes"], 3);
    assert_eq!(of_kind(&events, "started").len(), 101);
}

#[test]
fn a_state_may_be_empty_or_large_and_not_larger() {
    let client = shared::agent();
    let code = r"
import errand
state = errand.restored()
if state is None:
    errand.checkpoint(b'')
if state == b'':
    try:
        errand.checkpoint(bytes((16 << 20) + 1))
    except errand.Limit as limit:
        errand.emit('limit', [limit.name, limit.value])
    errand.checkpoint(b'ab' * (8 << 20))
result = [len(state), state[:4].decode()]
";
    let (task, events) = completed(&client, code, &json!({}));
    assert_eq!(task["output"]["result"], json!([MAX_BYTES, "abab"]));
    assert_eq!(of_kind(&events, "emitted")[0]["data"], json!(["checkpoint_bytes", MAX_BYTES]));
    let saved = of_kind(&events, "checkpoint_saved");
    let saved: Vec<_> = saved.iter().map(|saved| saved["state_bytes"].as_u64()).collect();
    assert_eq!(saved, [Some(0), Some(MAX_BYTES)]);
    let refused = client.run(shared::probe(), &json!({"do": "checkpoint_save", "bytes": 17 << 20}));
    let limit = json!({"err": {"limit": {"name": "checkpoint_bytes", "value": MAX_BYTES}}});
    assert_eq!(refused["output"], limit);
}

#[test]
fn bounds_are_those_of_the_whole_attempt() {
    let client = shared::agent();
    let endless = |body: &str| {
        format!(
            "import errand\nn = int(errand.restored() or 0)\n{body}\nerrand.checkpoint(b'%d' % (n + 1))"
        )
    };
    for (body, limits, code) in [
        ("pass", json!({"fuel": 200_000_000}), "fuel_exhausted"),
        ("print('x' * 300)", json!({"output_bytes": 2_000}), "output_limit"),
        ("for _ in range(300_000): pass", json!({"timeout_ms": 600}), "timeout"),
        (
            "open(str(n), 'w').write('x' * 30_000)",
            json!({"workspace_bytes": 100_000}),
            "workspace_limit",
        ),
    ] {
        let more = json!({"limits": limits, "retry": {"max_attempts": 1}});
        let (task, events) = python(&client, &endless(body), &more);
        assert_eq!(task["error"]["code"], code, "{task}");
        assert!(of_kind(&events, "checkpoint_saved").len() > 1, "{code}: {events:?}");
    }
}

#[test]
fn what_a_task_left_is_told_against_its_source_and_a_fork_goes_on_from_it() {
    let client = shared::agent();
    let archive = tar(&[
        file("kept", "kept"),
        file("changed", "old"),
        file("removed", "removed"),
        file("back", "as it was"),
    ]);
    let blob = client.upload_blob(&archive);
    let code = r"
import errand, os
n = int(errand.restored() or 0)
if n == 0:
    open('changed', 'w').write('new')
    os.remove('removed'); os.remove('back')
    os.mkdir('sub'); os.symlink('../changed', 'sub/link')
    open('large', 'wb').write(os.urandom(1_500_000))
    open('gone again', 'w').write('x')
    errand.checkpoint(b'1')
assert open('changed').read() == 'new' and os.listdir('sub') == ['link'] and open('sub/link').read() == 'new'
assert not os.path.exists('removed')
if n == 1:
    assert not os.path.exists('back')
    open('back', 'w').write('as it was')
    os.remove('gone again')
    errand.checkpoint(b'2')
assert open('back').read() == 'as it was' and os.path.getsize('large') == 1_500_000
";
    let workspace = json!({"workspace": {"from": "tar", "blob": blob}});
    let (task, _) = completed(&client, code, &workspace);
    let diff = client.get(&format!("/v1/tasks/{}/diff", task["id"].as_str().unwrap())).expect(200);
    let paths = |list: &str| -> BTreeSet<String> {
        let items = diff[list].as_array().unwrap_or_else(|| panic!("{list}: {diff}"));
        items.iter().map(|item| item["path"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let all = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(paths("added"), all(&["large", "sub/link"]), "{diff}");
    assert_eq!(paths("modified"), all(&["changed"]));
    assert_eq!(paths("deleted"), all(&["removed"]));

    assert_eq!(task["changes"], json!({"added": 2, "modified": 1, "deleted": 1}), "{task}");

    // A fork is told against what it started with, also from a checkpoint of its own.
    let code = r"
import errand
if errand.restored() is None:
    open('changed', 'w').write('newer'); open('mine', 'w').write('x')
    errand.checkpoint(b'')
result = [open('changed').read(), open('kept').read()]
";
    let fork = json!({"workspace": {"from": "task", "id": task["id"]}});
    let (fork, _) = completed(&client, code, &fork);
    assert_eq!(fork["output"]["result"], json!(["newer", "kept"]));
    assert_eq!(fork["changes"], json!({"added": 1, "modified": 1, "deleted": 0}), "{fork}");
    let diff = client.get(&format!("/v1/tasks/{}/diff", fork["id"].as_str().unwrap())).expect(200);
    assert_eq!(diff["added"][0]["path"], "mine", "{diff}");
    assert_eq!(diff["modified"][0]["path"], "changed", "{diff}");
    assert_eq!(
        (diff["added"].as_array().map(Vec::len), diff["deleted"].as_array().map(Vec::len)),
        (Some(1), Some(0))
    );
    let answer = client.get(&format!("/v1/tasks/{}/workspace", fork["id"].as_str().unwrap()));
    let mut archive = tar::Archive::new(&answer.bytes[..]);
    let mut large = 0;
    for entry in archive.entries().expect("it is an archive") {
        let mut entry = entry.expect("it is whole");
        if entry.path().expect("it has one").ends_with("large") {
            large = std::io::copy(&mut entry.by_ref(), &mut std::io::sink()).expect("it is whole");
        }
    }
    assert_eq!(large, 1_500_000);
}

#[test]
fn artifacts_are_published_once_across_checkpoints() {
    let code = r"
import errand
if errand.restored() is None:
    open('report.txt', 'w').write('done'); open('other.txt', 'w').write('other')
    errand.publish('report.txt')
    errand.checkpoint(b'')
";
    let (_, events) = completed(&shared::agent(), code, &json!({"artifacts": ["*.txt"]}));
    let paths: Vec<_> =
        of_kind(&events, "artifact_published").iter().map(|one| &one["path"]).collect();
    assert_eq!(paths, ["report.txt", "other.txt"]);
}

#[test]
fn a_retry_that_keeps_nothing_begins_without_a_state() {
    let code = r"
import errand
state = errand.restored()
errand.emit('run', None if state is None else state.decode())
if state is None:
    open('left', 'x').write('of this attempt alone')
    errand.checkpoint(b'one')
raise errand.Retry('not yet')
";
    let more = json!({"retry": {"max_attempts": 2, "backoff_ms": 1}});
    let (task, events) = python(&shared::agent(), code, &more);
    assert_eq!((&task["status"], &task["attempt"]), (&json!("failed"), &json!(2)));
    let runs: Vec<_> = of_kind(&events, "emitted").iter().map(|one| one["data"].clone()).collect();
    assert_eq!(runs, [Value::Null, json!("one"), Value::Null, json!("one")], "{task}");
}
