//! Properties of the transition function: no sequence of events reaches an illegal task.

use std::sync::Arc;

use errand_core::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Says what every task must be, whatever happened to it.
fn illegal(task: &Task) -> Option<&'static str> {
    let terminal = task.status.is_terminal();
    let rules = [
        (
            task.waiting_for.is_some() == (task.status == Status::Waiting),
            "waits for something iff waiting",
        ),
        (task.finished_at.is_some() == terminal, "has an end iff ended"),
        (
            task.output.is_some() == (task.status == Status::Completed),
            "has an output iff completed",
        ),
        (
            task.error.is_some() == matches!(task.status, Status::Failed | Status::Cancelled),
            "has an error iff failed or cancelled",
        ),
        (
            task.left.is_none() || matches!(task.status, Status::Completed | Status::Failed),
            "left something only where its guest ended",
        ),
        (task.status != Status::Cancelled || task.cancel_requested, "cancelled by somebody"),
        (!task.resuming || task.status == Status::Queued, "resumes only from the queue"),
        (
            task.not_before.is_none() || task.status == Status::Queued,
            "is delayed only in the queue",
        ),
        (!(task.resuming && task.not_before.is_some()), "what resumes is not delayed"),
        (task.first_attempt >= 1 && task.attempt >= task.first_attempt, "attempts count up from 1"),
        (task.started_at.is_some() == (task.runs > 0), "started iff it ran"),
        (task.recoveries <= task.runs, "recovers from runs alone"),
        (
            !matches!(task.status, Status::Running | Status::Waiting | Status::Completed)
                || task.runs > 0,
            "runs, waits and completes only once started",
        ),
        (task.wait_until.is_none() || task.status == Status::Waiting, "goes on only from a wait"),
        (task.awaits.is_none() || task.status == Status::Waiting, "awaits only while it waits"),
        (
            task.around.ended.len() + task.around.failed_before.len() <= task.around.spawned,
            "has as many children as it spawned",
        ),
        (task.around.decided.len() <= task.around.asked, "is answered what it asked"),
        (
            STREAMS.iter().all(|stream| task.attempt_logged.of(*stream) <= task.logged.of(*stream)),
            "an attempt's output is part of the task's",
        ),
        (task.version >= 1, "has its first event"),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
}

const STREAMS: [Stream; 3] = [Stream::Stdout, Stream::Stderr, Stream::Log];

/// Says what a legal event must leave of the task before it.
fn forgotten(before: &Task, event: &Event, after: &Task) -> Option<&'static str> {
    let same_submission = Task {
        captured: before.captured,
        left: before.left.clone(),
        status: before.status,
        waiting_for: before.waiting_for,
        attempt: before.attempt,
        first_attempt: before.first_attempt,
        runs: before.runs,
        recoveries: before.recoveries,
        resuming: before.resuming,
        not_before: before.not_before,
        wait_until: before.wait_until,
        awaits: before.awaits.clone(),
        around: before.around.clone(),
        published: before.published,
        logged: before.logged,
        attempt_logged: before.attempt_logged,
        cancel_requested: before.cancel_requested,
        progress: before.progress.clone(),
        output: before.output.clone(),
        error: before.error.clone(),
        started_at: before.started_at,
        finished_at: before.finished_at,
        version: before.version,
        ..after.clone()
    };
    let retried = matches!(event.body, EventBody::RetryRequested {});
    let rules = [
        (same_submission == *before, "what was submitted never changes"),
        (
            STREAMS.iter().all(|stream| after.logged.of(*stream) >= before.logged.of(*stream)),
            "what was logged stays",
        ),
        (after.version == before.version + 1, "each event is counted once"),
        (after.runs >= before.runs && after.runs <= before.runs + 1, "runs are counted one by one"),
        (
            after.attempt >= before.attempt && after.attempt <= before.attempt + 1,
            "attempts are counted one by one",
        ),
        (!before.status.is_terminal() || retried, "only a retry follows an end"),
        (before.status != Status::Completed, "what is completed stays so"),
        (
            after.attempt > before.attempt || after.progress.fuel_used >= before.progress.fuel_used,
            "fuel never falls within an attempt",
        ),
        (
            before.started_at.is_none() || after.started_at == before.started_at,
            "the first start stays",
        ),
        (
            !matches!(event.body, EventBody::CheckpointSaved { .. })
                || (after.status == Status::Queued
                    && after.resuming
                    && after.attempt == before.attempt
                    && after.attempt_logged.is_zero()),
            "a checkpoint queues the same attempt ahead of new work, with nothing to repeat",
        ),
        (
            before.captured.is_none() || after.captured == before.captured,
            "what it started from stays",
        ),
        (!before.cancel_requested || after.cancel_requested || retried, "a cancellation stays"),
        (
            !(before.cancel_requested && after.status == Status::Running)
                || before.status != Status::Queued,
            "what is to be cancelled does not start",
        ),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-z]{1,4}", inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn moment() -> impl Strategy<Value = UnixMillis> {
    (0..10_000_u64).prop_map(UnixMillis)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<u8>().prop_map(|byte| Digest::of(&[byte]))
}

