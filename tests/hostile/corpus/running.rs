//! Runs an entry of the corpus, beside a neighbour, on a server that must stay as it is.

use std::fs::File;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Ends, Entry, Guest};
use crate::harness::{Client, Server, millis, plugin, shared, wasm};
use crate::hostile::met_a_bound;

/// Work of one round of the neighbour: some ten milliseconds.
const NEIGHBOUR_STEPS: u64 = 2_000_000;
/// What one round may take. It does not time the server: it finds one that is held up.
const NEIGHBOUR_PATIENCE: Duration = Duration::from_secs(10);
/// When a guest that goes on for ever is stopped.
const SHORT_TIMEOUT_MS: u64 = 300;
/// How late the end of a run may come. Promised are 100 ms on an idle machine; here all cores are at
/// work for other tests.
const OVERSHOOT_MS: i64 = 2_000;
/// Memory that the server may ever have taken: its pool, and a few guests within their limits.
const PEAK_BYTES: u64 = 900 << 20;
/// Files that the server may hold open while nothing of a guest's is.
const OPEN_FILES: usize = 400;

/// How many guests of this server compute at once.
const SLOTS: usize = 6;

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let server = Server::start_logged(&["--slots", &SLOTS.to_string()]);
    shared::bury_after_this_process(&server);
    for (name, file) in [("probe", "test/probe"), ("program", "test/command-probe")] {
        server.operator().upload(name, &plugin(file)).expect(201);
    }
    server
});

/// Runs a family, and says of all that end otherwise than they must.
pub(super) fn run(entries: &[Entry]) {
    let mut wrong = Vec::new();
    for entry in entries {
        let begun = Instant::now();
        let ended = std::panic::catch_unwind(|| check(entry));
        let well = std::panic::catch_unwind(server_is_well);
        eprintln!("{:>6} ms  {}", begun.elapsed().as_millis(), entry.name);
        if ended.is_err() || well.is_err() {
            wrong.push(entry.name);
        }
    }
    assert!(wrong.is_empty(), "these ended otherwise than they must: {wrong:?}");
}

fn check(entry: &Entry) {
    let client = SERVER.operator();
    let bytes = match &entry.guest {
        Guest::Text(text) => wasm::from_text(text),
        Guest::Made(make) => make(),
        Guest::Probe => return ends(entry, "probe"),
        Guest::Program => return ends(entry, "program"),
    };
    let answer = std::thread::scope(|scope| {
        let upload = scope.spawn(|| client.upload(entry.name, &bytes));
        loop {
            Neighbour::begin(&client).end();
            if upload.is_finished() {
                return upload.join().expect("it is answered");
            }
        }
    });
    if let Ends::Refused(reason) = entry.ends {
        assert_eq!(answer.status, 422, "{}: {answer:?}", entry.name);
        let problem = answer.json();
        let detail = problem["detail"].as_str().expect("it says why");
        assert!(detail.contains(reason), "{}: {detail:?} does not say {reason:?}", entry.name);
        client.get(&format!("/v1/executors/{}", entry.name)).problem(404, "not_found");
        return;
    }
    assert_eq!(answer.status, 201, "{}: {}", entry.name, String::from_utf8_lossy(&answer.bytes));
    ends(entry, entry.name);
}

fn ends(entry: &Entry, executor: &str) {
    let client = SERVER.agent();
    let mut request = json!({
        "executor": executor, "input": entry.input, "limits": entry.limits, "artifacts": entry.artifacts,
        "retry": {"max_attempts": 1}, "labels": {"guest": entry.name},
    });
    match &entry.ends {
        Ends::Refused(_) => unreachable!("it was refused at its upload"),
        Ends::Never => {
            cancelled(&client, &request);
            request["limits"]["timeout_ms"] = json!(SHORT_TIMEOUT_MS);
            let task = beside_a_neighbour(&client, &request);
            met_a_bound(&task, "timeout", "timeout_ms", SHORT_TIMEOUT_MS);
            let ran_ms = millis(&task["finished_at"]) - millis(&task["started_at"]);
            let late_ms = ran_ms - SHORT_TIMEOUT_MS as i64;
            assert!(late_ms <= OVERSHOOT_MS, "it ran for {late_ms} ms more");
        }
        Ends::Waits => waits(&client, &request),
        Ends::Bound { code, limit, value } => {
            met_a_bound(&beside_a_neighbour(&client, &request), code, limit, *value);
        }
        Ends::Failed { code, message } => {
            let task = beside_a_neighbour(&client, &request);
            assert_eq!(task["error"]["code"], *code, "{task}");
            let said = task["error"]["message"].as_str().expect("an error has a message");
            assert!(said.contains(message), "{said:?} does not say {message:?}");
        }
        Ends::Completed(output) => {
            let task = beside_a_neighbour(&client, &request);
            assert_eq!(task["status"], "completed", "{task}");
            assert_eq!(task["output"], *output, "{task}");
        }
    }
}

