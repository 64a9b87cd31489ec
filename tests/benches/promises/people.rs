//! Tasks that wait for people and for other tasks: what they take, and how soon they go on.

use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Client, Server, millis, plugin};
use crate::processes::resident_mib;
use crate::report::{Figure, percentile};

/// Tasks that wait for an approval at once.
const WAITING: usize = 10_000;
/// Decisions of which the median is taken.
const DECISIONS: usize = 60;
/// Children of one parent, and tasks of a client.
const CHILDREN: usize = 1_000;
/// Turns of which the median is taken.
const ROUNDS: usize = 5;

/// Ten thousand tasks that wait for approval in one server, and one among them that is approved.
pub(crate) fn waiting_for_approval() -> Vec<Figure> {
    let server = Server::start_with(&["--slots", "2"]);
    let operator = server.operator();
    operator.upload("probe", &plugin("test/probe")).expect(201);
    let ask = json!({"do": "approval_ask", "title": "Shall it go on?", "detail": "It **waits**."});
    // What an executor costs once is not what a wait costs.
    let first = operator.submit(&json!({"executor": "probe", "input": ask}));
    decide(&operator, &first, "deny");
    operator.finish(&first);
    let idle = resident_mib(&server);
    let began = Instant::now();
    let mut ids = Vec::new();
    for _ in 0..WAITING / CHILDREN {
        let tasks = vec![json!({"executor": "probe", "input": ask}); CHILDREN];
        let batch = operator.post("/v1/tasks/batch", &json!({ "tasks": tasks })).expect(202);
        let items = batch["items"].as_array().expect("a batch answers a list");
        ids.extend(items.iter().filter_map(|task| task["id"].as_str().map(str::to_owned)));
    }
    let last = ids.last().expect("there are tasks").clone();
    while operator.get("/v1/queue").expect(200)["by_status"]["waiting"] != WAITING {
        operator.get(&format!("/v1/tasks/{last}?wait_ms=1000")).expect(200);
    }
    let took_s = began.elapsed().as_secs_f64();
    let above = resident_mib(&server) - idle;
    let mut resumed: Vec<f64> = ids[..DECISIONS].iter().map(|id| decided(&operator, id)).collect();
    vec![
        Figure::new("10,000 tasks wait for approval, memory above idle", above, "MiB")
            .at_most(200.0),
        Figure::new("10,000 tasks submitted until all wait", took_s, "s"),
        Figure::new("approve to ended among them, cold, p50", percentile(&mut resumed, 50.0), "ms"),
    ]
}

/// From an approval to the task's going on: in memory, and out of it with work before.
pub(crate) fn approve_to_resumed() -> Vec<Figure> {
    // About ten milliseconds of one core.
    let work = json!({"do": "spin", "iterations": 10_000_000});
    let mut figures = Vec::new();
    for (flags, name, most) in [
        (["--warm", "16"], "approve to resumed, in memory, p50", 5.0),
        (["--warm", "0"], "approve to resumed, out of memory after 10 ms of work, p50", 50.0),
    ] {
        let server = Server::start_with(&flags);
        let operator = server.operator();
        operator.upload("probe", &plugin("test/probe")).expect(201);
        let steps = [work.clone(), json!({"do": "approval_ask", "title": "Go on?"})];
        let task = json!({"executor": "probe", "input": {"do": "program", "steps": steps}});
        let mut times = Vec::new();
        let mut worked = Vec::new();
        for _ in 0..DECISIONS {
            let id = operator.submit(&task);
            until_waiting(&operator, &id);
            times.push(decided(&operator, &id));
            let events = operator.events(&id);
            let at = |kind: &str| {
                let event = events.iter().find(|event| event["kind"] == kind);
                millis(&event.unwrap_or_else(|| panic!("there is no {kind}: {events:?}"))["at"])
            };
            worked.push((at("waiting") - at("started")) as f64);
        }
        figures.push(Figure::new(name, percentile(&mut times, 50.0), "ms").at_most(most));
        if most > 10.0 {
            let name = "work before the approval, p50";
            figures.push(Figure::new(name, percentile(&mut worked, 50.0), "ms"));
        }
    }
    figures
}

/// A thousand children that do nothing and their results, against a thousand tasks of a client.
pub(crate) fn fan_out() -> Vec<Figure> {
    let server = Server::start_with(&["--slots", "2"]);
    let operator = server.operator();
    for name in ["probe", "noop"] {
        operator.upload(name, &plugin(&format!("test/{name}"))).expect(201);
    }
    let agent = server.agent();
    let (mut parents, mut clients, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let parent = json!({"do": "fan_out", "executor": "noop", "children": CHILDREN});
        let began = Instant::now();
        let task = agent.run("probe", &parent);
        let ours = began.elapsed().as_secs_f64() * 1_000.0;
        assert_eq!(task["output"]["ended"], CHILDREN, "{task}");
        let began = Instant::now();
        let task = json!({"executor": "noop", "input": null});
        let ids: Vec<String> = (0..CHILDREN).map(|_| agent.submit(&task)).collect();
        for id in &ids {
            assert_eq!(agent.finish(id)["status"], "completed");
        }
        let theirs = began.elapsed().as_secs_f64() * 1_000.0;
        parents.push(ours);
        clients.push(theirs);
        ratios.push(ours / theirs);
    }
    let batch = batched(&agent);
    vec![
        Figure::new("1,000 no-op children and their results", percentile(&mut parents, 50.0), "ms"),
        Figure::new(
            "1,000 no-op tasks of a client, one by one",
            percentile(&mut clients, 50.0),
            "ms",
        ),
        Figure::new("1,000 no-op tasks of a client, one batch", batch, "ms"),
        Figure::new("fan-out against a client, round by round", percentile(&mut ratios, 50.0), "×")
            .at_most(1.3),
    ]
}

/// Milliseconds of a batch of tasks until the last result is fetched.
fn batched(agent: &Client) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let tasks = vec![json!({"executor": "noop", "input": null}); CHILDREN];
            let began = Instant::now();
            let batch = agent.post("/v1/tasks/batch", &json!({ "tasks": tasks })).expect(202);
            for task in batch["items"].as_array().expect("a batch answers a list") {
                agent.finish(task["id"].as_str().expect("a task has an id"));
            }
            began.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    percentile(&mut times, 50.0)
}

/// Waits until a task waits.
fn until_waiting(client: &Client, id: &str) {
    loop {
        let task = client.get(&format!("/v1/tasks/{id}?wait_ms=60000")).expect(200);
        match task["status"].as_str() {
            Some("waiting") => return,
            Some("completed" | "failed" | "cancelled") => panic!("it did not wait: {task}"),
            _ => {}
        }
    }
}

fn decide(client: &Client, id: &str, decision: &str) -> Value {
    until_waiting(client, id);
    client.post(&format!("/v1/approvals/{id}.1"), &json!({ "decision": decision })).expect(200)
}

/// Milliseconds from sending an approval until the task has ended, which does nothing more.
fn decided(client: &Client, id: &str) -> f64 {
    let began = Instant::now();
    decide(client, id, "approve");
    assert_eq!(client.finish(id)["status"], "completed");
    began.elapsed().as_secs_f64() * 1_000.0
}