fn id() -> impl Strategy<Value = TaskId> {
    any::<[u8; 16]>().prop_map(TaskId::from_bytes)
}

fn principal() -> impl Strategy<Value = Principal> {
    "[a-z]{1,8}".prop_map(|text| Principal::new(&text).expect("valid"))
}

fn progress() -> impl Strategy<Value = Progress> {
    (0..100_u64, option::of(any::<u64>()), option::of(any::<u64>()), option::of(".{0,6}")).prop_map(
        |(fuel_used, done, total, message)| Progress {
            fuel_used,
            done,
            total,
            message,
            ..Progress::default()
        },
    )
}

fn left() -> impl Strategy<Value = Option<Box<Left>>> {
    let snapshot =
        (digest(), vec(digest(), 0..3)).prop_map(|(blob, contents)| SnapshotRef { blob, contents });
    let counts = (0..9_u64, 0..9_u64, 0..9_u64)
        .prop_map(|(added, modified, deleted)| ChangeCounts { added, modified, deleted });
    let left = (counts, option::of(snapshot));
    option::of(left.prop_map(|(counts, snapshot)| Box::new(Left { counts, snapshot })))
}

fn workspace() -> impl Strategy<Value = WorkspaceSource> {
    prop_oneof![
        Just(WorkspaceSource::Empty),
        ".{0,8}".prop_map(|path| WorkspaceSource::Dir { path }),
        digest().prop_map(|blob| WorkspaceSource::Tar { blob }),
        (".{0,8}", ".{0,8}").prop_map(|(repo, reference)| {
            let (commit, paths) = (None, Vec::new());
            WorkspaceSource::Git { repo, reference, commit, paths }
        }),
        id().prop_map(|id| WorkspaceSource::Task { id, origin: None }),
    ]
}

fn submission() -> impl Strategy<Value = Submission> {
    let names = ("[a-z0-9][a-z0-9._-]{0,8}", "[a-z0-9][a-z0-9._-]{0,8}", digest());
    let whats = (value(), workspace(), option::of("[a-z]{1,4}"), vec((".{0,4}", ".{0,4}"), 0..3));
    let whens = (any::<i32>(), 0..3_u64, option::of(id()), option::of("[a-z]{1,4}"));
    let bounds = (any::<u64>(), 1..5_u32, 1.0..4.0_f64, vec(".{0,4}", 0..3));
    (names, whats, whens, bounds).prop_map(|(names, whats, whens, bounds)| Submission {
        namespace: Namespace::new(&names.0).expect("valid"),
        executor: ExecutorRef {
            name: ExecutorName::new(&names.1).expect("valid"),
            digest: names.2,
        },
        function: whats.2.clone(),
        input: Arc::new(whats.0),
        workspace: whats.1,
        labels: whats.3.into_iter().collect(),
        priority: whens.0,
        idempotency_key: whats.2,
        delay_ms: whens.1,
        parent_id: whens.2,
        lineage: None,
        context_id: whens.3.map(|text| ContextId::new(&text).expect("valid")),
        limits: Limits { fuel: bounds.0, ..Limits::default() },
        retry: Retry { max_attempts: bounds.1, backoff_factor: bounds.2, ..Retry::default() },
        mounts: Vec::new(),
        artifacts: bounds.3.clone(),
        notify: bounds
            .3
            .into_iter()
            .map(|url| Notify { url, events: vec!["failed".into()] })
            .collect(),
    })
}

