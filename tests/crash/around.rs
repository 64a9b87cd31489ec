//! `kill -9` of the server at random instants while tasks start others, wait for signals, ask people and
//! write the state of their conversation: nothing of it is lost, nothing is done twice.
//!
//! Each family is a parent with children in a conversation of its own. The children and the parent count
//! themselves in the conversation's state; the parent waits for two signals and an answer, which clients
//! give until a server has said that it has them.
//!
//! `ERRAND_CRASH_KILLS` and `ERRAND_CRASH_SEED` are as for the other kills.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::chance::Chance;
use super::kills::life::{Closing, Door, Life};
use crate::harness::{Client, Server, plugin};

const KILLS: usize = 25;
/// How long a server lives at most once it is ready.
const LIFE_MS: usize = 700;
const CALLERS: usize = 3;
/// Families that one caller has under way before it waits for the first of them.
const AT_ONCE: usize = 6;
const CHILDREN: usize = 4;

/// The parent: it answers what it learnt.
const PARENT: &str = r#"
import errand
n = errand.input["n"]
ids = [errand.spawn("python", {"code": errand.input["child"], "n": i}, name=f"c{i}")
       for i in range(errand.input["children"])]
first = errand.wait_signal("first")
answer = errand.approve(f"family {n}?", "So **many** children.")
outputs = errand.gather(ids)
seen = [open(f"/children/c{i}/output.json").read() != "" for i in range(len(ids))]
second = errand.wait_signal("second")
errand.context.update(lambda state: {**(state or {}), "parents": (state or {}).get("parents", 0) + 1})
result = {"ids": ids, "outputs": [output["result"] for output in outputs], "first": first, "second": second,
          "verdict": answer.verdict, "by": answer.by, "comment": answer.comment, "seen": seen}
"#;

/// A child: it counts itself, and sleeps sometimes.
const CHILD: &str = r#"
import errand
n = errand.input["n"]
if n % 2:
    errand.sleep(0.3)
errand.context.update(lambda state: {**(state or {}), "children": (state or {}).get("children", 0) + 1})
result = n * n
"#;

/// A family that was begun, and what its parent was told for certain.
struct Family {
    name: String,
    id: String,
    approves: bool,
}

#[test]
fn no_kill_loses_or_doubles_children_signals_answers_or_state() {
    let number = |variable: &str| std::env::var(variable).ok().and_then(|text| text.parse().ok());
    let kills = number("ERRAND_CRASH_KILLS").map_or(KILLS, |kills: u64| kills as usize);
    let seed = number("ERRAND_CRASH_SEED").unwrap_or(7);
    let server = Server::start();
    server.operator().upload("python", &plugin("python")).expect(201);
    let token = server.operator_token();
    let data = server.kill();
    let (door, families) = (Door::default(), Mutex::new(Vec::new()));
    let (last, client) = std::thread::scope(|scope| {
        let closing = Closing(&door);
        for caller in 0..CALLERS {
            let (door, families) = (&door, &families);
            scope.spawn(move || call(caller, seed, door, families));
        }
        let mut chance = Chance(seed);
        for _ in 0..kills {
            let life = Life::begin(data.path());
            door.open(Client::new(&life.url(), &token));
            life.kill_after(Duration::from_millis(chance.below(LIFE_MS) as u64));
            door.shut();
        }
        let last = Life::begin(data.path());
        let client = Client::new(&last.url(), &token);
        door.open(client.clone());
        drop(closing);
        (last, client)
    });
    let families = families.into_inner().expect("nobody panics with it");
    for family in &families {
        check(&client, family);
    }
    last.stop();
    eprintln!("{kills} kills (seed {seed}), {} families, 0 lost, 0 doubled", families.len());
    assert!(!families.is_empty(), "the servers lived too shortly for a family to begin");
}

/// Begins families and tells their parents what they wait for, until the door is closed.
fn call(caller: usize, seed: u64, door: &Door, families: &Mutex<Vec<Family>>) -> Option<()> {
    let mut chance = Chance(seed ^ ((caller as u64 + 1) << 32));
    let mut number = 0;
    loop {
        let mut begun = Vec::new();
        for _ in 0..AT_ONCE {
            number += 1;
            door.next(0)?;
            let family = begin(&format!("{caller}-{number}"), &mut chance, door)?;
            // Before the task waits for it, or long after.
            if chance.one_in(2) {
                signal(&family, "second", door)?;
            }
            begun.push(family);
        }
        for family in &begun {
            tell(family, door)?;
        }
        families.lock().expect("nobody panics with it").extend(begun);
    }
}

