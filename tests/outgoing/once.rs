//! A call that was answered is never made again, whatever crashed.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{calls, granted, id, program, result};
use crate::crash::chance::Chance;
use crate::harness::{Client, Peer, Reply, Request, Server};

/// Starts a server again on the directory of one that was killed.
fn again(server: Server) -> Server {
    let data = server.kill();
    Server::start_on(data, &[])
}

#[test]
fn what_was_answered_is_answered_again_after_a_crash() {
    let peer = Peer::start(|request| Reply::new(200, request.path.clone()));
    let server = granted(&peer);
    let code = "
import time
first = errand.http('POST', url + '/pay', body='1').text
second = errand.http('GET', url + '/look').text
print(first, second, flush=True)
time.sleep(1.5)
result = [first, second, errand.http('POST', url + '/end').text]
";
    let id = server.agent().submit(&json!({"executor": "python", "input": program(&peer, code)}));
    server.agent().follow(&id, &[]).until_event("waiting");
    let server = again(server);
    let task = server.agent().finish(&id);
    assert_eq!(*result(&task), json!(["/pay", "/look", "/end"]));
    let paths: Vec<String> = peer.seen().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/pay", "/look", "/end"]);
    assert_eq!(calls(&server.agent(), &id).len(), 3);
}

#[test]
fn a_request_on_its_way_is_sent_again_only_if_that_is_safe() {
    let peer = Peer::start(|_| Reply::new(200, "done").held());
    let server = granted(&peer);
    let one = |call: &str| {
        let code = format!(
            "try:\n    result = {call}.text\nexcept errand.UnknownOutcome as error:\n    result = str(error)"
        );
        let request = json!({"executor": "python", "input": program(&peer, &code)});
        server.agent().submit(&request)
    };
    let ids = [
        one("errand.http('GET', url + '/get')"),
        one("errand.http('POST', url + '/post')"),
        one("errand.http('POST', url + '/named', idempotent=True)"),
        one("errand.http('PUT', url + '/put')"),
    ];
    peer.wait_for(4);
    let server = again(server);
    // Three are sent again.
    peer.wait_for(7);
    peer.open();
    let results: Vec<Value> =
        ids.iter().map(|id| result(&server.agent().finish(id)).clone()).collect();
    assert_eq!(
        (&results[0], &results[2], &results[3]),
        (&json!("done"), &json!("done"), &json!("done"))
    );
    assert!(results[1].as_str().is_some_and(|text| text.contains("not known")), "{results:?}");
    let mut times = HashMap::<String, usize>::new();
    let mut keys = Vec::new();
    for request in peer.seen() {
        if request.path == "/named" {
            keys.push(request.header("idempotency-key").unwrap_or_default().to_owned());
        }
        *times.entry(request.path).or_default() += 1;
    }
    assert_eq!(times["/post"], 1);
    assert_eq!((times["/get"], times["/named"], times["/put"]), (2, 2, 2));
    assert!(keys[0].len() == 32 && keys[0] == keys[1], "{keys:?}");
    let post = calls(&server.agent(), &ids[1]);
    assert_eq!(post[0]["error"]["code"], "unknown");
}

#[test]
fn a_retry_goes_live_at_the_first_failed_answer() {
    let peer = Peer::start({
        let times = std::sync::atomic::AtomicUsize::new(0);
        move |request| match request.path.as_str() {
            "/flaky" if times.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => {
                Reply::new(503, "later")
            }
            path => Reply::new(200, path.to_owned()),
        }
    });
    let server = granted(&peer);
    let code = "
paid = errand.http('POST', url + '/pay').text
flaky = errand.http('POST', url + '/flaky')
if flaky.status != 200:
    raise errand.Retry('later')
result = [paid, flaky.text]
";
    let request = json!({
        "executor": "python", "input": program(&peer, code),
        "retry": {"max_attempts": 2, "backoff_ms": 1},
    });
    let id = server.agent().submit(&request);
    let task = server.agent().finish(&id);
    assert_eq!(*result(&task), json!(["/pay", "/flaky"]));
    assert_eq!(task["attempt"], 2);
    let paths: Vec<String> = peer.seen().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/pay", "/flaky", "/flaky"]);
}