const CODES: [ErrorCode; 13] = [
    ErrorCode::ExecutorFailed,
    ErrorCode::Trap,
    ErrorCode::FuelExhausted,
    ErrorCode::MemoryLimit,
    ErrorCode::Timeout,
    ErrorCode::WorkspaceLimit,
    ErrorCode::OutputLimit,
    ErrorCode::Nondeterminism,
    ErrorCode::ExecutorMissing,
    ErrorCode::Lost,
    ErrorCode::Cancelled,
    ErrorCode::ChildFailed,
    ErrorCode::Internal,
];

fn error() -> impl Strategy<Value = TaskError> {
    (0..CODES.len(), ".{0,8}", option::of(value().prop_filter("null is absence", |v| !v.is_null())))
        .prop_map(|(code, message, detail)| TaskError {
            code: CODES[code],
            message,
            detail,
            attempt: 1,
            retryable: code % 2 == 0,
        })
}

fn approval_id() -> impl Strategy<Value = ApprovalId> {
    (id(), 1..4_u32).prop_map(|(task, number)| ApprovalId { task, number })
}

fn awaits() -> impl Strategy<Value = Box<Awaits>> {
    let numbers = || proptest::collection::vec(1..4_u32, 0..3);
    let needs = prop_oneof![Just(Needs::One), Just(Needs::All), Just(Needs::AllOrFailure)];
    let signals = proptest::collection::vec("[ab]", 0..2);
    (0..6_u64, signals, numbers(), needs, numbers()).prop_map(
        |(seen, signals, children, needs, approvals)| {
            let (children, approvals) =
                (children.into_iter().collect(), approvals.into_iter().collect());
            Box::new(Awaits { seen, signals, children, needs, approvals })
        },
    )
}

/// Any body. The run of a `started` is filled in by who knows it.
fn body() -> impl Strategy<Value = EventBody> {
    let level =
        prop_oneof![Just(Level::Debug), Just(Level::Info), Just(Level::Warn), Just(Level::Error)];
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr), Just(Stream::Log)];
    let waiting_for = prop_oneof![
        Just(WaitingFor::Approval),
        Just(WaitingFor::Children),
        Just(WaitingFor::Timer),
        Just(WaitingFor::Signal),
    ];
    let reason = prop_oneof![
        Just(InterruptReason::Crash),
        Just(InterruptReason::Lease),
        Just(InterruptReason::Drain),
    ];
    let verdict = prop_oneof![
        Just(Verdict::Approved),
        Just(Verdict::Denied),
        Just(Verdict::Expired),
        Just(Verdict::Cancelled),
    ];
    let runs = prop_oneof![
        4 => option::of(any::<[u8; 32]>()).prop_map(|workspace| EventBody::Started {
            placed: None,
            run: 0,
            worker: WorkerId::new("worker").expect("valid"),
            engine: "engine".into(),
            workspace: workspace.map(Digest::from),
        }),
        2 => (waiting_for, option::of(moment()), option::of(awaits())).prop_map(
            |(waiting_for, until, awaits)| EventBody::Waiting { waiting_for, until, awaits }
        ),
        2 => any::<bool>().prop_map(|warm| EventBody::Resumed { warm }),
        2 => reason.prop_map(|reason| EventBody::Interrupted { reason }),
        2 => (error(), 0..100_u64, moment()).prop_map(|(error, delay_ms, not_before)| {
            EventBody::RetryScheduled { error, delay_ms, not_before }
        }),
        2 => Just(EventBody::RetryRequested {}),
        1 => option::of(".{0,4}").prop_map(|reason| EventBody::CancelRequested { reason }),
        1 => (value(), left())
            .prop_map(|(value, left)| EventBody::Completed { output: Arc::new(value), left }),
        1 => (error(), left()).prop_map(|(error, left)| EventBody::Failed { error, left }),
        1 => error().prop_map(|error| EventBody::Cancelled { error }),
    ];
    let says = prop_oneof![
        (stream, level, any::<u64>(), ".{0,8}").prop_map(|(stream, level, offset, text)| {
            EventBody::Log(LogLine { stream, level, offset, text, length_bytes: None })
        }),
        (".{0,4}", value()).prop_map(|(kind, data)| EventBody::Emitted { kind, data }),
        any::<u64>().prop_map(|state_bytes| EventBody::CheckpointSaved { state_bytes }),
        (".{0,4}", digest(), option::of(".{0,4}")).prop_map(|(path, blake3, description)| {
            let media_type = "text/plain".into();
            EventBody::ArtifactPublished(Artifact {
                path,
                size_bytes: 1,
                blake3,
                media_type,
                description,
            })
        }),
        (approval_id(), ".{0,4}", digest(), option::of(moment())).prop_map(
            |(approval_id, title, digest, expires_at)| {
                EventBody::ApprovalRequested { approval_id, title, digest, expires_at }
            }
        ),
        (approval_id(), verdict, option::of(".{0,4}"), option::of(".{0,4}")).prop_map(
            |(approval_id, verdict, via, comment)| {
                EventBody::ApprovalDecided { approval_id, verdict, via, comment }
            }
        ),
        (id(), 1..4_u32, option::of(".{0,4}")).prop_map(|(child_id, number, name)| {
            EventBody::ChildSpawned { child_id, number, name }
        }),
        (id(), option::of(1..4_u32), 0..6_usize).prop_map(|(child_id, number, status)| {
            EventBody::ChildFinished { child_id, number, status: Status::ALL[status] }
        }),
        ("[ab]", value()).prop_map(|(name, payload)| EventBody::SignalReceived { name, payload }),
        any::<u64>().prop_map(|ordinal| EventBody::TimerFired { ordinal }),
        (any::<u16>(), any::<u64>()).prop_map(|(status, bytes)| EventBody::HttpCalled {
            method: "GET".into(),
            host: "example.org".into(),
            status: (status > 0).then_some(status),
            request_bytes: bytes,
            response_bytes: bytes,
            response: None,
            error: None,
            duration_ms: 1,
        }),
    ];
    let again = submission().prop_map(|again| EventBody::Submitted(Box::new(again)));
    prop_oneof![12 => runs, 6 => says, 1 => again]
}

