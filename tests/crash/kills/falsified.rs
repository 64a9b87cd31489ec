//! Logs that are wrong in one thing each, to see that the crash test would find it.

use std::sync::Arc;

use errand_core::*;
use serde_json::json;

use super::super::chance::Chance;
use super::ledger::Known;
use super::log;
use super::plan::{End, Left, Plan};

/// Draws plans until one says and leaves something, and completes.
fn plan() -> Plan {
    let mut chance = Chance(3);
    loop {
        let plan = Plan::draw(&mut chance, &[], &[]);
        let attempt = plan.attempt(1);
        let says = !attempt.texts[0].is_empty() && attempt.left.len() > 1;
        if says && matches!(attempt.end, End::Completes(_)) {
            return plan;
        }
    }
}

/// Returns what a server records that does it well.
fn right(plan: &Plan) -> Vec<EventBody> {
    let attempt = plan.attempt(1);
    let worker = WorkerId::new("worker").expect("valid");
    let mut bodies = vec![EventBody::Started {
        run: 1,
        worker,
        engine: "engine".into(),
        workspace: None,
        placed: None,
    }];
    for (stream, text) in
        [Stream::Stdout, Stream::Stderr, Stream::Log].into_iter().zip(attempt.texts)
    {
        bodies.push(line(stream, 0, &text));
    }
    bodies.extend(attempt.left.into_iter().map(|left| match left {
        Left::Emitted(kind, data) => EventBody::Emitted { kind, data },
        Left::Artifact(path, blake3) => EventBody::ArtifactPublished(Artifact {
            path,
            size_bytes: 1,
            blake3,
            media_type: "text/plain".into(),
            description: None,
        }),
    }));
    let End::Completes(output) = attempt.end else { unreachable!("plans of this test complete") };
    bodies.push(EventBody::Completed { output: Arc::new(output), left: None });
    bodies
}

fn line(stream: Stream, offset: u64, text: &str) -> EventBody {
    let text = text.to_owned();
    EventBody::Log(LogLine { stream, level: Level::Info, offset, text, length_bytes: None })
}

/// Holds a log of these events against the plan.
fn judge(known: &Known, bodies: Vec<EventBody>) -> Result<log::Outcome, String> {
    let executor = format!("probe@{}", Digest::of(b"probe"));
    let submission = json!({"namespace": "default", "executor": executor, "input": {}});
    let submission = serde_json::from_value(submission).expect("it is a submission");
    let bodies = std::iter::once(EventBody::Submitted(submission)).chain(bodies);
    let events: Vec<_> = bodies
        .zip(1..)
        .map(|(body, seq)| {
            let by = Principal::new("worker").expect("valid");
            Event { seq, at: UnixMillis(seq), by, attempt: 1, progress: None, body }
        })
        .collect();
    let id = TaskId::from_parts(1, 1);
    let mut record = Task::begin(id, &events[0]).expect("it begins");
    // As far as the log is legal: what is not is to be found.
    let _ = events[1..].iter().try_for_each(|event| record.apply(event));
    log::check(id, known, &record, &events)
}

/// Makes a log wrong.
type Falsify<'a> = &'a dyn Fn(&mut Vec<EventBody>);

#[test]
fn a_log_that_is_right_is_found_right_and_one_that_is_wrong_is_found_wrong() {
    let plan = plan();
    let right = right(&plan);
    let text = plan.attempt(1).texts[0].clone();
    let known = Known::new(plan);
    let outcome = judge(&known, right.clone()).expect("it is right");
    assert!(!outcome.doubled && !outcome.given_up);

    let changed = |change: Falsify<'_>| {
        let mut bodies = right.clone();
        change(&mut bodies);
        judge(&known, bodies).err()
    };
    let said = 1;
    let left = right.len() - 2;
    let end = right.len() - 1;
    let length = text.len() as u64;
    let wrongs: [(&str, Falsify<'_>); 8] = [
        ("text is missing", &|log| drop(log.remove(said))),
        ("text is there twice", &|log| log.insert(2, line(Stream::Stdout, length, &text))),
        ("offsets overlap", &|log| log[said] = line(Stream::Stdout, 1, &text)),
        ("something left is missing", &|log| drop(log.remove(left))),
        ("something left is there twice", &|log| log.insert(left, log[left].clone())),
        ("another output", &|log| {
            log[end] = EventBody::Completed { output: Arc::new(json!(0)), left: None }
        }),
        ("two results", &|log| log.push(log[end].clone())),
        ("a cancel that nobody sent", &|log| {
            log.insert(end, EventBody::CancelRequested { reason: None });
        }),
    ];
    for (what, wrong) in wrongs {
        assert!(changed(wrong).is_some(), "{what} is not found");
    }
}

#[test]
fn a_log_that_lacks_what_a_client_saw_is_found_wrong() {
    let right = right(&plan());
    let seen = |change: &dyn Fn(&mut Known)| {
        let mut known = Known::new(plan());
        change(&mut known);
        judge(&known, right.clone()).err()
    };
    let last = right.len() as u64 + 1;
    assert_eq!(seen(&|known| known.seen = Some((1, Status::Completed))), None);
    assert_eq!(seen(&|known| known.version = last), None);
    let lies: [&dyn Fn(&mut Known); 4] = [
        &|known| known.seen = Some((1, Status::Failed)),
        &|known| known.version = last + 1,
        &|known| known.retries.done = 1,
        &|known| known.cancels.done = 1,
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        assert!(seen(lie).is_some(), "lie {number} is not found");
    }
}