#[test]
fn what_came_before_a_checkpoint_is_not_asked_again_and_what_follows_has_names_of_its_own() {
    let peer = Peer::start(|request| Reply::new(200, request.path.clone()));
    let server = granted(&peer);
    let code = "
import json, time
before = json.loads(errand.restored() or b'[]')
paid = errand.http('POST', url + '/pay', body='1').text
if len(before) < 2:
    errand.checkpoint(json.dumps(before + [paid]).encode())
time.sleep(1.5)
result = before + [paid]
";
    let id = server.agent().submit(&json!({"executor": "python", "input": program(&peer, code)}));
    server.agent().follow(&id, &[]).until_event("waiting");
    let server = again(server);
    let task = server.agent().finish(&id);
    assert_eq!(*result(&task), json!(["/pay", "/pay", "/pay"]));
    let mut keys: Vec<String> = peer
        .seen()
        .iter()
        .map(|request| request.header("idempotency-key").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(keys.len(), 3, "each was made once");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3, "each is a request of its own");
}

/// Tasks, and calls of each.
const TASKS: usize = 100;
const CALLS: usize = 10;
/// How long each server lives, in milliseconds, at most.
const LIFE_MS: usize = 1_200;

#[test]
fn no_kill_makes_an_answered_call_twice() {
    let peer = Peer::start(|request| Reply::new(200, request.path.clone()));
    let server = granted(&peer);
    let code = format!(
        "
result = []
for number in range({CALLS}):
    method = 'POST' if number % 2 else 'GET'
    path = f'/{{errand.input[\"task\"]}}/{{number}}'
    try:
        assert errand.http(method, url + path).text == path
    except errand.UnknownOutcome:
        result.append(number)
"
    );
    let tasks: Vec<Value> = (0..TASKS)
        .map(|number| {
            let mut input = program(&peer, &code);
            input["task"] = json!(number);
            json!({"executor": "python", "input": input, "retry": {"max_attempts": 1}})
        })
        .collect();
    let batch = server.agent().post("/v1/tasks/batch", &json!({ "tasks": tasks })).expect(202);
    let ids: Vec<String> = batch["items"]
        .as_array()
        .expect("a batch answers a list")
        .iter()
        .map(|task| id(task).to_owned())
        .collect();
    let mut chance = Chance(7);
    let mut server = server;
    let mut kills = 0;
    // Until it is over in the life of one server.
    while unfinished(&server.agent()) {
        let life = std::time::Duration::from_millis(200 + chance.below(LIFE_MS) as u64);
        std::thread::sleep(life);
        server = again(server);
        kills += 1;
        assert!(kills < 200, "it does not come to an end");
    }
    let mut unknown = 0;
    for id in &ids {
        let task = server.agent().finish(id);
        unknown += result(&task).as_array().map_or(0, Vec::len);
    }
    let (twice, again) = doubled(&peer.seen());
    eprintln!(
        "{kills} kills, {} calls of {TASKS} tasks: {twice} answered calls seen twice, {again} unanswered \
         ones sent again, {unknown} of unknown outcome",
        TASKS * CALLS
    );
    assert_eq!(twice, 0);
}

fn unfinished(client: &Client) -> bool {
    let count = |status: &str| {
        let page = client.get(&format!("/v1/tasks?status={status}&limit=1")).expect(200);
        page["items"].as_array().map_or(0, Vec::len)
    };
    count("queued") + count("running") + count("waiting") > 0
}

/// Counts calls that came after a later one of their task, which was made of their answer, or that are not
/// to be sent twice and were; and those that were sent again before they had an answer.
fn doubled(seen: &[Request]) -> (usize, usize) {
    let (mut latest, mut twice, mut again) = (HashMap::<&str, usize>::new(), 0, 0);
    for request in seen {
        let (task, number) =
            request.path[1..].split_once('/').expect("a call has a task and a number");
        let number: usize = number.parse().expect("a call has a number");
        match latest.get(task) {
            Some(last) if number < *last => twice += 1,
            Some(last) if number == *last && request.method == "POST" => twice += 1,
            Some(last) if number == *last => again += 1,
            _ => _ = latest.insert(task, number),
        }
    }
    (twice, again)
}