/// A body, and how far event number, attempt and run are from what they should be.
fn step() -> impl Strategy<Value = (EventBody, Option<Progress>, UnixMillis, [i8; 3])> {
    let off = prop_oneof![9 => Just([0; 3]), 1 => [-1..2_i8, -1..2_i8, -1..2_i8]];
    (body(), option::of(progress()), moment(), off)
}

fn event(
    task: &Task,
    (mut body, progress, at, off): (EventBody, Option<Progress>, UnixMillis, [i8; 3]),
) -> Event {
    if let EventBody::Started { run, .. } = &mut body {
        *run = (task.runs + 1).saturating_add_signed(off[2].into());
    }
    Event {
        seq: (task.version + 1).saturating_add_signed(off[0].into()),
        at,
        by: Principal::new("tester").expect("valid"),
        attempt: task.attempt.saturating_add_signed(off[1].into()),
        progress,
        body,
    }
}

fn begin(id: TaskId, submission: Submission) -> (Event, Task) {
    let first = Event {
        seq: 1,
        at: UnixMillis(1),
        by: Principal::new("tester").expect("valid"),
        attempt: 1,
        progress: None,
        body: EventBody::Submitted(Box::new(submission)),
    };
    let task = Task::begin(id, &first).expect("a first event");
    (first, task)
}

