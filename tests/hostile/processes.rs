//! Servers that are killed, stopped, and started twice.

use serde_json::{Value, json};

use crate::harness::{Client, Server, wasm};

const AN_HOUR_MS: u64 = 3_600_000;
/// About a second of work.
const A_SECOND: u64 = 1_500_000_000;

fn kinds(client: &Client, id: &str) -> Vec<String> {
    let events = client.events(id);
    events.iter().map(|event| event["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Why a task's runs were interrupted.
fn interruptions(client: &Client, id: &str) -> Vec<Value> {
    let events = client.events(id);
    let interrupted = events.iter().filter(|event| event["kind"] == "interrupted");
    interrupted.map(|event| event["data"]["reason"].clone()).collect()
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    let client = server.operator();
    client.upload("end", &wasm::ends_at_once("second")).expect(201);
    let id = client.submit(&json!({"executor": "end", "delay_ms": AN_HOUR_MS}));
    let data = server.data().to_str().expect("a path is text");
    let second = server
        .command(&["serve", "--listen", "127.0.0.1:0", "--data", data])
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(4), "{said}");
    assert!(second.stdout.is_empty(), "it never listened");
    assert!(said.contains("another server") && said.contains(data), "{said}");

    assert_eq!(client.get(&format!("/v1/tasks/{id}")).expect(200)["status"], "queued");
    assert_eq!(client.run("end", &json!({}))["status"], "completed");
    let note = std::fs::read_to_string(server.data().join("server.json")).expect("it is there");
    assert!(note.contains(server.url()), "clients still find the first: {note}");
}

#[test]
fn what_a_killed_server_was_running_is_run_again_and_completes() {
    let server = Server::start_with(&["--slots", "1"]);
    let client = server.operator();
    client.upload("count", &wasm::counts_to(A_SECOND)).expect(201);
    client.upload("end", &wasm::ends_at_once("kill")).expect(201);
    let done = client.run("end", &json!({}));
    let running = client.submit(&json!({"executor": "count"}));
    client.follow(&running, &[]).until_it_runs();
    let queued = client.submit(&json!({"executor": "end"}));
    let later = client.submit(&json!({"executor": "end", "delay_ms": AN_HOUR_MS}));

    let server = Server::start_on(server.kill(), &["--slots", "1"]);
    let client = server.operator();
    let task = client.finish(&running);
    assert_eq!(task["status"], "completed", "{task}");
    assert_eq!(task["attempt"], 1, "a crash is not the task's fault");
    let expected = ["submitted", "started", "interrupted", "started", "completed"];
    assert_eq!(kinds(&client, &running), expected);
    assert_eq!(interruptions(&client, &running), [json!("crash")]);

    assert_eq!(client.finish(&queued)["status"], "completed");
    assert_eq!(interruptions(&client, &queued), [Value::Null; 0]);
    assert_eq!(client.get(&format!("/v1/tasks/{later}")).expect(200)["status"], "queued");
    let path = format!("/v1/tasks/{}", done["id"].as_str().expect("a task has an id"));
    assert_eq!(client.get(&path).expect(200)["output"], done["output"]);
    assert_eq!(client.get("/v1/queue").expect(200)["by_status"]["running"], 0);
}

#[test]
fn a_task_whose_server_is_killed_again_and_again_is_lost_in_the_end() {
    let mut server = Server::start_with(&["--slots", "1"]);
    server.operator().upload("loop", &wasm::loops("lost")).expect(201);
    let id = server.operator().submit(&json!({"executor": "loop"}));
    let mut crashes = 0;
    let task = loop {
        let client = server.operator();
        // Until it is on record that the run began, and it is at work; the stream of a task that has
        // ended ends instead.
        let mut starts = 0;
        let runs = client.follow(&id, &[]).any(|message| {
            starts += usize::from(message.event == "started");
            starts > crashes && message.event == "progress"
        });
        if !runs {
            break client.finish(&id);
        }
        crashes += 1;
        assert!(crashes < 20, "it is still tried");
        server = Server::start_on(server.kill(), &["--slots", "1"]);
    };
    assert_eq!(task["error"]["code"], "lost", "{task}");
    assert_eq!(interruptions(&server.operator(), &id).len(), crashes);
}

#[test]
fn a_cancel_that_was_acknowledged_survives_a_kill() {
    let server = Server::start_with(&["--slots", "1"]);
    let client = server.operator();
    client.upload("loop", &wasm::loops("cancel")).expect(201);
    let id = client.submit(&json!({"executor": "loop"}));
    client.follow(&id, &[]).until_it_runs();
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    let server = Server::start_on(server.kill(), &["--slots", "1"]);
    assert_eq!(server.operator().finish(&id)["status"], "cancelled");
}

#[test]
fn a_stopped_server_finishes_what_it_can_and_hands_the_rest_back() {
    let server = Server::start_with(&["--slots", "2", "--drain", "4"]);
    let client = server.operator();
    client.upload("loop", &wasm::loops("drain")).expect(201);
    client.upload("count", &wasm::counts_to(A_SECOND / 3)).expect(201);
    let endless = client.submit(&json!({"executor": "loop"}));
    let short = client.submit(&json!({"executor": "count"}));
    for id in [&endless, &short] {
        client.follow(id, &[]).until_event("started");
    }
    let queued = client.submit(&json!({"executor": "count"}));
    let (status, data) = server.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!data.path().join("server.json").exists(), "nobody looks for it any more");

    let server = Server::start_on(data, &["--slots", "2"]);
    let client = server.operator();
    assert_eq!(client.finish(&short)["status"], "completed");
    assert_eq!(kinds(&client, &short), ["submitted", "started", "completed"]);
    assert_eq!(client.finish(&queued)["status"], "completed");
    assert_eq!(kinds(&client, &queued), ["submitted", "started", "completed"]);

    client.follow(&endless, &[]).until_it_runs();
    let task = client.get(&format!("/v1/tasks/{endless}")).expect(200);
    assert_eq!((&task["status"], &task["attempt"]), (&json!("running"), &json!(1)));
    assert_eq!(interruptions(&client, &endless), [json!("drain")]);
    client.post(&format!("/v1/tasks/{endless}/cancel"), &json!({})).expect(202);
    client.finish(&endless);
}
