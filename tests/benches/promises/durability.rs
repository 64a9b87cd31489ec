//! What it costs that nothing is lost: journaled calls, a resume out of memory, a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use errand_core::{Append, Claim, Draft, EventBody, Guard, Store, UnixMillis};
use errand_store::{MemoryStore, SledOptions, SledStore};
use serde_json::json;

use crate::harness::{Server, millis, plugin};
use crate::inside::{Inside, Setup, principal, worker};
use crate::load::{self, Submission, client_runtime, noop_server, noop_task};
use crate::report::{Figure, percentile};

/// Calls of one task.
const CALLS: usize = 5_000;
/// Tasks of which the median is taken.
const ROUNDS: usize = 15;
/// Answers that a resumed task is given again.
const ANSWERS: usize = 1_000;
/// Tasks that are queued, and that were running, when the server died.
const QUEUED: usize = 100_000;
const INTERRUPTED: usize = 1_000;
/// The largest batch that is taken: filling a store is not what is measured.
const FILL_BATCH: usize = 1_000;

/// One task that makes effect-free journaled calls, over the durable store and over the one in memory.
pub(crate) fn journaled_calls() -> Vec<Figure> {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let store = SledStore::open(&directory.path().join("store"), SledOptions::default());
    let store = Arc::new(store.expect("the store can be opened"));
    let blobs = Arc::new(store.blobs().clone());
    let durable = Inside::start(store, blobs, Setup::of_probes(&directory.path().join("durable")));
    let store = Arc::new(MemoryStore::new());
    let blobs = Arc::new(store.blobs().clone());
    let memory = Inside::start(store, blobs, Setup::of_probes(&directory.path().join("memory")));
    let calls = json!({"do": "program", "steps": vec![json!({"do": "sleep", "ms": 0}); CALLS]});
    let (mut on_disk, mut in_memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        on_disk.push(durable.time_of("probe", &calls));
        in_memory.push(memory.time_of("probe", &calls));
    }
    let (on_disk, in_memory) = (percentile(&mut on_disk, 50.0), percentile(&mut in_memory, 50.0));
    vec![
        Figure::new("5,000 journaled calls in one task", on_disk, "ms"),
        Figure::new("5,000 journaled calls, store in memory", in_memory, "ms"),
        Figure::new("journaled calls, durable against in memory", on_disk / in_memory, "×")
            .at_most(2.0),
    ]
}

/// From the moment that a timer fires until a task has ended that is in no memory and is given a thousand
/// answers again.
pub(crate) fn cold_resume() -> Vec<Figure> {
    let server = Server::start_with(&["--warm", "0"]);
    server.operator().upload("probe", &plugin("test/probe")).expect(201);
    let mut steps = vec![json!({"do": "sleep", "ms": 0}); ANSWERS];
    steps.push(json!({"do": "sleep", "ms": 300}));
    let task = json!({"executor": "probe", "input": {"do": "program", "steps": steps}});
    let agent = server.agent();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let id = agent.submit(&task);
        assert_eq!(agent.finish(&id)["status"], "completed");
        let events = agent.events(&id);
        let at = |kind: &str| {
            let event = events.iter().rfind(|event| event["kind"] == kind);
            millis(&event.unwrap_or_else(|| panic!("there is no {kind}: {events:?}"))["at"])
        };
        assert_eq!(events.iter().filter(|event| event["kind"] == "started").count(), 2);
        times.push((at("completed") - at("timer_fired")) as f64);
    }
    let name = "resume out of memory with 1,000 answers, timer to end";
    vec![Figure::new(name, percentile(&mut times, 50.0), "ms").at_most(50.0)]
}

/// From the start of a server whose predecessor was killed until it is ready.
pub(crate) fn restart() -> Vec<Figure> {
    let server = noop_server(true);
    client_runtime().block_on(async {
        let batch = Submission::batch(&server, &noop_task(), FILL_BATCH);
        load::submit(&server, batch, 1, QUEUED + INTERRUPTED).await;
    });
    let data = server.kill();
    let died = std::process::Command::new(std::env::current_exe().expect("it has a path"))
        .args([BEGIN_AND_DIE.as_ref(), data.path().join("store").as_os_str()])
        .status();
    assert!(died.expect("this program can be started").success());
    let began = Instant::now();
    let server = Server::start_on(data, &[]);
    assert_eq!(server.operator().get("/readyz").status, 200);
    let took_s = began.elapsed().as_secs_f64();
    let queue = server.operator().get("/v1/queue").expect(200);
    assert_eq!(queue["by_status"]["queued"], QUEUED + INTERRUPTED, "{queue}");
    vec![Figure::new("restart, 100,000 queued and 1,000 interrupted", took_s, "s").at_most(2.0)]
}

/// What this program is called with to do [`begin_and_die`].
pub(crate) const BEGIN_AND_DIE: &str = "begin-and-die";

/// Starts tasks as a worker does, and ends as one that is killed: nothing is closed.
pub(crate) fn begin_and_die(store: &Path) -> ! {
    client_runtime().block_on(begin(store));
    std::process::exit(0)
}

async fn begin(store: &Path) {
    let store = SledStore::open(store, SledOptions::default()).expect("the store can be opened");
    let now = UnixMillis(u64::MAX / 4);
    let claim = Claim { worker: worker(), max: INTERRUPTED, now, lease_until: now };
    let store = std::mem::ManuallyDrop::new(store);
    for claimed in store.claim(claim).await.expect("tasks can be claimed").items {
        let body = EventBody::Started {
            placed: None,
            run: 1,
            worker: worker(),
            engine: "another".into(),
            workspace: None,
        };
        let draft = Draft { at: now, by: principal(), progress: None, body };
        let guard = Guard::Lease(claimed.epoch);
        store.append(Append::new(claimed.task.id, guard, vec![draft])).await.expect("it starts");
    }
}