fn round_trip<T>(value: &T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    serde_json::from_str(&serde_json::to_string(value).expect("it can be written"))
        .expect("and read")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_reaches_an_illegal_task(
        id in id(),
        submission in submission(),
        steps in vec(step(), 0..40),
    ) {
        let (first, mut task) = begin(id, submission);
        let mut log = vec![first];
        prop_assert_eq!(illegal(&task), None);
        for step in steps {
            let before = task.clone();
            let event = event(&task, step);
            match task.apply(&event) {
                Ok(()) => {
                    prop_assert_eq!(forgotten(&before, &event, &task), None, "{:?}", event);
                    log.push(event);
                }
                Err(refused) => {
                    prop_assert_eq!(&task, &before, "a refused event changes nothing");
                    prop_assert_eq!(refused.status, Some(before.status));
                    prop_assert_eq!(refused.kind, event.body.kind());
                }
            }
            prop_assert_eq!(illegal(&task), None, "{:?}", task);
        }
        // The fold of what was accepted is the task, and that of every prefix a legal one.
        let mut fold = Task::begin(id, &log[0]).expect("it began so");
        for event in &log[1..] {
            prop_assert_eq!(illegal(&fold), None);
            fold.apply(event).expect("it was accepted");
        }
        prop_assert_eq!(&fold, &task);
        // JSON has one null: an output that is null comes back as none, which is what clients see of it too.
        let mut back = round_trip(&task);
        if task.output.as_deref() == Some(&serde_json::Value::Null) {
            back.output.clone_from(&task.output);
        }
        prop_assert_eq!(back, task);
    }

    #[test]
    fn events_come_back_from_json_and_say_their_kind(
        body in body(),
        by in principal(),
        at in moment(),
        seq in any::<u64>(),
        progress in option::of(progress()),
    ) {
        let event = Event { seq, at, by, attempt: 1, progress, body };
        let json = serde_json::to_value(&event).expect("it can be written");
        prop_assert_eq!(&json["body"]["kind"], event.body.kind());
        prop_assert_eq!(round_trip(&event), event);
    }
}

#[test]
fn the_steps_reach_every_status() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut reached = std::collections::HashSet::new();
    for _ in 0..200 {
        let submission = submission().new_tree(&mut runner).expect("a value").current();
        let (_, mut task) = begin(TaskId::from_bytes([0; 16]), submission);
        for _ in 0..40 {
            let step = step().new_tree(&mut runner).expect("a value").current();
            let event = event(&task, step);
            let _ = task.apply(&event);
            reached.insert((task.status, task.attempt > 1, task.resuming, task.waiting_for));
        }
    }
    for status in Status::ALL {
        assert!(reached.iter().any(|seen| seen.0 == status), "never {}", status.as_str());
    }
    assert!(reached.iter().any(|seen| seen.1) && reached.iter().any(|seen| seen.2));
}

#[test]
fn names_of_codes_and_statuses_are_the_serialised_ones() {
    for code in CODES {
        assert_eq!(serde_json::to_value(code).expect("a name"), code.as_str());
    }
    for status in Status::ALL {
        assert_eq!(serde_json::to_value(status).expect("a name"), status.as_str());
    }
}

#[test]
fn a_log_begins_with_submitted_alone() {
    let event = Event {
        seq: 1,
        at: UnixMillis(1),
        by: Principal::new("tester").expect("valid"),
        attempt: 1,
        progress: None,
        body: EventBody::RetryRequested {},
    };
    let refused = Task::begin(TaskId::from_bytes([0; 16]), &event).expect_err("it is no beginning");
    assert_eq!((refused.kind, refused.status), ("retry_requested", None));
}

#[test]
fn crashes_are_counted_from_the_last_news_of_an_attempt() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let submission = proptest::strategy::ValueTree::current(
        &submission().new_tree(&mut runner).expect("a value"),
    );
    let (_, mut task) = begin(TaskId::from_bytes([0; 16]), submission);
    let mut follow = |body: EventBody| {
        let event = event(&task, (body, None, UnixMillis(2), [0; 3]));
        task.apply(&event).expect("it may follow");
        task.recoveries
    };
    let started = || EventBody::Started {
        placed: None,
        run: 0,
        worker: WorkerId::new("worker").expect("valid"),
        engine: "engine".into(),
        workspace: None,
    };
    let crash = || EventBody::Interrupted { reason: InterruptReason::Crash };
    assert_eq!((follow(started()), follow(crash())), (0, 1));
    assert_eq!((follow(started()), follow(crash())), (1, 2), "a start is no news");
    follow(started());
    let until = Some(UnixMillis(9));
    follow(EventBody::Waiting { waiting_for: WaitingFor::Timer, until, awaits: None });
    assert_eq!(follow(EventBody::Resumed { warm: true }), 2, "nor is a wait, which is repeated");
    assert_eq!(follow(EventBody::Emitted { kind: "step".into(), data: json!(1) }), 0);
    assert_eq!(follow(crash()), 1);
}