/// Lets a task wait, with neighbours in all slots, and cancels it.
fn waits(client: &Client, request: &Value) {
    let id = client.submit(request);
    client.follow(&id, &[]).until(|message| message.event == "waiting");
    let neighbours: Vec<_> = (0..SLOTS).map(|_| Neighbour::begin(client)).collect();
    neighbours.into_iter().for_each(Neighbour::end);
    let task = client.get(&format!("/v1/tasks/{id}")).expect(200);
    assert_eq!((&task["status"], &task["waiting_for"]), (&json!("waiting"), &json!("timer")));
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    assert_eq!(client.finish(&id)["status"], "cancelled");
}

/// Cancels a task that is at work, and checks that it ends by that, soon.
fn cancelled(client: &Client, request: &Value) {
    let id = client.submit(request);
    client.follow(&id, &[]).until(|message| message.event == "started");
    client.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).expect(202);
    let task = client.finish(&id);
    assert_eq!(task["status"], "cancelled", "{task}");
    let events = client.events(&id);
    let at = |kind: &str| {
        let event = events.iter().find(|event| event["kind"] == kind);
        millis(&event.unwrap_or_else(|| panic!("there is no {kind}: {events:?}"))["at"])
    };
    let late_ms = at("cancelled") - at("cancel_requested");
    assert!(late_ms <= OVERSHOOT_MS, "it was stopped after {late_ms} ms");
}

/// Runs a task to its end while neighbours come and go, and returns it.
fn beside_a_neighbour(client: &Client, request: &Value) -> Value {
    let mut neighbour = Neighbour::begin(client);
    let id = client.submit(request);
    loop {
        neighbour.end();
        let task = client.get(&format!("/v1/tasks/{id}?wait_ms=20")).expect(200);
        if matches!(task["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
            return task;
        }
        neighbour = Neighbour::begin(client);
    }
}

/// A well-behaved task.
struct Neighbour<'a> {
    client: &'a Client,
    id: String,
    begun: Instant,
}

impl<'a> Neighbour<'a> {
    fn begin(client: &'a Client) -> Self {
        let id = client.submit(&json!({
            "executor": "probe", "input": {"do": "spin", "iterations": NEIGHBOUR_STEPS},
        }));
        Self { client, id, begun: Instant::now() }
    }

    fn end(self) {
        static SUM: LazyLock<u64> = LazyLock::new(|| {
            (0..NEIGHBOUR_STEPS).fold(0_u64, |sum, step| {
                sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step)
            })
        });
        let task = self.client.finish(&self.id);
        assert_eq!(task["output"]["sum"], *SUM, "{task}");
        let took = self.begun.elapsed();
        assert!(took < NEIGHBOUR_PATIENCE, "a neighbour took {took:?}");
    }
}

/// Checks that the server answers, has not panicked, and has neither memory nor files left over.
fn server_is_well() {
    assert_eq!(SERVER.operator().get("/readyz").status, 200);
    let log = SERVER.data().join("server.log");
    let log = std::io::read_to_string(File::open(log).expect("it has a log")).expect("it is text");
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
    let process = format!("/proc/{}", SERVER.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(format!("{process}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("it is a number");
    assert!(peak_kib << 10 <= PEAK_BYTES, "the server took {} MiB", peak_kib >> 10);
    let open = std::fs::read_dir(format!("{process}/fd")).expect("it runs").count();
    assert!(open <= OPEN_FILES, "the server holds {open} files open");
}
