//! `GET /v1/tasks/{id}/events`: as JSON, and followed as server-sent events.

use serde_json::{Value, json};

use super::{kinds, members, submit_for_later, submit_looping, text};
use crate::harness::{Message, shared};

/// A task that reports three steps, with work between them that a follower sees live.
fn submit_with_steps() -> String {
    shared::agent().submit(&json!({
        "executor": shared::probe(),
        "input": {"do": "progress_steps", "steps": 3, "iterations": 100_000_000},
    }))
}

/// The messages that are recorded events.
fn recorded(messages: &[Message]) -> Vec<&Message> {
    messages.iter().filter(|message| message.id.is_some()).collect()
}

#[test]
fn events_are_numbered_without_holes_and_say_who_and_when() {
    let client = shared::agent();
    let input = json!({"args": ["both", "50"]});
    let id = text(&client.run(shared::command_probe(), &input)["id"]);
    let events = client.events(&id);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(members(event), ["seq", "at", "by", "attempt", "kind", "data"].into());
        assert_eq!(event["seq"], index + 1);
        assert_eq!(event["attempt"], 1);
    }
    let kinds = kinds(&events);
    assert_eq!(kinds[..2], ["submitted", "started"]);
    assert_eq!(kinds.last(), Some(&"completed"));
    assert!(kinds[2..kinds.len() - 1].iter().all(|kind| *kind == "log"), "{kinds:?}");
    assert_eq!(events[0]["by"], "agent");
    assert_ne!(events[1]["by"], "agent");
    let times: Vec<_> = events.iter().map(|event| text(&event["at"])).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn after_leaves_out_what_the_client_has() {
    let client = shared::agent();
    let id = text(&client.run(shared::noop(), &json!({}))["id"]);
    let all = client.events(&id);
    for after in 0..=all.len() + 1 {
        let rest = client.get(&format!("/v1/tasks/{id}/events?after={after}")).expect(200);
        assert_eq!(rest["items"], json!(all[after.min(all.len())..]));
    }
    for wrong in ["-1", "last"] {
        let path = format!("/v1/tasks/{id}/events?after={wrong}");
        client.get(&path).problem(422, "invalid");
    }
}

#[test]
fn a_log_is_the_streams_text_with_offsets_that_add_up() {
    let client = shared::agent();
    let input = json!({"args": ["both", "200"]});
    let id = text(&client.run(shared::command_probe(), &input)["id"]);
    for (stream, word) in [("stdout", "out"), ("stderr", "err")] {
        let mut whole = String::new();
        for event in client.events(&id) {
            let data = &event["data"];
            if event["kind"] == "log" && data["stream"] == stream {
                assert_eq!(data["offset"], whole.len(), "{data}");
                assert!(data["level"].is_string(), "{data}");
                whole.push_str(data["text"].as_str().expect("a log has text"));
            }
        }
        let expected: String = (1..=200).map(|n| format!("{word} {n}\n")).collect();
        assert_eq!(whole, expected);
    }
}

#[test]
fn what_an_executor_logs_and_emits_is_recorded_as_it_said_it() {
    let client = shared::agent();
    let input = json!({"do": "log", "level": "warn", "message": "mind the gap"});
    let id = text(&client.run(shared::probe(), &input)["id"]);
    let data = client.events(&id)[2]["data"].clone();
    assert_eq!((&data["stream"], &data["level"]), (&json!("log"), &json!("warn")));
    assert_eq!(data["text"].as_str().map(str::trim_end), Some("mind the gap"));

    let input = json!({"do": "emit", "kind": "page.found", "data": {"url": "x", "n": [1]}});
    let task = client.run(shared::probe(), &input);
    assert_eq!(task["output"], json!({"ok": null}));
    let emitted = client.events(&text(&task["id"]))[2].clone();
    assert_eq!(emitted["kind"], "emitted");
    assert_eq!(emitted["data"]["kind"], "page.found");
    assert_eq!(emitted["data"]["data"], json!({"url": "x", "n": [1]}));
}

