//! Random programs of host calls, run once straight through and once cut at every single host call: what is
//! left in the end must be the same.
//!
//! Service, scheduler and engine are the real ones, in this process, over the store in memory. A cut ends a
//! run in a host call, before or after what the call does, as the end of its process would; the next run
//! repeats it. Seeds: `ERRAND_REPLAY_SEED`; how many programs: `ERRAND_REPLAY_PROGRAMS`.

mod cut;
mod inside;
mod program;

use std::collections::BTreeMap;

use errand_core::{Answer, Event, EventBody, JournalEntry, LogOffsets, Status, Stream, Task};
use serde_json::{Value, json};

use cut::{Cut, When};
use inside::Inside;

/// Programs unless it is said otherwise: as many as take some ten seconds.
const PROGRAMS: u64 = 30;

/// What a task leaves that must not depend on how often it was interrupted.
#[derive(Debug, PartialEq)]
struct Left {
    status: Status,
    output: Option<Value>,
    error: Option<Value>,
    texts: BTreeMap<&'static str, String>,
    said: Vec<Value>,
    journal: Vec<(u64, String, String, Value)>,
}

#[test]
fn programs_that_are_cut_at_every_call_leave_what_they_leave_uncut() {
    let (seed, programs) = (variable("SEED", 1), variable("PROGRAMS", PROGRAMS));
    let inside = Inside::start();
    let mut cuts = 0;
    for seed in seed..seed + programs {
        let program = program::draw(seed);
        let straight = inside.run(&program, None);
        let expected = left(&straight);
        assert_eq!(interruptions(&straight.events), 0);
        for at in 0..straight.calls {
            for when in [When::Before, When::After] {
                let run = inside.run(&program, Some(Cut { at, when }));
                let interrupted = interruptions(&run.events);
                assert_eq!(interrupted, 1, "seed {seed}, cut {when:?} call {at}: {:?}", run.task);
                assert_eq!(left(&run), expected, "seed {seed}, cut {when:?} call {at}: {program}");
                cuts += 1;
            }
        }
    }
    eprintln!("{programs} programs, cut {cuts} times: nothing differs");
    assert!(cuts > 0);
}

#[test]
fn a_program_that_does_something_else_when_it_is_repeated_is_named() {
    let inside = Inside::start();
    let emit = |kind: &str| json!({"do": "emit", "kind": kind, "data": 1});
    let program = |second: Value| json!({"do": "program", "steps": [emit("first"), second]});
    let changed = program(json!({"do": "sleep", "ms": 0}));
    let end = json!({"do": "program", "steps": [emit("first")]});
    for (repeated, got) in [(changed, "sleep([0])"), (end, "ended without it")] {
        let cut = Cut { at: 2, when: When::Before };
        let steps = program(emit("second"));
        let mut longer = steps.clone();
        longer["steps"].as_array_mut().expect("they are").push(emit("third"));
        let run = inside.run_changed(&longer, &repeated, cut);
        let error = run.task.error.expect("it fails");
        assert_eq!(error.code.as_str(), "nondeterminism", "{error:?}");
        assert!(error.message.contains("host call 2 was emit([\"second\",1])"), "{error:?}");
        assert!(error.message.contains(got), "{error:?}");
        assert!(!error.retryable);
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    let name = format!("ERRAND_REPLAY_{name}");
    std::env::var(&name).map_or(otherwise, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}"))
    })
}

/// One task, from its start to its end.
struct Ran {
    task: Task,
    events: Vec<Event>,
    /// Every call that was journaled, by ordinal; the last of each.
    journal: BTreeMap<u64, JournalEntry>,
    /// Host calls that could be cut.
    calls: usize,
}

fn left(ran: &Ran) -> Left {
    let mut offsets = LogOffsets::default();
    let mut texts: BTreeMap<&'static str, String> = BTreeMap::new();
    let mut said = Vec::new();
    for (seq, event) in (1..).zip(&ran.events) {
        assert_eq!(event.seq, seq, "a hole");
        match &event.body {
            EventBody::Log(line) => {
                assert_eq!(line.offset, offsets.of(line.stream), "a gap or twice the same");
                *offsets.of_mut(line.stream) += line.stream_bytes();
                texts.entry(name(line.stream)).or_default().push_str(&line.text);
            }
            EventBody::Emitted { kind, data } => said.push(json!([kind, data])),
            EventBody::ArtifactPublished(artifact) => said.push(json!(artifact)),
            _ => {}
        }
    }
    let journal = ran.journal.values().map(|call| {
        let answer = match &call.answer {
            Answer::Given(answer) | Answer::Failed(answer) => answer.clone(),
            Answer::Awaited { .. } => panic!("the task ended, and {} was not answered", call.call),
        };
        // How long a wait has left is a matter of when the one before it ended.
        let arguments = if call.call == "sleep" { String::new() } else { call.arguments.clone() };
        (call.ordinal, call.call.clone(), arguments, answer)
    });
    Left {
        status: ran.task.status,
        output: ran.task.output.as_deref().cloned(),
        error: ran.task.error.as_ref().map(|error| json!(error)),
        texts,
        said,
        journal: journal.collect(),
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
        Stream::Log => "log",
    }
}

fn interruptions(events: &[Event]) -> usize {
    let interrupted = |event: &&Event| matches!(event.body, EventBody::Interrupted { .. });
    events.iter().filter(interrupted).count()
}