fn begin(name: &str, chance: &mut Chance, door: &Door) -> Option<Family> {
    let request = json!({
        "executor": "python", "context_id": name, "idempotency_key": name,
        "input": {"code": PARENT, "child": CHILD, "n": name, "children": CHILDREN},
    });
    let task = ask(door, "/v1/tasks", &request, &[200, 202])?;
    let id = task["id"].as_str().expect("a task has an id").to_owned();
    Some(Family { name: name.to_owned(), id, approves: chance.one_in(2) })
}

/// Sends the signals again whatever was sent, and decides. What the task takes twice of them is the same.
fn tell(family: &Family, door: &Door) -> Option<()> {
    for name in ["first", "second"] {
        signal(family, name, door)?;
    }
    let decision = if family.approves { "approve" } else { "deny" };
    let body = json!({"decision": decision, "comment": family.name});
    // It is there once the task has asked; 409 where an answer that was not heard of was taken.
    let path = format!("/v1/approvals/{}.1", family.id);
    loop {
        let answer =
            door.ask(("POST", &path), ("application/json", body.to_string().as_bytes()), || {})?;
        match answer.status {
            200 | 409 => return Some(()),
            404 => {
                // Not asked yet: until something has happened to the task.
                let path = format!("/v1/tasks/{}?wait_ms=200", family.id);
                door.ask(("GET", &path), ("application/json", b""), || {})?;
            }
            status => panic!("{status}: {}", String::from_utf8_lossy(&answer.bytes)),
        }
    }
}

fn signal(family: &Family, name: &str, door: &Door) -> Option<()> {
    let path = format!("/v1/tasks/{}/signals", family.id);
    let payload = json!({"name": name, "payload": {"of": family.name}});
    // A parent that was told so already has ended.
    ask(door, &path, &payload, &[202, 409]).map(drop)
}

fn ask(door: &Door, path: &str, body: &Value, expected: &[u16]) -> Option<Value> {
    let body = body.to_string();
    let answer = door.ask(("POST", path), ("application/json", body.as_bytes()), || {})?;
    assert!(
        expected.contains(&answer.status),
        "{path}: {}",
        String::from_utf8_lossy(&answer.bytes)
    );
    Some(answer.json())
}

/// Holds what a family came to against what it was told.
fn check(client: &Client, family: &Family) {
    let task = client.finish(&family.id);
    let name = &family.name;
    assert_eq!(task["status"], "completed", "{name}: {task}");
    let result = &task["output"]["result"];
    let squares: Vec<usize> = (0..CHILDREN).map(|n| n * n).collect();
    assert_eq!(result["outputs"], json!(squares), "{name}: {result}");
    for signal in ["first", "second"] {
        assert_eq!(result[signal], json!({"of": name}), "{name}: {result}");
    }
    let verdict = if family.approves { "approved" } else { "denied" };
    assert_eq!(result["verdict"], verdict, "{name}: {result}");
    assert_eq!((&result["by"], &result["comment"]), (&json!("operator"), &json!(name)));
    assert_eq!(result["seen"], json!(vec![true; CHILDREN]));

    let events = client.events(&family.id);
    let count = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
    for (kind, times) in [
        ("child_spawned", CHILDREN),
        ("child_finished", CHILDREN),
        ("approval_requested", 1),
        ("approval_decided", 1),
        ("completed", 1),
    ] {
        assert_eq!(count(kind), times, "{name}: {kind} in {events:?}");
    }
    let children = client.get(&format!("/v1/tasks?parent_id={}", family.id)).expect(200);
    let children = children["items"].as_array().expect("a list");
    let mut ids: Vec<&str> = children.iter().filter_map(|child| child["id"].as_str()).collect();
    ids.sort_unstable();
    let mut told: Vec<&str> =
        result["ids"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    told.sort_unstable();
    assert_eq!(ids, told, "{name}: a child that nobody knows of, or none");
    let context = client.get(&format!("/v1/contexts/{name}")).expect(200);
    let expected = json!({"children": CHILDREN, "parents": 1});
    assert_eq!(context["state"], expected, "{name}: somebody counted twice or was lost");
}