#[test]
fn a_follower_gets_every_event_and_between_them_live_progress_without_a_number() {
    let client = shared::agent();
    let id = submit_with_steps();
    // Ends by itself, after the event that ends the task.
    let messages: Vec<Message> = client.follow(&id, &[]).collect();
    let events = client.events(&id);
    let followed = recorded(&messages);
    assert_eq!(followed.len(), events.len());
    for (message, event) in followed.into_iter().zip(&events) {
        assert_eq!(message.id, event["seq"].as_u64());
        assert_eq!(message.event, text(&event["kind"]));
        assert_eq!(&message.data, event);
    }
    assert_eq!(messages.last().map(|last| last.event.as_str()), Some("completed"));

    let live: Vec<_> = messages.iter().filter(|message| message.id.is_none()).collect();
    assert!(!live.is_empty(), "a task of a second is seen on its way");
    assert!(live.iter().all(|message| message.event == "progress"));
    for message in &live {
        let fields = ["fuel_used", "fuel_limit", "done", "total", "message"];
        assert_eq!(members(&message.data), fields.into());
    }
    let fuel: Vec<_> = live.iter().map(|message| message.data["fuel_used"].as_u64()).collect();
    assert!(fuel.is_sorted(), "{fuel:?}");
    let step = live.iter().find(|message| message.data["done"] == 1);
    if let Some(step) = step {
        assert_eq!(step.data["total"], 3);
        assert_eq!(step.data["message"], "step 1");
    }
    let last = events.last().expect("a task has events");
    assert_eq!(last["data"]["progress"]["done"], 3, "its last value is stored with the event");
}

#[test]
fn fuel_is_reported_inside_a_loop_without_calls() {
    let client = shared::agent();
    let id = submit_looping(&client, "fuel");
    let mut messages = client.follow(&id, &[]);
    let first = messages.until_it_runs().data["fuel_used"].as_u64();
    messages
        .until(|message| message.event == "progress" && message.data["fuel_used"].as_u64() > first);
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    let last = messages.last().expect("the stream goes on until the task ends");
    assert_eq!(last.event, "cancelled");
}

#[test]
fn a_follower_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let client = shared::agent();
    let id = submit_with_steps();
    let mut seen = Vec::new();
    for message in client.follow(&id, &[]).by_ref() {
        seen.extend(message.id);
        if message.event == "started" {
            break;
        }
    }
    let last = seen.last().expect("it has seen the start").to_string();
    // The header is newer than the address, which stays as the client first wrote it.
    seen.extend(client.follow(&id, &[("last-event-id", &last)]).filter_map(|message| message.id));
    assert_eq!(seen, (1..=client.events(&id).len() as u64).collect::<Vec<_>>());
}

#[test]
fn following_a_task_that_has_ended_tells_what_is_left_and_ends() {
    let client = shared::agent();
    let id = text(&client.run(shared::noop(), &json!({}))["id"]);
    let after = |last: &str| -> Vec<Option<u64>> {
        client.follow(&id, &[("last-event-id", last)]).map(|message| message.id).collect()
    };
    assert_eq!(after("0"), [Some(1), Some(2), Some(3)]);
    assert_eq!(after("2"), [Some(3)]);
    assert_eq!(after("3"), []);
}

#[test]
fn a_queued_task_can_be_followed_from_its_submission_on() {
    let client = shared::agent();
    let id = submit_for_later(&client, "follow");
    let mut messages = client.follow(&id, &[]);
    assert_eq!(messages.next().map(|message| message.event).as_deref(), Some("submitted"));
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    let rest: Vec<_> = messages.map(|message| message.event).collect();
    assert_eq!(rest, ["cancel_requested", "cancelled"]);
}

#[test]
fn only_json_and_event_streams_are_given() {
    let client = shared::agent();
    let id = submit_for_later(&client, "accept");
    let path = format!("/v1/tasks/{id}/events");
    client.ask("GET", &path, &[("accept", "image/png")]).problem(406, "not_acceptable");
    for json in ["application/json", "*/*", "application/*;q=0.5, image/png"] {
        let events = client.ask("GET", &path, &[("accept", json)]).expect(200);
        assert_ne!(events["items"], Value::Null);
    }
    let wrong = [("accept", "text/event-stream"), ("last-event-id", "latest")];
    client.ask("GET", &path, &wrong).problem(422, "invalid");
    client.get("/v1/tasks/nobody/events").problem(404, "not_found");
}
